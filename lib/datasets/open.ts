import {existsSync} from 'node:fs';
import {mkdir, open, readFile, stat} from 'node:fs/promises';
import * as path from 'node:path';

import {
  fetchFile,
  FileUnavailable,
  forgetChecksum,
  mirrorOf,
  sha256File,
  type FetchedFile,
} from '../downloads';
import {LabError} from '../errors';
import {replaceFile, withLock} from '../storage';
import {nearest} from '../nearest';
import {fnv1a} from '../random';
import {unzip} from './archive';
import {type Archive, catalogue, catalogued, type CatalogueEntry} from './catalogue';
import {membersOf, unpackRecords} from './cifar';
import {
  type Dataset,
  type DatasetProgress,
  DatasetUnavailable,
  type NearDuplicates,
  type OnDatasetProgress,
} from './dataset';
import {drawPhotos, type DrawingOptions} from './drawings';
import {scanRecords} from './records';
import {scanFolder, type ScanOptions} from './scan';
import {selectPhotos} from './selection';

export interface OpenOptions {
  /** The folder of all data sets (`data/`). */
  dataFolder: string;
  /** A folder or base URL laid out like a mirror; the environment's `LAB_MIRROR` unless given, none when empty. */
  mirror?: string;
  /** The largest share of pictures that may be skipped as unreadable; one may be in any case. Default 0.01. */
  skippedLimit?: number;
  /** What keeps pictures together when parts are drawn. Default 'together'. */
  nearDuplicates?: NearDuplicates;
  /** The folder may be flat; what its folders say of classes and parts is not asked for. To be followed by `withLabels`. */
  unlabelled?: boolean;
  onProgress?: OnDatasetProgress;
  /** Told once whom the data set is waited for, when another kernel just fetches, unpacks or draws it. */
  onWait?: (message: string) => void;
  signal?: AbortSignal;
}

/** The name under which the drawings are opened. */
export const drawingsName = 'drawings';

/**
 * Opens a data set: a name of the catalogue (fetched and unpacked under `dataFolder` the first time), `drawings`, or a folder or
 * zip archive of class folders, of the parts of a split, or of CIFAR's files of records. An archive is unpacked under
 * `dataFolder` the first time its content is seen. Every photo is looked at; what is found is kept, so
 * the next opening is quick. Throws DatasetUnavailable when a catalogued one can be had neither here nor from a public address and no mirror is named,
 * otherwise LabError (see fetchFile, unzip and scanFolder; a misspelt name offers the nearest ones).
 */
export async function openDataset(nameOrFolder: string, options: OpenOptions): Promise<Dataset> {
  checkOptions(options);
  if (typeof nameOrFolder !== 'string' || nameOrFolder.trim() === '') {
    throw new LabError(
      "The data set's name is empty. Give a name of the catalogue, or a folder or a zip archive of class folders.",
    );
  }
  const entry = catalogued(nameOrFolder);
  if (entry) return openEntry(entry, options);
  if (nameOrFolder === drawingsName) return openDrawings(options);
  const folder = path.resolve(nameOrFolder);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isFile()) {
    if (await isZip(folder)) return openArchive(folder, options);
    throw new LabError(
      `${folder} is neither a folder nor a zip archive. Name the folder of the class folders; another archive than a zip must ` +
        `be unpacked first.`,
    );
  }
  if (found) return openFolder(folder, options);
  if (nameOrFolder !== path.basename(nameOrFolder)) {
    throw new LabError(`The folder ${folder} does not exist. Check its name.`);
  }
  const names = [...catalogue.map(({name}) => name), drawingsName];
  const meant = nearest(nameOrFolder, names);
  throw new LabError(
    `There is no data set '${nameOrFolder}' and no such folder.${meant.length > 0 ? ` Did you mean ${meant.join(', ')}?` : ''} ` +
      `Known data sets: ${names.join(', ')}; or name a folder or a zip archive of class folders.`,
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
    home: drawingsName,
    ...(await scanFolder(photosIn(home), scanOptions(home, options))),
    licence: 'MIT (drawn by Transfer Lab itself)',
    source: 'drawn by a seeded generator, no photos',
    standIn: 'drawings',
    largestSize: null,
    nearDuplicates: options.nearDuplicates ?? 'together',
  };
}

/** The pictures of another catalogued data set that stand in for one; undefined where none are named. Throws as `openDataset`. */
export async function openStandIn(name: string, options: OpenOptions): Promise<Dataset | undefined> {
  const standIn = catalogued(name)?.standIn;
  const other = standIn && catalogued(standIn.of);
  if (!other) return undefined;
  const dataset = selectPhotos(await openEntry(other, {...options, unlabelled: false}), standIn);
  const home = `${other.name}-for-${name}`;
  const {largestSize = null} = other;
  return {...dataset, name: home, home, standIn: `${other.title} photos`, largestSize};
}

/** Whether a catalogued data set's photos lie under `dataFolder`. */
export const hasPhotos = (entry: CatalogueEntry, dataFolder: string): boolean =>
  existsSync(contentOf(entry, dataFolder));

/** Where an entry's photos lie once they are unpacked: class folders, or files of records. */
const contentOf = ({name, records}: CatalogueEntry, dataFolder: string): string =>
  path.resolve(dataFolder, name, records ? 'records' : 'photos');

