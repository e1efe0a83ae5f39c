import {isUtf8} from 'node:buffer';
import {createWriteStream} from 'node:fs';
import {mkdir, rename, rm} from 'node:fs/promises';
import * as path from 'node:path';
import {Transform} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {openPromise, validateFileName, type Entry, type ZipFile} from 'yauzl';

import {requireSpace, writingError} from '../storage';
import {LabError} from '../errors';
import {crc32} from './crc32';
import {isLitter} from './walk';

export interface UnzipOptions {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
  /** Refuse archives that unpack to more than this many times their size (photos: about 1). Default 100. */
  largestRatio?: number;
}

/** Small archives may pack well without being a trap. */
const harmlessBytes = 64 * 2 ** 20;
const mostEntries = 2_000_000;
const fileTypeMask = 0o170000;
const regularFile = 0o100000;

/**
 * Unpacks a zip archive into the folder `to`, which must not exist: into `<to>.part` first, moved into place when complete;
 * what a killed process left there is removed, so the caller sees to it that one unpacks at a time. Nothing is written unless every entry is harmless: absolute paths, drives, `..`, control
 * characters, links, encrypted entries and archives that unpack to far more than their size are refused; backslashes separate
 * folders, as PowerShell and .NET write them. Operating systems' litter (`__MACOSX`,
 * `.DS_Store`) is left out. Throws LabError for these, and for truncated and damaged archives.
 */
export async function unzip(archive: string, to: string, options: UnzipOptions = {}): Promise<void> {
  try {
    const zip = await openPromise(archive, {autoClose: false});
    try {
      const entries = await listEntries(zip, archive, options.largestRatio ?? 100);
      await extractAll(zip, entries, to, options);
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof LabError || options.signal?.aborted) throw error;
    throw unzipError(archive, (error as Error).message);
  }
}

async function listEntries(zip: ZipFile, archive: string, largestRatio: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    entry.fileName = nameOf(entry);
    const {fileName} = entry;
    if (fileName.endsWith('/') || fileName.split('/').some(isLitter)) continue;
    const refusal = refusalOf(entry);
    if (refusal) {
      throw new LabError(`${archive} is refused: ${JSON.stringify(fileName)} ${refusal}. Get it elsewhere.`);
    }
    if (entry.isEncrypted()) {
      throw new LabError(
        `${archive} cannot be unpacked: ${JSON.stringify(fileName)} is encrypted. Unpack it with its password and name the folder.`,
      );
    }
    if (!readMethods.includes(entry.compressionMethod)) throw methodError(archive, entry);
    entries.push(entry);
    bytes += entry.uncompressedSize;
    if (entries.length > mostEntries || bytes > Math.max(harmlessBytes, zip.fileSize * largestRatio)) {
      throw new LabError(
        `${archive} is refused: its ${zip.fileSize} bytes would unpack to ${bytes} or more in ${entries.length} files, ` +
          `as a zip bomb does. Get it elsewhere.`,
      );
    }
  }
  if (entries.length === 0) throw new LabError(`${archive} holds no files. Get it elsewhere.`);
  requirePlaces(archive, entries);
  return entries;
}

const utf8Flag = 0x800;
const unicodePath = 0x7075;

/**
 * The name of an entry. Packers such as that of macOS write UTF-8 without saying so (APPNOTE.TXT, appendix D), and what is
 * UTF-8 is hardly ever meant as anything else. Throws an Error for a name that leads out of the folder.
 */
function nameOf({fileName, fileNameRaw, generalPurposeBitFlag, extraFields}: Entry): string {
  const isTold = (generalPurposeBitFlag & utf8Flag) !== 0 || extraFields.some(({id}) => id === unicodePath);
  if (isTold || !isUtf8(fileNameRaw)) return fileName;
  const name = fileNameRaw.toString('utf8').replaceAll('\\', '/');
  const fault = validateFileName(name);
  if (fault !== null) throw new Error(fault);
  return name;
}

/** Longest name that file systems take, in bytes. */
const longestName = 255;

