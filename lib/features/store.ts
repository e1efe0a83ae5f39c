/*
 * Frozen features on disk, for any number of kernels at once. Each key (weights, stage, preprocessing, views) has a
 * folder of its own:
 *
 *   <first 16 hex digits of the key's SHA-256>/
 *     key.json       the key and the shape of one record; dated anew whenever the store is opened
 *     <random>.bin   a segment: records of one size, float32, little-endian
 *     <random>.txt   the name of each of its records, a line each, in the same order
 *     <random>.seconds  what computing each of them took, float32
 *     <random>.lock  a mark of each store that is open, so that the folder is not removed
 *   <the same>.lock  for a moment: the folder is being opened, set aside or removed
 *
 * Every store that adds records does so in a segment of its own and reads those of all. So writers need not wait for one
 * another; what two compute at once is there twice, and either serves. A segment only grows, and a record reaches the disk before
 * its line does: the records with a whole line are good whenever and wherever they are read, also those of a killed
 * process. Records of an older layout, one segment called features.bin and index.txt, are read likewise.
 */
import {LabError} from '../errors';
import {isFull, type WaitOptions, writingError} from '../storage';
import {type FeatureKey, featureFolders, folderOf, type OpenedFolder, openFolder} from './folders';
import {Segment, segmentsIn} from './segment';

/** Features by name, all of one shape, kept on disk. */
export class FeatureStore {
  private readonly places = new Map<string, {segment: Segment; row: number}>();
  private readonly segments = new Map<string, Segment>();
  private readonly recordLength: number;
  /** The segment that this store writes, once it has something to write. */
  private own: Segment | null = null;

  /**
   * Opens the store of a key below the folder `parent`, or begins it; others may have it open at the same time. `shape`
   * is the shape of one record. Throws a LabError when the disk is full or the folder forbidden.
   */
  static async open(
    parent: string,
    {key, shape}: {key: FeatureKey; shape: readonly number[]},
    options: WaitOptions = {},
  ): Promise<FeatureStore> {
    if (shape.length === 0 || !shape.every((size) => Number.isInteger(size) && size > 0)) {
      throw new LabError(
        `frozen features: shape is [${shape.join(', ')}]; give whole numbers of at least 1.`,
      );
    }
    const folder = folderOf(parent, key);
    try {
      return new FeatureStore(parent, folder, shape, await openFolder(folder, key, shape, options));
    } catch (error) {
      throw writingFailure(error, parent, folder);
    }
  }

