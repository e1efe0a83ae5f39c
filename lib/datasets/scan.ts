/**
 * Reads every picture of a folder of class folders once: its checksum, and all of its pixels with the options of training,
 * so that what passes here can be trained with (a header alone does not tell a truncated file).
 */
import {createHash} from 'node:crypto';
import {open, readFile, stat} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import * as path from 'node:path';

import {LabError} from '../errors';
import {openPicture, PhotoFile, sharp, uprightRgb} from '../pictures';
import {replaceFile} from '../storage';
import {arrange, inOneClass} from './arrangement';
import {colouredSide, coloursOf} from './colours';
import {foreignContent, isNamedAsPicture, mustBeConverted, pictureFormat, sniffedBytes} from './content';
import {findConflicts} from './conflicts';
import {type NearDuplicates, partNames, type Photo, type Scan} from './dataset';
import {comparedHash, hashedSide, perceptualHash} from './hash';
import {inParallel} from './parallel';
import {walk} from './walk';

export interface ScanOptions {
  /** Known places of the classes' folder, relative paths; it is searched for when none of them exists. */
  layouts?: readonly string[];
  /** The classes that the folder must have; any when absent. */
  classes?: readonly string[];
  /** Names of files that are known to be none of its photos. */
  leavesOut?: readonly string[];
  /** Where results are kept, keyed by path, size and date, so that a second scan is quick. */
  cacheFile?: string;
  /** The largest share of pictures that may be unreadable; one may be in any case. Default 0.01. */
  skippedLimit?: number;
  /** Default 'together'. */
  nearDuplicates?: NearDuplicates;
  /** Whatever its folders say, all photos are of one class, 'unlabelled': labels are told apart from them. */
  unlabelled?: boolean;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** What a file's content is found to be: a picture, a picture that cannot be read, or no picture. */
type Finding = {sha256: string; hash: string} | {reason: string} | 'no picture';
/** Findings by path; one holds as long as its file has the same size and date. */
type Cache = Record<string, {size: number; mtimeMs: number; finding: Finding} | undefined>;

const fewestPhotos = 3;
/** Raised when what is read from a photo changes, so that older caches are left aside. */
const cacheVersion = 4;

/**
 * Scans a folder of class folders (or one that holds such a folder, or the parts of a split). Grey, CMYK, 16-bit,
 * transparent and EXIF-rotated pictures are photos like any other, whatever their file's ending; those that cannot be read
 * are skipped and listed, other files are left aside. Throws LabError for a folder that does not exist or may not be read,
 * without class folders, with an empty class folder, a single class, fewer than three photos in a class that is to be
 * divided, or too many unreadable pictures.
 */
export async function scanFolder(folder: string, options: ScanOptions = {}): Promise<Scan> {
  const {leavesOut = [], nearDuplicates, unlabelled = false, signal} = options;
  const root = await rootOf(path.resolve(folder), options.layouts ?? []);
  const listing = await walk(root, signal);
  const isKnown = (file: string) => leavesOut.includes(path.posix.basename(file));
  const files = listing.files.filter((file) => !isKnown(file));
  const findings = await readAll(root, files, options);
  const found = new Map(files.map((file, index) => [file, findings[index]]));

  const pictures = files.filter((file) => found.get(file) !== 'no picture');
  const arranged = unlabelled ? inOneClass(root, pictures) : arrange(root, pictures, listing);
  const {classes, placed, leftAside, notes} = arranged;
  if (!unlabelled) checkClasses(folder, root, classes, options.classes);
  const photos: Photo[] = [];
  const unreadable: Scan['skipped'] = [];
  for (const {path: name, label, part} of placed) {
    const finding = found.get(name)!;
    if (finding === 'no picture') continue;
    if ('reason' in finding) unreadable.push({path: name, reason: finding.reason});
    else {
      const picture = new PhotoFile(path.join(root, name), name, finding.sha256);
      photos.push({picture, label, hash: comparedHash(finding, nearDuplicates), part});
    }
  }
  checkSkipped(root, unreadable, placed.length, options.skippedLimit ?? 0.01);
  if (!unlabelled) checkCounts(root, classes, photos);
  const others = listing.files.filter((file) => isKnown(file) || found.get(file) === 'no picture');
  return {
    classes,
    groups: null,
    photos,
    skipped: [...unreadable, ...listing.skipped],
    leftAside: [...leftAside, ...others].sort(),
    conflicts: findConflicts(photos, classes),
    notes,
  };
}

async function rootOf(folder: string, layouts: readonly string[]): Promise<string> {
  for (const layout of layouts) {
    const candidate = path.join(folder, layout);
    if ((await stat(candidate).catch(() => undefined))?.isDirectory()) return candidate;
  }
  return folder;
}

function checkClasses(
  folder: string,
  root: string,
  classes: string[],
  expected: readonly string[] | undefined,
): void {
  if (expected && classes.join('\n') !== [...expected].sort().join('\n')) {
    throw new LabError(
      `${root} has the class folders ${classes.join(', ')}, expected ${expected.join(', ')}. ` +
        `Move ${folder} away to have it unpacked anew.`,
    );
  }
}

async function readAll(root: string, files: string[], options: ScanOptions): Promise<Finding[]> {
  const {cacheFile, onProgress, signal} = options;
  const cache = cacheFile ? await readCache(cacheFile) : {};
  const kept: Cache = {};
  let news = false;
  let done = 0;
  const look = async (name: string): Promise<Finding> => {
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
    if (finding !== 'no picture' && 'reason' in finding) findings[index] = await look(files[index]);
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
  const isNamed = isNamedAsPicture(file);
  let bytes: Buffer;
  let format: string | undefined;
  try {
    format = pictureFormat(await firstBytes(file), file);
    if (format === undefined && !isNamed) return {finding: 'no picture', lasting: true};
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return {finding: isNamed ? {reason: `it cannot be opened (${code})`} : 'no picture', lasting: false};
  }
  if (bytes.length === 0) return {finding: {reason: 'the file is empty'}, lasting: true};
  if (format !== undefined && mustBeConverted(format)) {
    return {finding: {reason: `${format} cannot be read here: convert it to JPEG or PNG`}, lasting: true};
  }
  const foreign = format === undefined ? foreignContent(bytes) : undefined;
  if (foreign !== undefined) return {finding: {reason: foreign}, lasting: true};
  try {
    return {finding: await examine(bytes), lasting: true};
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    return {finding: {reason: `not a readable image (${reason})`}, lasting: true};
  }
}

async function firstBytes(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const {buffer, bytesRead} = await handle.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * A picture's digest, and its perceptual hash with its colours ('' for a flat one), all of its pixels decoded as training
 * does. Throws where they cannot be.
 */
export async function examine(bytes: Buffer): Promise<{sha256: string; hash: string}> {
  const picture = await openPicture(bytes);
  const grey = await (
    await picture.image()
  )
    .autoOrient()
    .flatten({background: '#808080'})
    .toColourspace('b-w')
    .resize(hashedSide, hashedSide, {fit: 'fill'})
    .raw({depth: 'uchar'})
    .toBuffer();
  // Shrunk while it is read, a picture is not read to its end, where it may be cut off; some views in training are.
  const {data, info} = await uprightRgb(await picture.image()).toBuffer({resolveWithObject: true});
  const {width, height, channels} = info;
  const small = sharp(data, {raw: {width, height, channels}}).resize(colouredSide, colouredSide, {
    fit: 'fill',
  });
  const colours = coloursOf(await small.toColourspace('srgb').raw().toBuffer());
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const shape = perceptualHash(grey);
  return {sha256, hash: shape === undefined ? '' : shape + colours};
}

function checkSkipped(root: string, skipped: Scan['skipped'], total: number, limit: number): void {
  if (skipped.length <= Math.max(1, limit * total)) return;
  const shown = skipped.slice(0, 5).map(({path: name, reason}) => `\n  - ${name}: ${reason}`);
  const more = skipped.length > shown.length ? `\n  - and ${skipped.length - shown.length} more` : '';
  throw new LabError(
    `${root}: ${skipped.length} of ${total} pictures cannot be read (limit ${100 * limit} %):` +
      `${shown.join('')}${more}\nPut readable ones in their place, or open the data set with a larger skippedLimit ` +
      `(0.5 lets half of them be skipped).`,
  );
}

function checkCounts(root: string, classes: string[], photos: Photo[]): void {
  for (const part of [null, ...partNames]) {
    const inPart = photos.filter((photo) => photo.part === part);
    if (inPart.length === 0) continue;
    const counts = classes.map(() => 0);
    for (const {label} of inPart) counts[label]++;
    const fewest = part === null ? fewestPhotos : 1;
    const label = counts.findIndex((count) => count < fewest);
    if (label < 0) continue;
    const inWords = part === null ? '' : ` in ${part}`;
    const why = part === null ? ', one to train, validate and test' : '';
    throw new LabError(
      `The class ${classes[label]} of ${root} has ${counts[label]} readable photos${inWords}; each class needs at least ` +
        `${fewest}${why}. Add photos, or move the folder of the class out of ${root}.`,
    );
  }
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
