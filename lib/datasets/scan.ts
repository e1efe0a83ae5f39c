/**
 * Reads every photo of a folder of class folders once: its header, its checksum, and, by decoding all of it at the small
 * size that the perceptual hash needs, whether its pixels are all there (a header alone does not tell a truncated file).
 */
import {createHash} from 'node:crypto';
import {readFile, stat} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import * as path from 'node:path';

import {LabError} from '../errors';
import {PhotoFile, sharp} from '../pictures';
import {replaceFile} from '../storage';
import type {Dataset, Photo} from './dataset';
import {duplicateGroups} from './duplicates';
import {hashedSide, perceptualHash, samePictureBits} from './hash';
import {findClassesFolder, list} from './layout';
import {inParallel} from './parallel';

export interface ScanOptions {
  /** Known places of the classes' folder, relative paths; it is searched for when none of them exists. */
  layouts?: readonly string[];
  /** The classes that the folder must have; any when absent. */
  classes?: readonly string[];
  /** Where results are kept, keyed by path, size and date, so that a second scan is quick. */
  cacheFile?: string;
  /** The largest share of files that may be skipped. Default 0.01. */
  skippedLimit?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

export type Scan = Pick<Dataset, 'classes' | 'photos' | 'skipped' | 'conflicts'>;

/** What a file's content is found to be: a photo, or the reason why not. */
type Finding = {sha256: string; hash: string} | {reason: string};
/** Findings by path; one holds as long as its file has the same size and date. */
type Cache = Record<string, {size: number; mtimeMs: number; finding: Finding} | undefined>;

const fewestPhotos = 3;
/** Raised when what is read from a photo changes, so that older caches are left aside. */
const cacheVersion = 2;
const photoFormats = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif', 'jp2k', 'jxl']);

/**
 * Scans a folder of class folders (or one that holds such a folder). Grey, CMYK, 16-bit, transparent and EXIF-rotated
 * pictures are photos like any other; files that are none are skipped and listed. Throws LabError for a folder that does
 * not exist or may not be read, without class folders, with an empty class folder, a single class, fewer than three
 * photos in a class, or too many skipped files.
 */
export async function scanFolder(folder: string, options: ScanOptions = {}): Promise<Scan> {
  const root = await findClassesFolder(path.resolve(folder), options.layouts);
  const classes = (await list(root)).folders;
  checkClasses(root, classes, options.classes);
  const files = await listPhotos(root, classes);
  const findings = await readAll(root, files, options);

  const photos: Photo[] = [];
  const skipped: Dataset['skipped'] = [];
  files.forEach((file, index) => {
    const finding = findings[index];
    if ('reason' in finding) skipped.push({path: file.path, reason: finding.reason});
    else {
      const picture = new PhotoFile(path.join(root, file.path), file.path, finding.sha256);
      photos.push({picture, label: file.label, hash: finding.hash});
    }
  });
  checkSkipped(root, skipped, files.length, options.skippedLimit ?? 0.01);
  checkCounts(root, classes, photos);
  return {classes, photos, skipped, conflicts: findConflicts(photos, classes)};
}

function checkClasses(root: string, classes: string[], expected: readonly string[] | undefined): void {
  if (expected && classes.join('\n') !== [...expected].sort().join('\n')) {
    throw new LabError(
      `${root} has the class folders ${classes.join(', ')}, expected ${expected.join(', ')}. ` +
        `Delete ${root} to have it unpacked anew.`,
    );
  }
  if (classes.length === 1) {
    throw new LabError(
      `${root} has a single class, ${classes[0]}. There is nothing to tell apart: add the folder of a second class.`,
    );
  }
}

async function listPhotos(root: string, classes: string[]): Promise<{path: string; label: number}[]> {
  const files: {path: string; label: number}[] = [];
  for (const [label, name] of classes.entries()) {
    const inClass = (await list(path.join(root, name))).files;
    if (inClass.length === 0) {
      throw new LabError(
        `The class folder ${path.join(root, name)} is empty. Put photos into it or remove the folder.`,
      );
    }
    files.push(...inClass.map((file) => ({path: `${name}/${file}`, label})));
  }
  return files;
}

async function readAll(root: string, files: {path: string}[], options: ScanOptions): Promise<Finding[]> {
  const {cacheFile, onProgress, signal} = options;
  const cache = cacheFile ? await readCache(cacheFile) : {};
  const kept: Cache = {};
  let news = false;
  let done = 0;
  const look = async ({path: name}: {path: string}): Promise<Finding> => {
    signal?.throwIfAborted();
    const file = path.join(root, name);
    const {size, mtimeMs} = await stat(file);
    const cached = cache[name];
    const known = cached?.size === size && cached.mtimeMs === mtimeMs;
    const {finding, lasting} = known ? {finding: cached.finding, lasting: true} : await readPhoto(file);
    if (lasting) kept[name] = {size, mtimeMs, finding};
    news ||= !known;
    return finding;
  };
  const findings = await inParallel(files, 2 * availableParallelism(), async (file) => {
    const finding = await look(file);
    onProgress?.(++done, files.length);
    return finding;
  });
  // libvips keeps one error text for all threads, so the reason of a failure is only sure when nothing else runs.
  for (const [index, finding] of findings.entries()) {
    if ('reason' in finding) findings[index] = await look(files[index]);
  }
  if (cacheFile && news) writeCache(cacheFile, kept);
  return findings;
}

/** What a file was found to be; `lasting` is false when it could not be opened, which can change with the file as it is. */
interface Reading {
  finding: Finding;
  lasting: boolean;
}

async function readPhoto(file: string): Promise<Reading> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return {finding: {reason: `it cannot be opened (${code})`}, lasting: false};
  }
  if (bytes.length === 0) return {finding: {reason: 'the file is empty'}, lasting: true};
  try {
    return {finding: await examine(bytes), lasting: true};
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    return {finding: {reason: `not a readable image (${reason})`}, lasting: true};
  }
}

