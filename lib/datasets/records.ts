/**
 * A data set in files of records, as CIFAR-10 and CIFAR-100 are published. What must be known of every record (labels,
 * checksum, perceptual hash) is read in one pass and kept beside in 40 bytes and its labels each, so that the next opening
 * reads no pixels.
 */
import {createHash} from 'node:crypto';
import {readFile, stat} from 'node:fs/promises';
import * as path from 'node:path';
import {setImmediate} from 'node:timers/promises';

import {LabError} from '../errors';
import {greyOf, RecordFile, RecordPicture} from '../pictures';
import {replaceFile} from '../storage';
import {findConflicts} from './conflicts';
import {type NearDuplicates, type Part, partNames, type Photo, type Scan} from './dataset';
import {comparedHash, perceptualHash} from './hash';

/** How a data set's files of records are laid out in their folder. */
export interface RecordLayout {
  files: Partial<Record<Part, readonly string[]>>;
  /** The file with the names of the classes, one a line. */
  names: string;
  /** The file with the names of the groups of classes. With it, a record begins with two labels, that of the group first. */
  groupNames?: string;
}

export interface RecordScanOptions {
  /** Where what is found is kept. */
  cacheFolder?: string;
  nearDuplicates?: NearDuplicates;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** What is known of a file's records: `labelBytes` labels, 32 bytes of SHA-256, 8 of hash each. */
interface Prints {
  labels: Uint8Array;
  checksums: Buffer;
  hashes: Buffer;
}

const checksumBytes = 32;
const hashBytes = 8;
const printsVersion = 1;
/** In place of a hash where a picture is flat. */
const flat = '0'.repeat(2 * hashBytes);

/** The photos of a folder of record files. Throws LabError that names file, record and value where they are not as laid out. */
export async function scanRecords(
  folder: string,
  layout: RecordLayout,
  options: RecordScanOptions = {},
): Promise<Scan> {
  const classes = await namesIn(path.join(folder, layout.names));
  const groups = layout.groupNames ? await namesIn(path.join(folder, layout.groupNames)) : null;
  const wanted = partNames.flatMap((part) => (layout.files[part] ?? []).map((name) => ({name, part})));
  const files: {name: string; part: Part; file: RecordFile}[] = [];
  for (const {name, part} of wanted) {
    files.push({name, part, file: await RecordFile.open(path.join(folder, name), groups ? 2 : 1)});
  }
  const total = files.reduce((sum, {file}) => sum + file.count, 0);
  const photos: Photo[] = [];
  const ofClass = classes.map(() => -1);
  for (const {name, part, file} of files) {
    const {labels, checksums, hashes} = await printsOf(file, options, (done) =>
      options.onProgress?.(photos.length + done, total),
    );
    const stem = path.basename(name, path.extname(name));
    const digits = Math.max(5, String(file.count).length);
    for (let record = 0; record < file.count; record++) {
      const label = labels[(record + 1) * file.labelBytes - 1];
      const className = checkedName(classes, label, file, record, 'label');
      if (groups) {
        const group = labels[record * file.labelBytes];
        checkedName(groups, group, file, record, "group's label");
        ofClass[label] = group;
      }
      const sha256 = checksums.toString('hex', record * checksumBytes, (record + 1) * checksumBytes);
      const kept = hashes.toString('hex', record * hashBytes, (record + 1) * hashBytes);
      const hash = comparedHash({sha256, hash: kept === flat ? '' : kept}, options.nearDuplicates);
      const number = String(record).padStart(digits, '0');
      const picture = new RecordPicture(file, record, `${className}/${stem}-${number}`, sha256);
      photos.push({picture, label, hash, part});
    }
  }
  return {
    classes,
    groups: groups && {names: groups, ofClass},
    photos,
    skipped: [],
    leftAside: [],
    conflicts: findConflicts(photos, classes),
    notes: [],
  };
}

async function namesIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new LabError(
      `${file} cannot be read (${error.code}). Put the file with the names of the classes there.`,
    );
  });
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function checkedName(names: string[], label: number, file: RecordFile, record: number, what: string): string {
  if (label in names) return names[label];
  throw new LabError(
    `${file.path}, record ${record}: the ${what} is ${label}, beyond the ${names.length} names. Put the right file there, or ` +
      `the right list of names beside it.`,
  );
}

async function printsOf(
  file: RecordFile,
  {cacheFolder, signal}: RecordScanOptions,
  onProgress: (done: number) => void,
): Promise<Prints> {
  const {size, mtimeMs} = await stat(file.path);
  const head = Buffer.from(`${JSON.stringify({version: printsVersion, size, mtimeMs})}\n`);
  const cacheFile = cacheFolder && path.join(cacheFolder, `${path.basename(file.path)}.prints`);
  const length = file.count * (file.labelBytes + checksumBytes + hashBytes);
  const kept = cacheFile ? await readFile(cacheFile).catch(() => undefined) : undefined;
  const isFresh = kept?.length === head.length + length && kept.subarray(0, head.length).equals(head);
  const bytes = isFresh ? kept.subarray(head.length) : Buffer.alloc(length);
  const labelled = file.count * file.labelBytes;
  const checked = labelled + file.count * checksumBytes;
  const prints = {
    labels: bytes.subarray(0, labelled),
    checksums: bytes.subarray(labelled, checked),
    hashes: bytes.subarray(checked),
  };
  if (isFresh) return prints;
  for await (const {first, labels, planes} of file.blocks(signal)) {
    prints.labels.set(labels, first * file.labelBytes);
    for (const [i, picture] of planes.entries()) {
      createHash('sha256')
        .update(picture)
        .digest()
        .copy(prints.checksums, (first + i) * checksumBytes);
      prints.hashes.write(perceptualHash(greyOf(picture)) ?? flat, (first + i) * hashBytes, 'hex');
    }
    onProgress(first + planes.length);
    await setImmediate();
  }
  if (cacheFile) keep(cacheFile, [head, bytes]);
  return prints;
}

/** What is kept only saves time, so a disk that does not take it is no error. */
function keep(file: string, bytes: Buffer[]): void {
  try {
    replaceFile(file, bytes);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
  }
}
