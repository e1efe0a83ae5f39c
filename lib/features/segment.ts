import * as fs from 'node:fs';
import {join} from 'node:path';
import {writeFully} from '../storage';

/** The names of a segment's files: records, the name of each, a line each, and the seconds that each cost, in the same order. */
export interface SegmentFiles {
  records: string;
  index: string;
  /** Older segments have no such file. */
  seconds: string;
}

/** The files of a segment of this name. */
export const segmentFiles = (name: string): SegmentFiles => ({
  records: `${name}.bin`,
  index: `${name}.txt`,
  seconds: `${name}.seconds`,
});

/** The segments in a store's folder; the older layout had one, called otherwise. */
export function segmentsIn(folder: string): SegmentFiles[] {
  const names = fs.readdirSync(folder);
  const segments = names
    .filter((name) => name.endsWith('.txt') && names.includes(name.replace(/txt$/, 'bin')))
    .map((index) => segmentFiles(index.replace(/\.txt$/, '')));
  const older = {records: 'features.bin', index: 'index.txt', seconds: 'features.seconds'};
  return names.includes(older.index) && names.includes(older.records) ? [older, ...segments] : segments;
}

/** The names of a segment's records; a last line that was not finished is left out. */
export function readIndex(folder: string, {index}: SegmentFiles): string[] {
  return fs.readFileSync(join(folder, index), 'utf8').split('\n').slice(0, -1);
}

/** What one writer added to a store: read by all, written by nobody else. */
export class Segment {
  private records: number; // the open file
  private known = 0;
  /** The bytes of the lines of the records that are known. */
  private indexBytes = 0;

  /** Opens the segment for reading. */
  constructor(
    private readonly folder: string,
    readonly files: SegmentFiles,
    private readonly recordBytes: number,
  ) {
    this.records = fs.openSync(this.path(files.records), 'r');
  }

  /** Lays a new segment, to be appended to. */
  static create(folder: string, files: SegmentFiles, recordBytes: number): Segment {
    for (const name of [files.records, files.index, files.seconds])
      fs.writeFileSync(join(folder, name), '', {flag: 'wx'});
    return new Segment(folder, files, recordBytes);
  }

  /** The number of records that are known. */
  get count(): number {
    return this.known;
  }

  /** The names of the records that have come since the last call, or since the segment was opened, in order. */
  grown(): string[] {
    const size = fs.statSync(this.path(this.files.index), {throwIfNoEntry: false})?.size ?? 0;
    if (size <= this.indexBytes) return [];
    const lines = this.readLines(size);
    // Opening it anew makes a network share look again.
    const records = fs.openSync(this.path(this.files.records), 'r');
    fs.closeSync(this.records);
    this.records = records;
    const whole = Math.floor(fs.fstatSync(records).size / this.recordBytes);
    const names = lines.slice(0, Math.max(0, whole - this.known));
    this.remember(names);
    return names;
  }

  /** Reads a record into `bytes`; false when it is not there any more. */
  read(row: number, bytes: Uint8Array): boolean {
    return fs.readSync(this.records, bytes, 0, this.recordBytes, row * this.recordBytes) === this.recordBytes;
  }

  /** The seconds that each record cost, as far as they are known. */
  seconds(): Float32Array {
    const file = this.path(this.files.seconds);
    const bytes = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0);
    return Float32Array.from({length: Math.floor(bytes.length / 4)}, (_, row) => bytes.readFloatLE(4 * row));
  }

  /** Adds records, their names and the seconds that each cost; nothing is added when that fails. Returns the number of the first one. */
  append(names: readonly string[], records: Uint8Array, secondsEach: number): number {
    const {records: bytes, index, seconds} = this.files;
    const [bin, txt, cost] = [bytes, index, seconds].map((name) => fs.openSync(this.path(name), 'r+'));
    const costs = Buffer.from(new Float32Array(names.length).fill(secondsEach).buffer);
    const first = this.known;
    try {
      writeFully(bin, records, first * this.recordBytes);
      fs.fdatasyncSync(bin);
      writeFully(cost, costs, 4 * first);
      writeFully(txt, Buffer.from(linesOf(names)), this.indexBytes);
    } catch (error) {
      cut(txt, this.indexBytes);
      cut(cost, 4 * first);
      cut(bin, first * this.recordBytes);
      throw error;
    } finally {
      fs.closeSync(bin);
      fs.closeSync(txt);
      fs.closeSync(cost);
    }
    this.remember(names);
    return first;
  }

  close(): void {
    fs.closeSync(this.records);
  }

  private readLines(end: number): string[] {
    const bytes = Buffer.alloc(end - this.indexBytes);
    const descriptor = fs.openSync(this.path(this.files.index), 'r');
    try {
      const got = fs.readSync(descriptor, bytes, 0, bytes.length, this.indexBytes);
      // What follows the last line break was not finished.
      return bytes.subarray(0, got).toString('utf8').split('\n').slice(0, -1);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  private remember(names: readonly string[]): void {
    this.known += names.length;
    this.indexBytes += Buffer.byteLength(linesOf(names));
  }

  private path(name: string): string {
    return join(this.folder, name);
  }
}

/** Cuts off what an append that failed left. */
function cut(descriptor: number, bytes: number): void {
  if (fs.fstatSync(descriptor).size > bytes) fs.ftruncateSync(descriptor, bytes);
}

function linesOf(names: readonly string[]): string {
  return names.map((name) => `${name}\n`).join('');
}
