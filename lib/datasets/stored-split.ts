import {readdir, readFile} from 'node:fs/promises';
import * as path from 'node:path';

import {LabError} from '../errors';
import {createFile} from '../storage';
import {type Dataset, partNames} from './dataset';
import {grown, holdsAll, isAsItWas, restored, storedForm, type StoredState} from './growth';
import {
  defaultFractions,
  defaultValidation,
  givenParts,
  type Split,
  splitPhotos,
  type SplitOptions,
  verifySplit,
} from './split';

export interface StoredSplitOptions extends SplitOptions {
  /** The folder of all data sets (`data/`). */
  folder: string;
  /** The largest share of the photos that may be gone since they were split; one may be in any case. Default 0.01. */
  skippedLimit?: number;
  /** Told what became of the photos, when that makes a new state. */
  onNote?: (note: string) => void;
}

/**
 * The split of a data set that is kept in its folder under `folder`, as `split-<seed>-<percents>.json` where it is drawn
 * and `split-given.json` or `split-given-<seed>-<percent>.json` where parts are given, made and stored there the first
 * time. Where photos were added, changed or lost since, its next state (see growth.ts) is stored beside it with the end
 * `.state-<number>.json`; a state whose photos are there again is gone back to. None is ever replaced, because stored
 * runs were measured on it. Photos that were moved to another folder as they are take their split along. Throws LabError
 * when too many photos or a whole class are gone, or a file was edited or is damaged.
 */
export async function storedSplit(dataset: Dataset, options: StoredSplitOptions): Promise<Split> {
  const {folder, skippedLimit = 0.01, onNote, ...wanted} = options;
  const kind = `split-${kindOf(dataset, wanted)}`;
  const home = path.join(folder, dataset.home);
  const place = path.join(home, `${kind}*.json`);
  for (;;) {
    const states = await statesIn(home, kind);
    if (states.length === 0) {
      const moved = await statesElsewhere(folder, kind, dataset);
      if (moved.length > 0) {
        for (const state of moved) write(home, kind, state);
        continue;
      }
      const split = splitPhotos(dataset, wanted);
      verifySplit(split);
      if (create(home, kind, split)) return split;
      continue; // another kernel was quicker
    }
    for (const state of [...states].reverse()) {
      const split = restored(state, dataset);
      if (split) return checked(split, state, fileOf(home, kind, state.state));
    }
    const split = grown(dataset, states, {...wanted, skippedLimit, place});
    if (!create(home, kind, split)) continue;
    onNote?.(
      [
        `The photos of ${dataset.name} have changed; this is state ${split.state} of their split.`,
        ...split.notes,
      ].join('\n'),
    );
    return split;
  }
}

const fileOf = (home: string, kind: string, state: number): string =>
  path.join(home, state === 1 ? `${kind}.json` : `${kind}.state-${state}.json`);

const create = (home: string, kind: string, split: Split): boolean => write(home, kind, storedForm(split));

/** Stores a state unless there is one of its number. */
function write(home: string, kind: string, state: StoredState): boolean {
  return createFile(fileOf(home, kind, state.state), `${JSON.stringify(state, null, 1)}\n`);
}

/** The states of a data set all of whose photos are these as they are: their folder was moved or copied, and may have grown. */
async function statesElsewhere(folder: string, kind: string, dataset: Dataset): Promise<StoredState[]> {
  for (const name of (await namesIn(folder)).filter((each) => each !== dataset.home)) {
    try {
      const states = await statesIn(path.join(folder, name), kind);
      if (states.length > 0 && holdsAll(states[states.length - 1], dataset)) return states;
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
    }
  }
  return [];
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

/** The states of a split, the first one first. */
async function statesIn(home: string, kind: string): Promise<StoredState[]> {
  const numbers = (await namesIn(home)).flatMap((name) => {
    if (name === `${kind}.json`) return [1];
    const number = name.startsWith(`${kind}.state-`) && /\.state-(\d+)\.json$/.exec(name)?.[1];
    return number ? [Number(number)] : [];
  });
  numbers.sort((a, b) => a - b);
  return Promise.all(numbers.map((state) => readState(fileOf(home, kind, state), state)));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

const movedAway = (file: string) =>
  `Move ${file} away to have a new split made (runs on the old one then stand alone).`;

/** A stored state; what files of early versions do not tell is filled in. */
async function readState(file: string, state: number): Promise<StoredState> {
  let stored: StoredState;
  try {
    const early = {given: [], earlier: [], leftOut: [], notes: []};
    stored = {...early, ...(JSON.parse(await readFile(file, 'utf8')) as StoredState), state};
    for (const part of partNames) stored.parts[part].map(({path}) => path);
  } catch {
    throw new LabError(`${file} is damaged: it is not a stored split. ${movedAway(file)}`);
  }
  if (!isAsItWas(stored)) throw edited(file, stored);
  return stored;
}

function checked(split: Split, {id}: StoredState, file: string): Split {
  if (split.id !== id) throw edited(file, {id});
  return split;
}

const edited = (file: string, {id}: {id: string}) =>
  new LabError(`${file} was edited: its content is not split ${id}. ${movedAway(file)}`);
