import * as fs from 'node:fs';

import {LabError} from '../errors';

/** What to do about a file of torch.save that holds more than tensors, or holds them in another way. */
const plainStateDict =
  'Nothing of it was run. Take a checkpoint that holds a plain state dict, ' +
  "or make one in Python: torch.save(model.state_dict(), 'state_dict.pth').";

/** An open checkpoint file, read by position. */
export class Source {
  readonly size: number;
  private readonly descriptor: number;
  private open = true;

  /** Throws a LabError when `file` is absent, not a regular file, empty, or forbidden. */
  constructor(readonly file: string) {
    try {
      const stats = fs.statSync(file);
      if (!stats.isFile()) throw new LabError(`${file}: not a file. Name the checkpoint file itself.`);
      this.size = stats.size;
      this.descriptor = fs.openSync(file, 'r');
    } catch (error) {
      if (error instanceof LabError) throw error;
      const code = (error as NodeJS.ErrnoException).code;
      throw new LabError(`${file}: cannot be opened (${code}). Check its name and its permissions.`);
    }
    if (this.size === 0) {
      this.close();
      throw this.damaged('the file is empty');
    }
  }

  /** Fills `into` with the bytes that start at `position`. */
  read(position: number, into: Uint8Array): void {
    if (!this.open) throw new LabError(`${this.file}: read after close(). Open the checkpoint again.`);
    for (let done = 0; done < into.length;) {
      const wanted = Math.min(into.length - done, 2 ** 30); // one read takes less than 2 GiB
      const got = this.readSome(into, done, wanted, position + done);
      if (got === 0) throw this.damaged(`it ends at byte ${position + done}, within what is to be read`);
      done += got;
    }
  }

  /** The `length` bytes that start at `position`; throws when the file ends before. */
  bytes(position: number, length: number, what: string): Buffer {
    if (position + length > this.size) {
      throw this.damaged(`${what} needs bytes ${position} to ${position + length}, past the file's end`);
    }
    const bytes = Buffer.alloc(length);
    this.read(position, bytes);
    return bytes;
  }

  close(): void {
    if (this.open) fs.closeSync(this.descriptor);
    this.open = false;
  }

  /** The error of a file that is broken in the way `problem` says. */
  damaged(problem: string): LabError {
    return new LabError(
      `${this.file} (${this.size} bytes): ${problem}. ` +
        `The file is damaged or incomplete: fetch it again from where it came.`,
    );
  }

  /** The error of a whole file that holds what is not read here. */
  refused(problem: string, remedy = plainStateDict): LabError {
    return new LabError(`${this.file}: ${problem}. ${remedy}`);
  }

  private readSome(into: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return fs.readSync(this.descriptor, into, offset, length, position);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new LabError(
        `${this.file}: cannot be read at byte ${position} (${code}). Check the disk it is on.`,
      );
    }
  }
}

/** Reads the bytes [position, end) of a source forward, through a small window. */
export class ByteStream {
  private window: Buffer = Buffer.alloc(0);
  private next = 0;

  constructor(
    readonly source: Source,
    private start: number,
    private readonly end: number,
  ) {}

  /** Where in the file the next byte stands. */
  get position(): number {
    return this.start + this.next;
  }

  byte(): number {
    return this.take(1)[0];
  }

  /** The next `length` bytes; valid until the next call. */
  take(length: number): Buffer {
    if (this.next + length > this.window.length) this.advance(length);
    this.next += length;
    return this.window.subarray(this.next - length, this.next);
  }

  text(length: number): string {
    return this.take(length).toString('utf8');
  }

  /** The text up to the next line feed, which is skipped. */
  line(): string {
    const bytes: number[] = [];
    for (let byte = this.byte(); byte !== 0x0a; byte = this.byte()) {
      if (bytes.push(byte) > 1000) throw this.source.damaged(`a name at byte ${this.position} never ends`);
    }
    return Buffer.from(bytes).toString('utf8');
  }

  private advance(length: number): void {
    const position = this.position;
    const left = this.end - position;
    if (length > left) {
      throw this.source.damaged(`${length} bytes are announced at byte ${position}, where ${left} are left`);
    }
    this.window = this.source.bytes(position, Math.min(Math.max(length, 2 ** 16), left), 'a pickle');
    this.start = position;
    this.next = 0;
  }
}
