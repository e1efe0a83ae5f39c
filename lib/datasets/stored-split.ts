import {readFile} from 'node:fs/promises';
import * as path from 'node:path';

import {LabError} from '../errors';
import {createFile} from '../storage';
import {type Dataset, type Part, partNames, type Photo} from './dataset';
import {
  defaultFractions,
  defaultValidation,
  givenParts,
  makeSplit,
  type Split,
  splitPhotos,
  type SplitOptions,
  verifySplit,
} from './split';

export interface StoredSplitOptions extends SplitOptions {
  /** The folder of all data sets (`data/`). */
  folder: string;
}

/** `given` and `crossing` are of later versions than the rest. */
type SplitFile = Omit<Split, 'parts' | 'given' | 'crossing'> &
  Partial<Pick<Split, 'given' | 'crossing'>> & {
    parts: Record<Part, {path: string; sha256: string}[]>;
  };

/**
 * The split of a data set that is kept in its folder under `folder`, as `split-<seed>-<percents>.json` where it is drawn
 * and `split-given.json` or `split-given-<seed>-<percent>.json` where parts are given, made and stored there the first
 * time. Throws LabError when the stored one no longer fits the photos (missing, new or changed ones, other classes), was
 * edited or is damaged; a split is never replaced silently, because stored runs were measured on it.
 */
export async function storedSplit(dataset: Dataset, options: StoredSplitOptions): Promise<Split> {
  const {folder, ...wanted} = options;
  const file = path.join(folder, dataset.home, `split-${kindOf(dataset, wanted)}.json`);
  const text = await readIfThere(file);
  if (text !== undefined) return restore(text, dataset, file);
  const split = splitPhotos(dataset, wanted);
  verifySplit(split);
  if (createFile(file, `${JSON.stringify(storedForm(split), null, 1)}\n`)) return split;
  return restore(await readFile(file, 'utf8'), dataset, file); // another kernel was quicker
}

const percent = (share: number) => Math.round(1000 * share) / 10;

/** What tells a data set's splits apart. */
function kindOf(dataset: Dataset, {seed, fractions = defaultFractions, validation}: SplitOptions): string {
  const given = givenParts(dataset);
  const ignoring = dataset.nearDuplicates === 'ignore' ? '-ignoring-near-duplicates' : '';
  if (given.includes('val')) return 'given';
  if (given.length > 0) return `given-${seed}-${percent(validation ?? defaultValidation)}${ignoring}`;
  return `${seed}-${partNames.map((part) => percent(fractions[part])).join('-')}${ignoring}`;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function storedForm(split: Split): SplitFile {
  const brief = (photos: Photo[]) => photos.map(({picture}) => ({path: picture.name, sha256: picture.key}));
  const {train, val, test} = split.parts;
  return {...split, parts: {train: brief(train), val: brief(val), test: brief(test)}};
}

function restore(text: string, dataset: Dataset, file: string): Split {
  const remedy = `Put the photos back as they were, or move ${file} away to have a new split made (runs on the old one then stand alone).`;
  let stored: SplitFile;
  try {
    stored = JSON.parse(text) as SplitFile;
    for (const part of partNames) stored.parts[part].map(({path}) => path);
  } catch {
    throw new LabError(`${file} is damaged: it is not a stored split. ${remedy}`);
  }
  const photos = new Map(dataset.photos.map((photo) => [photo.picture.name, photo]));
  const listed = partNames.flatMap((part) => stored.parts[part]);
  const missing = listed.filter(({path}) => !photos.has(path)).map(({path}) => path);
  const changed = listed
    .filter(({path, sha256}) => photos.has(path) && photos.get(path)?.picture.key !== sha256)
    .map(({path}) => path);
  const paths = new Set(listed.map(({path}) => path));
  const added = [...photos.keys()].filter((path) => !paths.has(path));
  const differences = [
    ...described(missing, 'missing'),
    ...described(changed, 'changed'),
    ...described(added, 'new'),
    ...(stored.classes.join('\n') === dataset.classes.join('\n') ? [] : ['other classes']),
  ];
  if (differences.length > 0) {
    throw new LabError(
      `The stored split ${file} no longer fits the photos of ${dataset.name}: ${differences.join(', ')}. ${remedy}`,
    );
  }
  const restored = (part: Part) => stored.parts[part].map(({path}) => photos.get(path) as Photo);
  const parts = {train: restored('train'), val: restored('val'), test: restored('test')};
  const {seed, fractions, classes, given = [], crossing} = stored;
  const split = makeSplit({seed, fractions, classes, parts, given}, crossing);
  if (split.id !== stored.id)
    throw new LabError(`${file} was edited: its content is not split ${stored.id}. ${remedy}`);
  return split;
}

function described(paths: string[], what: string): string[] {
  return paths.length > 0
    ? [`${paths.length} ${what} (${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', ...' : ''})`]
    : [];
}
