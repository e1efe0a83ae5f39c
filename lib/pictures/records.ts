/**
 * Files of records in CIFAR's binary layout (www.cs.toronto.edu/~kriz/cifar.html): one byte of label, or two (coarse,
 * fine), then the 32 x 32 values of red, of green and of blue, row by row. A record is read by its position, so a file of
 * any length costs no memory.
 */
import {type FileHandle, open, stat} from 'node:fs/promises';
import type {Sharp} from 'sharp';
import {LabError} from '../errors';
import type {Picture, Size} from './picture';
import {sharp} from './vips';

/** Pixels a side. */
export const recordSide = 32;
const places = recordSide ** 2;

/** Bytes of a record's pixels. */
export const recordPixels = 3 * places;

/** Some records that follow one another. */
export interface RecordBlock {
  /** The number of the first, from 0. */
  first: number;
  /** What stands before the pixels of each, `labelBytes` values a record. */
  labels: Uint8Array;
  /** The pixels of each, `[3, 32, 32]`. */
  planes: Uint8Array[];
}

const recordsPerBlock = 1000;

/** A file of records. */
export class RecordFile {
  private constructor(
    readonly path: string,
    readonly labelBytes: number,
    readonly count: number,
  ) {}

  /** Throws LabError when the file is not there or does not hold a whole number of records. */
  static async open(path: string, labelBytes: number): Promise<RecordFile> {
    const bytes = recordPixels + labelBytes;
    const {size} = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new LabError(`${path} cannot be read (${error.code}). Put the file of records there.`);
    });
    if (size > 0 && size % bytes === 0) return new RecordFile(path, labelBytes, size / bytes);
    const last = Math.floor(size / bytes);
    throw new LabError(
      `${path} is cut short or holds something else: of its record ${last} there are ${size % bytes} of ${bytes} bytes. ` +
        `Put the whole file there.`,
    );
  }

  /** All records from the first to the last, some at a time. */
  async *blocks(signal?: AbortSignal): AsyncGenerator<RecordBlock, void, void> {
    const {labelBytes} = this;
    const bytes = recordPixels + labelBytes;
    const handle = await open(this.path);
    try {
      for (let first = 0; first < this.count; first += recordsPerBlock) {
        signal?.throwIfAborted();
        const count = Math.min(recordsPerBlock, this.count - first);
        const block = await this.bytes(handle, first * bytes, count * bytes);
        const labels = new Uint8Array(count * labelBytes);
        const planes: Uint8Array[] = [];
        for (let i = 0; i < count; i++) {
          labels.set(block.subarray(i * bytes, i * bytes + labelBytes), i * labelBytes);
          planes.push(block.subarray(i * bytes + labelBytes, (i + 1) * bytes));
        }
        yield {first, labels, planes};
      }
    } finally {
      await handle.close();
    }
  }

  /** The pixels of one record, `[3, 32, 32]`. */
  async planes(index: number): Promise<Uint8Array> {
    const handle = await open(this.path);
    try {
      const start = index * (recordPixels + this.labelBytes) + this.labelBytes;
      return await this.bytes(handle, start, recordPixels);
    } finally {
      await handle.close();
    }
  }

  private async bytes(handle: FileHandle, start: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length);
    const {bytesRead} = await handle.read(buffer, 0, length, start);
    if (bytesRead === length) return buffer;
    throw new LabError(
      `${this.path} has become shorter: it ends before byte ${start + length}. Put it back whole.`,
    );
  }
}

/** A picture that is a record of a file. */
export class RecordPicture implements Picture {
  constructor(
    private readonly file: RecordFile,
    private readonly index: number,
    readonly name: string,
    readonly key: string,
  ) {}

  get place(): string {
    return `${this.file.path}, record ${this.index}`;
  }

  size(): Promise<Size> {
    return Promise.resolve({width: recordSide, height: recordSide});
  }

  async image(): Promise<Sharp> {
    const pixels = interleaved(await this.file.planes(this.index));
    return sharp(pixels, {raw: {width: recordSide, height: recordSide, channels: 3}});
  }
}

/** Planes `[3, 32, 32]` as pixels `[32, 32, 3]`. */
export function interleaved(planes: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(recordPixels);
  for (let channel = 0; channel < 3; channel++) {
    for (let place = 0; place < places; place++)
      pixels[3 * place + channel] = planes[channel * places + place];
  }
  return pixels;
}

/** Writes pixels `[32, 32, 3]` as planes `[3, 32, 32]` into `planes`. */
export function separate(pixels: Uint8Array, planes: Uint8Array): void {
  for (let channel = 0; channel < 3; channel++) {
    for (let place = 0; place < places; place++)
      planes[channel * places + place] = pixels[3 * place + channel];
  }
}

/** sRGB's levels as light (IEC 61966-2-1), and back, in 8 bits. */
const light = Float64Array.from({length: 256}, (_, level) => {
  const value = level / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});
const levels = Float64Array.from({length: 257}, (_, i) => {
  const value = Math.min(i / 255, 1);
  return 255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
});

/** The grey levels `[32, 32]` of planes `[3, 32, 32]`: their luminance, as libvips weighs it. */
export function greyOf(planes: Uint8Array): Uint8Array {
  const grey = new Uint8Array(places);
  for (let place = 0; place < places; place++) {
    const luminance =
      255 *
      (0.2126 * light[planes[place]] +
        0.7152 * light[planes[places + place]] +
        0.0722 * light[planes[2 * places + place]]);
    const below = Math.floor(luminance);
    grey[place] = Math.round(levels[below] + (levels[below + 1] - levels[below]) * (luminance - below));
  }
  return grey;
}
