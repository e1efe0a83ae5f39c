/**
 * TensorBoard's event files. A record is its length, the length's checksum, the data and the data's checksum; whoever
 * reads stops before one that is not whole, and so a killed writer leaves a readable file.
 */
import * as fs from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {appendWhole, writing} from '../storage';
import {maskedCrc32c} from './crc32c';
import {readEvent, type ReadEvent, sessionEvent, summaryEvent, type Value, versionEvent} from './events';

const prefix = 'events.out.tfevents.';

/** Counts the files of this process, so that no two have one name. */
let filesBegun = 0;

/**
 * One session's events of a folder, in a file of its own, made with the first of them: no other session or kernel ever
 * writes it. Of what earlier sessions wrote, what happened at step `from` or later no longer counts.
 */
export class EventWriter {
  private file: string | null = null;

  constructor(
    readonly folder: string,
    private readonly from: number,
  ) {}

  /** Appends values at a step in one piece. Throws a LabError when the disk is full or the folder forbidden. */
  append(step: number, values: readonly Value[]): void {
    const now = Date.now() / 1000;
    const events = [summaryEvent(now, step, values)];
    if (this.file === null || !fs.existsSync(this.file)) {
      this.file = beginFile(this.folder);
      events.unshift(versionEvent(now), sessionEvent(now, this.from));
    }
    appendWhole(this.file, Buffer.concat(events.map(record)));
  }
}

/** An empty file of a name that no other process, on whatever host, uses. */
function beginFile(folder: string): string {
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
  const host = hostname().replace(/[^\w.-]/g, '_');
  for (;;) {
    const name = `${prefix}${seconds}.${host}.${process.pid}.${String(filesBegun++).padStart(4, '0')}`;
    const file = join(folder, name);
    try {
      writing(file, () => fs.mkdirSync(folder, {recursive: true}));
      fs.closeSync(fs.openSync(file, 'ax'));
      return file;
    } catch (error) {
      // A process of the same id in another container of the same name.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      return writing(file, () => {
        throw error;
      });
    }
  }
}

/** Some data as a record. */
export function record(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16 + data.length);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return bytes;
}

/** The data of the whole records that a file's bytes begin with. */
export function* recordsOf(file: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at + 16 <= file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    if (file.readUInt32LE(at + 8) !== maskedCrc32c(file.subarray(at, at + 8))) return;
    if (at + 16 + length > file.length) return;
    const data = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 12 + length) !== maskedCrc32c(data)) return;
    yield data;
    at += 16 + length;
  }
}

/** The events of a folder, file by file in the order of their beginnings; none where the folder is missing. */
export function* eventsIn(folder: string): Generator<ReadEvent, void, void> {
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder).sort()) {
    if (!name.startsWith(prefix)) continue;
    for (const data of recordsOf(fs.readFileSync(join(folder, name)))) yield readEvent(data);
  }
}

/** The scalars of a tag by step, as TensorBoard shows them: what a later session began anew is left out. */
export function scalarsIn(folder: string, tag: string): Map<number, number> {
  const found = new Map<number, number>();
  for (const {step, isSession, values} of eventsIn(folder)) {
    if (isSession) for (const earlier of [...found.keys()]) if (earlier >= step) found.delete(earlier);
    const content = values.get(tag);
    if (content?.length === 4) found.set(step, content.readFloatLE());
  }
  return found;
}
