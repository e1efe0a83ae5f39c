/*
 * Frozen features on disk. Each key (weights, stage, preprocessing, views) has a folder of its own:
 *
 *   <first 16 hex digits of the key's SHA-256>/
 *     key.json      the key and the shape of one record; it is rewritten, so dated anew, whenever the store is opened
 *     features.bin  records of one size, float32, little-endian
 *     index.txt     the name of each record, a line each, in the same order
 *     writer.txt    the id of the process that has the store open
 *
 * Features and index only grow, and a record reaches the disk before its line does. So whatever a killed process
 * leaves behind, the records with a whole line and all their bytes are good, and the rest is cut off at the next
 * opening.
 */
import * as fs from 'node:fs';
import {join} from 'node:path';
import {LabError} from '../errors';
import {type FeatureKey, claimFolder, featureFolders, folderOf, readIndex, releaseFolder} from './folders';

/** Features by name, all of one shape, kept on disk. */
export class FeatureStore {
  private readonly rows = new Map<string, number>();
  private readonly recordLength: number;
  private readonly features: number;
  private readonly index: number;
  private indexBytes = 0;

  /**
   * Opens the store of a key below the folder `parent`, or begins it. `shape` is the shape of one record.
   * Throws a LabError when another store of the same key is open, and when the disk is full.
   */
  static open(parent: string, {key, shape}: {key: FeatureKey; shape: readonly number[]}): FeatureStore {
    if (shape.length === 0 || !shape.every((size) => Number.isInteger(size) && size > 0)) {
      throw new LabError(
        `frozen features: shape is [${shape.join(', ')}]; give whole numbers of at least 1.`,
      );
    }
    const folder = folderOf(parent, key);
    return explainFullDisk(parent, () => {
      const warning = claimFolder(folder, key, shape);
      try {
        return new FeatureStore(parent, folder, shape, warning);
      } catch (error) {
        releaseFolder(folder);
        throw error;
      }
    });
  }

  private constructor(
    private readonly parent: string,
    readonly folder: string,
    /** The shape of one record. */
    readonly shape: readonly number[],
    /** A sentence about a damaged folder that was renamed to `<folder>.damaged-<n>` when this store was opened. */
    readonly warning: string | null,
  ) {
    this.recordLength = shape.reduce((product, size) => product * size, 1);
    const {O_RDWR, O_CREAT} = fs.constants;
    this.features = fs.openSync(join(folder, 'features.bin'), O_RDWR | O_CREAT);
    this.index = fs.openSync(join(folder, 'index.txt'), O_RDWR | O_CREAT);
    const wholeRecords = Math.floor(fs.fstatSync(this.features).size / this.recordBytes);
    this.remember(readIndex(folder).slice(0, wholeRecords));
    this.cutUnfinished();
  }

  /** The number of records. */
  get size(): number {
    return this.rows.size;
  }

  has(entry: string): boolean {
    return this.rows.has(entry);
  }

  /**
   * Adds the records of the entries that are not there yet: `features` is `[entries.length, ...shape]`, row-major.
   * They are on disk when it returns. Throws a LabError when a name is no single line, and when the disk is full.
   */
  append(entries: readonly string[], features: Float32Array): void {
    const length = this.recordLength;
    if (features.length !== entries.length * length) {
      throw new LabError(
        `frozen features: ${entries.length} entries of shape [${this.shape.join(', ')}] are ` +
          `${entries.length * length} numbers, got ${features.length}.`,
      );
    }
    const places = new Map<string, number>();
    entries.forEach((entry, place) => {
      if (entry === '' || /[\r\n]/.test(entry)) {
        throw new LabError(`frozen features: ${JSON.stringify(entry)} is no name; give one line of text.`);
      }
      if (!this.rows.has(entry)) places.set(entry, place);
    });
    const records = new Float32Array(places.size * length);
    [...places.values()].forEach((place, row) =>
      records.set(features.subarray(place * length, (place + 1) * length), row * length),
    );
    this.write([...places.keys()], records);
  }

  /** The records of the entries, `[entries.length, ...shape]`, row-major. Throws a LabError for one that is not there. */
  read(entries: readonly string[]): Float32Array {
    const features = new Float32Array(entries.length * this.recordLength);
    const bytes = bytesOf(features);
    entries.forEach((entry, place) => {
      const row = this.rows.get(entry);
      if (row === undefined) {
        throw new LabError(
          `frozen features: '${entry}' is not in ${this.folder}; append it before reading it.`,
        );
      }
      const got = fs.readSync(
        this.features,
        bytes,
        place * this.recordBytes,
        this.recordBytes,
        row * this.recordBytes,
      );
      if (got !== this.recordBytes) {
        throw new LabError(
          `${this.folder}: features.bin was cut short while it was open; run again, it is repaired.`,
        );
      }
    });
    return features;
  }

  /** Closes the files; the store cannot be used after it. */
  close(): void {
    fs.closeSync(this.features);
    fs.closeSync(this.index);
    releaseFolder(this.folder);
  }

  private get recordBytes(): number {
    return this.recordLength * Float32Array.BYTES_PER_ELEMENT;
  }

  private write(entries: readonly string[], records: Float32Array): void {
    explainFullDisk(this.parent, () => {
      try {
        writeAll(this.features, bytesOf(records), this.size * this.recordBytes);
        fs.fdatasyncSync(this.features);
        writeAll(this.index, Buffer.from(linesOf(entries)), this.indexBytes);
      } catch (error) {
        this.cutUnfinished();
        throw error;
      }
    });
    this.remember(entries);
  }

  private remember(entries: readonly string[]): void {
    for (const entry of entries) this.rows.set(entry, this.rows.size);
    this.indexBytes += Buffer.byteLength(linesOf(entries));
  }

  /** Cuts off what stands behind the remembered records and their lines. */
  private cutUnfinished(): void {
    for (const [file, bytes] of [
      [this.features, this.size * this.recordBytes],
      [this.index, this.indexBytes],
    ]) {
      if (fs.fstatSync(file).size > bytes) fs.ftruncateSync(file, bytes);
    }
  }
}

function linesOf(entries: readonly string[]): string {
  return entries.map((entry) => `${entry}\n`).join('');
}

function bytesOf(numbers: Float32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += fs.writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

/** Runs something that writes below `parent`; a full disk becomes a LabError that says what can be deleted. */
function explainFullDisk<T>(parent: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const {code = ''} = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    const folders = featureFolders(parent).sort((a, b) => b.bytes - a.bytes);
    const total = folders.reduce((sum, {bytes}) => sum + bytes, 0);
    const largest =
      folders.length > 0 ? ` (the largest: ${folders[0].folder}, ${megabytes(folders[0].bytes)})` : '';
    throw new LabError(
      `no space left on the disk for frozen features (${code}). Those in ${parent} take ${megabytes(total)}${largest}: ` +
        'delete folders there that you can do without, or free space elsewhere, and run again; what was computed is kept.',
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