/** Throws a LabError for names that no folder can hold: too long, or both a file's and a folder's. */
function requirePlaces(archive: string, entries: readonly Entry[]): void {
  const refused = (name: string, why: string) =>
    new LabError(
      `${archive} cannot be unpacked: ${JSON.stringify(name)} ${why}. Unpack it by other means, rename what lies there, and ` +
        `name the folder.`,
    );
  const folders = new Set<string>();
  for (const {fileName} of entries) {
    const parts = fileName.split('/');
    if (parts.some((part) => Buffer.byteLength(part) > longestName)) {
      throw refused(fileName, `has a name of more than ${longestName} bytes`);
    }
    for (let length = 1; length < parts.length; length++) folders.add(parts.slice(0, length).join('/'));
  }
  const both = entries.find(({fileName}) => folders.has(fileName));
  if (both) throw refused(both.fileName, 'is the name of a file and of a folder');
}

async function extractAll(
  zip: ZipFile,
  entries: Entry[],
  to: string,
  {onProgress, signal}: UnzipOptions,
): Promise<void> {
  const temporary = `${to}.part`;
  try {
    await rm(temporary, {recursive: true, force: true});
    await makeFolder(temporary);
    const bytes = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    await requireSpace(temporary, bytes, to);
    for (const [index, entry] of entries.entries()) {
      signal?.throwIfAborted();
      await extractEntry(zip, entry, path.join(temporary, entry.fileName));
      onProgress?.(index + 1, entries.length);
    }
    await rename(temporary, to);
  } finally {
    await rm(temporary, {recursive: true, force: true});
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, {recursive: true});
  } catch (error) {
    throw writingError(error, folder);
  }
}

async function extractEntry(zip: ZipFile, entry: Entry, file: string): Promise<void> {
  let checksum = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      checksum = crc32(chunk, checksum);
      done(null, chunk);
    },
  });
  const content = await zip.openReadStreamPromise(entry);
  try {
    await mkdir(path.dirname(file), {recursive: true});
    await pipeline(content, check, createWriteStream(file));
  } catch (error) {
    throw writingError(error, file);
  }
  if (checksum !== entry.crc32) throw new Error(`${entry.fileName} does not have its checksum`);
}

/** Paths are checked by yauzl itself, backslashes turned into slashes before. Zip files made on Unix tell the kind of each entry in the upper 16 bits. */
function refusalOf(entry: Entry): string | undefined {
  const kind = (entry.externalFileAttributes >>> 16) & fileTypeMask;
  if (kind !== 0 && kind !== regularFile) return 'is a link or a device, not a file';
  return /[\u0000-\u001f\u007f]/.test(entry.fileName) ? 'has control characters in its name' : undefined;
}

/** Stored and Deflate. */
const readMethods = [0, 8];

/** Names of compression methods (APPNOTE.TXT, section 4.4.5) that packers use beside Deflate. */
const methodNames: Record<number, string> = {
  9: ' (Deflate64)',
  12: ' (bzip2)',
  14: ' (LZMA)',
  93: ' (Zstandard)',
  95: ' (XZ)',
  98: ' (PPMd)',
};

function methodError(archive: string, {compressionMethod, fileName}: Entry): LabError {
  const name = `${compressionMethod}${methodNames[compressionMethod] ?? ''}`;
  return new LabError(
    `${archive} cannot be unpacked: ${fileName} is packed by compression method ${name}, which is not read here. ` +
      `Pack it again with Deflate.`,
  );
}

/** What yauzl and zlib say about an archive, with a remedy. */
function unzipError(archive: string, message: string): LabError {
  if (/relative path|absolute path|characters in fileName/.test(message)) {
    return new LabError(
      `${archive} is refused: an entry would be written outside its folder (${message}). Get it elsewhere.`,
    );
  }
  return new LabError(
    `${archive} cannot be unpacked: ${message.replace(/\.$/, '')}. It is truncated, damaged or no zip archive: move it away ` +
      `and fetch it again.`,
  );
}
