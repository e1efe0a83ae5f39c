import {readFile, stat} from 'node:fs/promises';
import * as path from 'node:path';

import {fetchFile, FileUnavailable, forgetChecksum, isUrl, mirrorOf, type FetchedFile} from '../downloads';
import {LabError} from '../errors';
import {replaceFile, withLock} from '../storage';
import {nearest} from '../nearest';
import {fnv1a} from '../random';
import {unzip} from './archive';
import {catalogue, type CatalogueEntry} from './catalogue';
import {DatasetUnavailable, type Dataset, type DatasetProgress, type OnDatasetProgress} from './dataset';
import {drawPhotos, type DrawingOptions} from './drawings';
import {scanFolder, type ScanOptions} from './scan';

export interface OpenOptions {
  /** The folder of all data sets (`data/`). */
  dataFolder: string;
  /** A folder or base URL laid out like a mirror; the environment's `LAB_MIRROR` unless given, none when empty. */
  mirror?: string;
  /** The largest share of files that may be skipped as unreadable. Default 0.01. */
  skippedLimit?: number;
  onProgress?: OnDatasetProgress;
  /** Told once whom the data set is waited for, when another kernel just fetches, unpacks or draws it. */
  onWait?: (message: string) => void;
  signal?: AbortSignal;
}

/** The name under which the drawings are opened. */
export const demonstrationName = 'demonstration';

/**
 * Opens a data set: a name of the catalogue (fetched and unpacked under `dataFolder` the first time), `demonstration`,
 * or a folder of class folders. Every photo is looked at; what is found is kept, so the next opening is quick. Throws
 * DatasetUnavailable when a catalogued one can be had neither here nor from a public address and no mirror is named,
 * otherwise LabError (see fetchFile, unzip and scanFolder; a misspelt name offers the nearest ones).
 */
export async function openDataset(nameOrFolder: string, options: OpenOptions): Promise<Dataset> {
  const entry = catalogue.find(({name}) => name === nameOrFolder);
  if (entry) return openEntry(entry, options);
  if (nameOrFolder === demonstrationName) return demonstrationDataset(options);
  const folder = path.resolve(nameOrFolder);
  if (await exists(folder)) return openFolder(folder, options);
  if (nameOrFolder !== path.basename(nameOrFolder)) {
    throw new LabError(`The folder ${folder} does not exist. Check its name.`);
  }
  const names = [...catalogue.map(({name}) => name), demonstrationName];
  const meant = nearest(nameOrFolder, names);
  throw new LabError(
    `There is no data set '${nameOrFolder}' and no such folder.${meant.length > 0 ? ` Did you mean ${meant.join(', ')}?` : ''} ` +
      `Known data sets: ${names.join(', ')}; or name a folder of class folders.`,
  );
}

/** The drawings that stand in for photos (`demonstration: true`), drawn under `dataFolder` the first time. */
export async function demonstrationDataset(
  options: OpenOptions & Pick<DrawingOptions, 'seed' | 'perClass'>,
): Promise<Dataset> {
  const {dataFolder, seed, perClass, onProgress, signal, onWait} = options;
  const home = path.resolve(dataFolder, demonstrationName);
  await drawPhotos(home, {seed, perClass, signal, onWait, onProgress: counted('drawing', onProgress)});
  return {
    name: demonstrationName,
    ...(await scanFolder(photosIn(home), scanOptions(home, options))),
    licence: 'MIT (drawn by Transfer Lab itself)',
    source: 'drawn by a seeded generator: a demonstration, not photos',
    demonstration: true,
  };
}

async function openEntry(entry: CatalogueEntry, options: OpenOptions): Promise<Dataset> {
  const {name, licence, classes, layouts} = entry;
  const home = path.resolve(options.dataFolder, name);
  if (!(await exists(photosIn(home)))) {
    await withLock(`${home}.lock`, `The data set ${home} is being unpacked`, options, async () => {
      if (!(await exists(photosIn(home)))) await unpackEntry(entry, home, options);
    });
  }
  const scan = await scanFolder(photosIn(home), {...scanOptions(home, options), classes, layouts});
  const source = await readFile(sourceIn(home), 'utf8').catch(() => 'put there by hand');
  return {name, ...scan, licence, source: source.trim(), demonstration: false};
}

async function unpackEntry(entry: CatalogueEntry, home: string, options: OpenOptions): Promise<void> {
  const archive = await fetchArchive(entry, home, options);
  replaceFile(sourceIn(home), `${describeSource(archive)}\n`);
  try {
    await unzip(archive.path, photosIn(home), {
      signal: options.signal,
      onProgress: counted('unpacking', options.onProgress),
    });
  } catch (error) {
    if (archive.trust === 'first use') await forgetChecksum(archive.path);
    throw error;
  }
}

async function fetchArchive(entry: CatalogueEntry, home: string, options: OpenOptions): Promise<FetchedFile> {
  const {mirror, signal, onProgress, onWait} = options;
  try {
    return await fetchFile({
      name: entry.title,
      mirrorPath: `datasets/${entry.archive}`,
      addresses: entry.addresses,
      sha256: entry.sha256,
      to: path.join(home, entry.archive),
      useInPlace: true,
      mirror,
      signal,
      onWait,
      onProgress: ({received, total, bytesPerSecond, secondsLeft}) =>
        onProgress?.({
          step: 'downloading',
          unit: 'bytes',
          done: received,
          total,
          perSecond: bytesPerSecond,
          secondsLeft,
        }),
    });
  } catch (error) {
    if (error instanceof FileUnavailable && !mirrorOf(options)) throw new DatasetUnavailable(error.message);
    throw error;
  }
}

/** A folder of the user's own: only read; what is found of it is kept under `dataFolder`. */
async function openFolder(folder: string, options: OpenOptions): Promise<Dataset> {
  const readable = path.basename(folder).replace(/[^\w.-]+/g, '_');
  const name = `${readable}-${fnv1a(folder).toString(16).padStart(8, '0')}`;
  const home = path.resolve(options.dataFolder, name);
  const scan = await scanFolder(folder, scanOptions(home, options));
  return {name, ...scan, licence: 'not known', source: folder, demonstration: false};
}

const photosIn = (home: string) => path.join(home, 'photos');
const sourceIn = (home: string) => path.join(home, 'source.txt');

function scanOptions(home: string, {skippedLimit, signal, onProgress}: OpenOptions): ScanOptions {
  return {
    cacheFile: path.join(home, 'scan.json'),
    skippedLimit,
    signal,
    onProgress: counted('scanning', onProgress),
  };
}

/** Turns counts of files into progress reports. */
function counted(step: DatasetProgress['step'], onProgress: OnDatasetProgress | undefined) {
  const start = performance.now();
  return (done: number, total: number) => {
    const perSecond = (1000 * done) / Math.max(performance.now() - start, 1);
    onProgress?.({step, unit: 'files', done, total, perSecond, secondsLeft: (total - done) / perSecond});
  };
}

function describeSource({source, sha256, trust}: FetchedFile): string {
  const checked = {
    pinned: 'as expected',
    mirror: "as listed by the mirror's SHA256SUMS",
    'first use': 'not known beforehand, recorded at this first use',
  };
  const place = isUrl(source) ? source : `${path.basename(source)} from a local mirror`;
  return `${place} (SHA-256 ${sha256}, ${checked[trust]})`;
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