  private constructor(
    private readonly parent: string,
    readonly folder: string,
    /** The shape of one record. */
    readonly shape: readonly number[],
    private readonly opened: OpenedFolder,
  ) {
    this.recordLength = shape.reduce((product, size) => product * size, 1);
    try {
      this.refresh();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A sentence about a damaged folder that was renamed to `<folder>.damaged-<n>` when this store was opened. */
  get warning(): string | null {
    return this.opened.warning;
  }

  /** The number of records. */
  get size(): number {
    return this.places.size;
  }

  /** Whether a record was there when the store was opened, last refreshed or appended to. */
  has(entry: string): boolean {
    return this.places.has(entry);
  }

  /** Looks for what other stores, also of other processes, have added meanwhile. */
  refresh(): void {
    this.opened.use.requireHeld();
    for (const files of segmentsIn(this.folder)) {
      if (files.records === this.own?.files.records) continue;
      const segment =
        this.segments.get(files.records) ?? this.keep(new Segment(this.folder, files, this.recordBytes));
      const first = segment.count;
      this.remember(segment, segment.grown(), first);
    }
  }

  /**
   * Adds the records of the entries that are not there yet: `features` is `[entries.length, ...shape]`, row-major, and
   * `secondsEach` what computing each of them took, from the photo on; NaN where that is not known.
   * They are on disk when it returns. Throws a LabError when a name is no single line, and when the disk is full.
   */
  append(entries: readonly string[], features: Float32Array, secondsEach = NaN): void {
    const length = this.recordLength;
    if (features.length !== entries.length * length) {
      throw new LabError(
        `frozen features: ${entries.length} entries of shape [${this.shape.join(', ')}] are ` +
          `${entries.length * length} numbers, got ${features.length}.`,
      );
    }
    const rows = new Map<string, number>();
    entries.forEach((entry, row) => {
      if (entry === '' || /[\r\n]/.test(entry)) {
        throw new LabError(`frozen features: ${JSON.stringify(entry)} is no name; give one line of text.`);
      }
      if (!this.has(entry)) rows.set(entry, row);
    });
    if (rows.size === 0) return;
    const records = rows.size === entries.length ? features : rowsOf(features, [...rows.values()], length);
    this.write([...rows.keys()], records, secondsEach);
  }

  /** The records of the entries, `[entries.length, ...shape]`, row-major. Throws a LabError for one that is not there. */
  read(entries: readonly string[]): Float32Array {
    const features = new Float32Array(entries.length * this.recordLength);
    const bytes = bytesOf(features);
    entries.forEach((entry, index) => {
      const place = this.places.get(entry);
      if (!place) {
        throw new LabError(
          `frozen features: '${entry}' is not in ${this.folder}; append it before reading it.`,
        );
      }
      const {segment, row} = place;
      if (!segment.read(row, bytes.subarray(index * this.recordBytes, (index + 1) * this.recordBytes))) {
        throw new LabError(
          `${this.folder}: ${segment.files.records} was cut short while it was open; run again, what is missing is computed anew.`,
        );
      }
    });
    return features;
  }

  /** What computing the records of the entries took together; null where that of one is not known. */
  secondsOf(entries: readonly string[]): number | null {
    const costs = new Map([...this.segments.values()].map((segment) => [segment, segment.seconds()]));
    const known = entries.map((entry) => {
      const place = this.places.get(entry);
      return place ? (costs.get(place.segment)?.[place.row] ?? NaN) : NaN;
    });
    const total = known.reduce((sum, seconds) => sum + seconds, 0);
    return Number.isNaN(total) ? null : total;
  }

  /** Closes the files; the store cannot be used after it. */
  close(): void {
    for (const segment of this.segments.values()) segment.close();
    this.opened.use.release();
  }

  private get recordBytes(): number {
    return this.recordLength * Float32Array.BYTES_PER_ELEMENT;
  }

  private write(entries: readonly string[], records: Float32Array, secondsEach: number): void {
    this.opened.use.requireHeld();
    try {
      this.own ??= this.keep(Segment.create(this.folder, this.opened.segment, this.recordBytes));
      this.remember(this.own, entries, this.own.append(entries, bytesOf(records), secondsEach));
    } catch (error) {
      throw writingFailure(error, this.parent, this.folder);
    }
  }

  private keep(segment: Segment): Segment {
    this.segments.set(segment.files.records, segment);
    return segment;
  }

  private remember(segment: Segment, entries: readonly string[], first: number): void {
    entries.forEach((entry, i) => {
      if (!this.places.has(entry)) this.places.set(entry, {segment, row: first + i});
    });
  }
}

function rowsOf(numbers: Float32Array, rows: readonly number[], length: number): Float32Array {
  const chosen = new Float32Array(rows.length * length);
  rows.forEach((row, i) => chosen.set(numbers.subarray(row * length, (row + 1) * length), i * length));
  return chosen;
}

function bytesOf(numbers: Float32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** What to throw for an error met while writing below `parent`: for a full disk one that says what takes its place. */
function writingFailure(error: unknown, parent: string, folder: string): unknown {
  if (!isFull(error)) return writingError(error, folder);
  const folders = featureFolders(parent).sort((a, b) => b.bytes - a.bytes);
  const total = folders.reduce((sum, {bytes}) => sum + bytes, 0);
  const largest =
    folders.length > 0 ? ` (the largest: ${folders[0].folder}, ${megabytes(folders[0].bytes)})` : '';
  return new LabError(
    `no space left on the disk for frozen features (${(error as NodeJS.ErrnoException).code}). Those in ${parent} take ` +
      `${megabytes(total)}${largest}: delete folders there that you can do without, or free space elsewhere, ` +
      `and run again; what was computed is kept.`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