async function openEntry(entry: CatalogueEntry, options: OpenOptions): Promise<Dataset> {
  const {name, licence, folders, records, leavesOut, pooled} = entry;
  const home = path.resolve(options.dataFolder, name);
  const content = contentOf(entry, options.dataFolder);
  if (!(await exists(content))) {
    await withLock(`${home}.lock`, `The data set ${home} is being unpacked`, options, async () => {
      if (!(await exists(content))) await unpackEntry(entry, content, options);
    });
  }
  const scanning = scanOptions(home, options);
  const scan = records
    ? await scanRecords(content, records, {...scanning, cacheFolder: content})
    : await scanFolder(content, {...scanning, ...folders, leavesOut});
  const photos = pooled ? scan.photos.map((photo) => ({...photo, part: null})) : scan.photos;
  const source = await readFile(sourceIn(home), 'utf8').catch(() => 'put there by hand');
  const {nearDuplicates = 'together'} = options;
  return {
    name,
    home: name,
    ...scan,
    photos,
    licence,
    source: source.trim(),
    standIn: null,
    largestSize: null,
    nearDuplicates,
  };
}

async function unpackEntry(entry: CatalogueEntry, to: string, options: OpenOptions): Promise<void> {
  const {archive, file} = await fetchArchive(entry, options);
  const home = path.dirname(to);
  await mkdir(home, {recursive: true});
  replaceFile(sourceIn(home), `${describeSource(file)}\n`);
  const {signal, onProgress} = options;
  try {
    if (entry.records && archive.form !== 'zip') {
      const hooks = {signal, onProgress: counted('scanning', onProgress)};
      await unpackRecords(file.path, to, {
        title: entry.title,
        layout: entry.records,
        form: archive.form,
        ...hooks,
      });
    } else await unzip(file.path, to, {signal, onProgress: counted('unpacking', onProgress)});
  } catch (error) {
    if (file.trust === 'first use') await forgetChecksum(file.path);
    throw error;
  }
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
        mirrorMayDiffer: archive.mirrorMayDiffer,
        largest: 2e6 * archive.megabytes,
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
  const {message} = failures.find(({tried}) => tried.length > 0) ?? failures[0];
  throw new DatasetUnavailable(
    message,
    failures.flatMap(({tried}) => tried),
  );
}

/** A folder of the user's own: only read; what is found of it is kept under `dataFolder`. */
function openFolder(folder: string, options: OpenOptions): Promise<Dataset> {
  const name = path.basename(folder);
  const home = homeOf(name, fnv1a(folder).toString(16).padStart(8, '0'));
  return openOwn(folder, {name, home, source: folder}, options);
}

/** A zip archive of the user's own, unpacked once for each content. */
async function openArchive(archive: string, options: OpenOptions): Promise<Dataset> {
  const {signal, onProgress, dataFolder} = options;
  const sha256 = await sha256File(archive);
  const name = path.basename(archive).replace(/\.zip$/i, '');
  const home = homeOf(name, sha256.slice(0, 8));
  const content = photosIn(path.resolve(dataFolder, home));
  if (!(await exists(content))) {
    const lock = `${path.resolve(dataFolder, home)}.lock`;
    await withLock(lock, `The archive ${archive} is being unpacked`, options, async () => {
      if (await exists(content)) return;
      await unzip(archive, content, {signal, onProgress: counted('unpacking', onProgress)});
    });
  }
  return openOwn(content, {name, home, source: `${archive} (SHA-256 ${sha256})`}, options);
}

async function isZip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const {buffer} = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return ['PK\x03\x04', 'PK\x05\x06'].includes(buffer.toString('latin1'));
  } finally {
    await handle.close();
  }
}

const homeOf = (name: string, digits: string) => `${name.replace(/[^\w.-]+/g, '_')}-${digits}`;

async function openOwn(
  folder: string,
  {name, home, source}: Pick<Dataset, 'name' | 'home' | 'source'>,
  options: OpenOptions,
): Promise<Dataset> {
  const kept = path.resolve(options.dataFolder, home);
  const scanning = scanOptions(kept, options);
  const layout = catalogue
    .map(({records}) => records)
    .find(
      (records) => records && membersOf(records).every((member) => existsSync(path.join(folder, member))),
    );
  const scan = layout
    ? await scanRecords(folder, layout, {...scanning, cacheFolder: kept})
    : await scanFolder(folder, scanning);
  const {nearDuplicates = 'together'} = options;
  const origin = {licence: 'not known', source, standIn: null, largestSize: null};
  return {name, home, ...scan, ...origin, nearDuplicates};
}

function checkOptions({skippedLimit = 0, nearDuplicates = 'together'}: OpenOptions): void {
  if (!(skippedLimit >= 0 && skippedLimit <= 1)) {
    throw new LabError(`skippedLimit is ${skippedLimit}. Give a share of the pictures, from 0 to 1.`);
  }
  if (nearDuplicates !== 'together' && nearDuplicates !== 'ignore') {
    throw new LabError(`nearDuplicates is '${String(nearDuplicates)}'. Give 'together' or 'ignore'.`);
  }
}

const photosIn = (home: string) => path.join(home, 'photos');
const sourceIn = (home: string) => path.join(home, 'source.txt');

function scanOptions(
  home: string,
  {skippedLimit, nearDuplicates, unlabelled, signal, onProgress}: OpenOptions,
): ScanOptions {
  return {
    nearDuplicates,
    unlabelled,
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
