/**
 * The part of the ZIP format (PKWARE APPNOTE 6.3) that torch.save writes: stored entries, with or without zip64. Sums
 * (CRC-32) are not compared, as PyTorch itself does not: it can be told to leave them out.
 */
import type {Source} from './source';

/** An entry of the central directory. */
interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly size: number;
  readonly localHeader: number;
}

/** Where in the file an entry's bytes lie. */
export interface Stretch {
  readonly position: number;
  readonly length: number;
}

const signatures = {
  entry: 0x02014b50,
  local: 0x04034b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};

/** More than any directory of a checkpoint (some hundred thousand entries). */
const directoryLimit = 64 * 2 ** 20;

/** The table of contents of a zip file. */
export class ZipDirectory {
  private readonly entries = new Map<string, Entry>();

  /** Throws a LabError when the table is missing (the file was cut) or broken. */
  constructor(private readonly source: Source) {
    const {position, length} = findDirectory(source);
    if (length > directoryLimit) throw source.refused(`its zip directory announces ${length} bytes`);
    const table = source.bytes(position, length, 'the zip directory');
    for (let offset = 0; offset < length;) {
      const {entry, next} = readEntry(source, table, offset);
      this.entries.set(entry.name, entry);
      offset = next;
    }
  }

  /** The first name that ends in `ending`. */
  find(ending: RegExp): string | undefined {
    return [...this.entries.keys()].find((name) => ending.test(name));
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Finds an entry's bytes. Throws a LabError when it is absent, compressed, encrypted or not within the file. */
  locate(name: string): Stretch {
    const {source} = this;
    const entry = this.entries.get(name);
    if (!entry) throw source.damaged(`its zip directory has no entry ${name}`);
    if (entry.method !== 0 || entry.encrypted) {
      const how = entry.encrypted ? 'encrypted' : `compressed (method ${entry.method})`;
      throw source.refused(
        `zip entry ${name} is ${how}, which torch.save never does: the file was packed again`,
      );
    }
    const local = source.bytes(entry.localHeader, 30, `the header of zip entry ${name}`);
    if (local.readUInt32LE(0) !== signatures.local) throw source.damaged(`zip entry ${name} has no header`);
    const position = entry.localHeader + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (position + entry.size > source.size) {
      throw source.damaged(`zip entry ${name} needs bytes ${position} to ${position + entry.size}`);
    }
    return {position, length: entry.size};
  }
}

/** Looks for the end record, which stands last but for a comment of at most 65,535 bytes. */
function findDirectory(source: Source): Stretch {
  const start = Math.max(0, source.size - 22 - 65_535);
  const tail = source.bytes(start, source.size - start, 'the end of the zip directory');
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== signatures.end) continue;
    if (at >= 20 && tail.readUInt32LE(at - 20) === signatures.locator64) {
      const end64 = source.bytes(uint64(tail, at - 12), 56, 'the zip64 end record');
      if (end64.readUInt32LE(0) !== signatures.end64) throw source.damaged('its zip64 end record is missing');
      return {length: uint64(end64, 40), position: uint64(end64, 48)};
    }
    return {length: tail.readUInt32LE(at + 12), position: tail.readUInt32LE(at + 16)};
  }
  throw source.damaged('it starts as a zip file but its end is missing');
}

function readEntry(source: Source, table: Buffer, offset: number): {entry: Entry; next: number} {
  const broken = () => source.damaged(`its zip directory is broken at byte ${offset}`);
  if (offset + 46 > table.length || table.readUInt32LE(offset) !== signatures.entry) throw broken();
  const nameStart = offset + 46;
  const extraStart = nameStart + table.readUInt16LE(offset + 28);
  const extraEnd = extraStart + table.readUInt16LE(offset + 30);
  const next = extraEnd + table.readUInt16LE(offset + 32);
  if (next > table.length) throw broken();

  const large = zip64Numbers(table.subarray(extraStart, extraEnd));
  const number = (at: number): number => {
    const value = table.readUInt32LE(at);
    const full = value === 0xffffffff ? large.shift() : value;
    if (full === undefined) throw broken();
    return full;
  };
  const size = number(offset + 24); // zip64 lists them in this order: size, stored size, place
  number(offset + 20);
  const localHeader = number(offset + 42);
  const entry = {
    name: table.toString('utf8', nameStart, extraStart),
    method: table.readUInt16LE(offset + 10),
    encrypted: (table.readUInt16LE(offset + 8) & 1) === 1,
    size,
    localHeader,
  };
  return {entry, next};
}

/** The numbers of an entry that need more than 32 bits, from its extra field of kind 1. */
function zip64Numbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const end = Math.min(at + 4 + extra.readUInt16LE(at + 2), extra.length);
    const numbers: number[] = [];
    for (let item = at + 4; item + 8 <= end; item += 8) numbers.push(uint64(extra, item));
    return numbers;
  }
  return [];
}

function uint64(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset));
}