async function examine(bytes: Buffer): Promise<Finding> {
  const image = sharp(bytes, {failOn: 'truncated'});
  const {format} = await image.metadata();
  if (!photoFormats.has(format)) return {reason: `${format} is not a format of photos`};
  const grey = await image
    .autoOrient()
    .flatten({background: '#808080'})
    .toColourspace('b-w')
    .resize(hashedSide, hashedSide, {fit: 'fill'})
    .raw({depth: 'uchar'})
    .toBuffer();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  // A flat picture has no shape to compare, so it is the same picture only as the same file.
  const hash = perceptualHash(grey) ?? sha256.slice(0, 16);
  return {sha256, hash};
}

function checkSkipped(root: string, skipped: Dataset['skipped'], total: number, limit: number): void {
  if (skipped.length <= limit * total) return;
  const shown = skipped.slice(0, 5).map(({path: name, reason}) => `\n  - ${name}: ${reason}`);
  const more = skipped.length > shown.length ? `\n  - and ${skipped.length - shown.length} more` : '';
  throw new LabError(
    `${root}: ${skipped.length} of ${total} files are no readable photos (limit ${100 * limit} %):` +
      `${shown.join('')}${more}\nRemove or replace them, or raise skippedLimit.`,
  );
}

function checkCounts(root: string, classes: string[], photos: Photo[]): void {
  const counts = classes.map(() => 0);
  for (const {label} of photos) counts[label]++;
  for (const [label, name] of classes.entries()) {
    if (counts[label] < fewestPhotos) {
      throw new LabError(
        `The class folder ${path.join(root, name)} has ${counts[label]} readable photos; each class needs at least ` +
          `${fewestPhotos}, one to train, validate and test. Add photos or remove the folder.`,
      );
    }
  }
}

function findConflicts(photos: Photo[], classes: string[]): Dataset['conflicts'] {
  const hashes = photos.map(({hash}) => hash);
  return duplicateGroups(hashes, samePictureBits)
    .map((group) => group.map((index) => photos[index]))
    .filter((group) => group.some(({label}) => label !== group[0].label))
    .map((group) => ({
      paths: group.map(({picture}) => picture.name),
      labels: group.map(({label}) => classes[label]),
    }));
}

async function readCache(file: string): Promise<Cache> {
  try {
    const {version, files} = JSON.parse(await readFile(file, 'utf8')) as {version: number; files: Cache};
    return version === cacheVersion ? files : {};
  } catch {
    return {};
  }
}

/** A cache only saves time, so a disk that does not take it is no error. */
function writeCache(file: string, files: Cache): void {
  try {
    replaceFile(file, JSON.stringify({version: cacheVersion, files}));
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
  }
}
