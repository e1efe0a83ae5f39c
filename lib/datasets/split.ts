import {createHash} from 'node:crypto';

import {LabError} from '../errors';
import {fnv1a, mulberry32, shuffled} from '../random';
import {type Dataset, type Part, partNames, type Photo} from './dataset';
import {closePairs, duplicateGroups} from './duplicates';
import {nearDuplicateBits} from './hash';

/** A data set divided into parts. `id` names its content: it changes with any photo, label, part, seed or fraction. */
export interface Split {
  id: string;
  /** What the parts that are not given were drawn with. */
  seed: number;
  /** Shares of the photos. */
  fractions: Record<Part, number>;
  classes: string[];
  /** A part that is neither given nor drawn, `test`, is empty. */
  parts: Record<Part, Photo[]>;
  /** The parts that the data set's authors made; the others were drawn. */
  given: Part[];
  /** Pictures of one part that also stand, nearly the same, in a part before it; drawn parts have none. */
  crossing: Crossing;
  /** Which state of a set that grows this is, counted from 1: see growth.ts. */
  state: number;
  /** Earlier states with the same test part, on which runs can be compared with runs on this one. */
  earlier: EarlierState[];
  /** Photos that are in no part, and why. */
  leftOut: {path: string; sha256: string; reason: string}[];
  /** What became of the photos since the state before, a sentence each. */
  notes: string[];
}

export type EarlierState = Pick<Split, 'id' | 'state' | 'fractions'>;

export interface Crossing {
  count: number;
  /** The first of them, by name: [in the part before, in the later one]. */
  examples: [string, string][];
}

export interface SplitOptions {
  seed: number;
  /** Shares of the three parts where all are drawn, each above 0, together 1. Default 0.70, 0.15, 0.15. */
  fractions?: Record<Part, number>;
  /** Share of the training photos that validate, where the data set has parts but none for this. Default 0.1. */
  validation?: number;
}

export const defaultFractions: Record<Part, number> = {train: 0.7, val: 0.15, test: 0.15};
export const defaultValidation = 0.1;

const examples = 3;

/** What an earlier state of a set has settled. */
export interface Settled {
  /** Photos that stay where they are. */
  parts: ReadonlyMap<Photo, Part>;
  /** The classes that it had: their test part stays as it was drawn, where parts are drawn. */
  classes: readonly string[];
  /** The number of the state to come, which draws differently from those before. */
  state: number;
}

const nothingSettled: Settled = {parts: new Map(), classes: [], state: 1};

/** Photos that may only go into the same part together. */
interface Group {
  photos: Photo[];
  /** Photos per class. */
  counts: Map<number, number>;
  conflicting: boolean;
}

/** The places left in each part, per class: `places[label][part]`. */
type Places = Record<Part, number>[];

export type Splittable = Pick<Dataset, 'classes' | 'photos' | 'conflicts'>;

/** The parts that a data set's authors made; none where all are to be drawn. */
export const givenParts = ({photos}: Pick<Dataset, 'photos'>): Part[] => {
  const found = new Set(photos.map(({part}) => part));
  return partNames.filter((part) => found.has(part));
};

/**
 * A split: as the data set's authors made it, with a missing validation part drawn from their training part, or else
 * drawn whole. What is drawn is stratified: in every class the parts have their fractions of the photos, as nearly as
 * near-duplicates, which always stay in one part, allow; every part has every class. It depends on the seed and the photos
 * alone, not on their order.
 *
 * Pictures that stand under two labels go to training. One of their labels is wrong, so a score that counted them would
 * measure the labels and not the model; in training they are a little noise, and no photo is lost from sight.
 *
 * Throws LabError for fractions that are no shares or where the parts are given, and for a class with fewer distinct
 * pictures than parts are drawn.
 */
export function splitPhotos(dataset: Splittable, options: SplitOptions): Split {
  return makeSplit(divided(dataset, options));
}

/** The content of a split, what is settled already left where it is. Throws as `splitPhotos`. */
export function divided(
  dataset: Splittable,
  options: SplitOptions,
  settled: Settled = nothingSettled,
): SplitContent {
  const {seed, fractions = defaultFractions} = options;
  if (!Number.isFinite(seed)) throw new LabError(`The split's seed is ${seed}. Give a number, such as 42.`);
  const given = givenParts(dataset);
  if (given.length > 0) return dividedAsGiven(dataset, given, options, settled);
  checkFractions(fractions);
  const {classes, photos} = dataset;
  const isTested = (photo: Photo) => settled.parts.get(photo) === 'test';
  const drawn = drawParts(
    {...dataset, photos: photos.filter((photo) => !isTested(photo))},
    seed,
    settled,
    (label) => (settled.classes.includes(classes[label]) ? withoutTest(fractions) : fractions),
  );
  const parts = {...drawn, test: [...drawn.test, ...photos.filter(isTested)]};
  return {seed, fractions, classes, parts, given};
}

function withoutTest({train, val}: Record<Part, number>): Record<Part, number> {
  return {train: train / (train + val), val: val / (train + val), test: 0};
}

function dividedAsGiven(
  dataset: Splittable,
  given: Part[],
  options: SplitOptions,
  settled: Settled,
): SplitContent {
  const {seed, validation = defaultValidation} = options;
  if (options.fractions) {
    throw new LabError(
      `The data set is split by its authors (${given.join(', ')}), so there are no fractions to draw. Leave them out; ` +
        `validation is the share of a missing validation part.`,
    );
  }
  if (!(validation > 0 && validation < 1)) {
    throw new LabError(`validation is ${validation}. Give a share of the training photos, such as 0.1.`);
  }
  const of = (part: Part) => dataset.photos.filter((photo) => photo.part === part);
  const parts = {train: of('train'), val: of('val'), test: of('test')};
  if (parts.val.length === 0) {
    const fractions = {train: 1 - validation, val: validation, test: 0};
    const drawn = drawParts({...dataset, photos: parts.train}, seed, settled, () => fractions);
    Object.assign(parts, {train: drawn.train, val: drawn.val});
  }
  const share = (part: Part) => parts[part].length / dataset.photos.length;
  const fractions = {train: share('train'), val: share('val'), test: share('test')};
  return {seed, fractions, classes: dataset.classes, parts, given};
}

/** Photos divided at random, class by class into the parts whose fractions are above 0, beside those that are settled. */
function drawParts(
  dataset: Splittable,
  seed: number,
  settled: Settled,
  fractionsOf: (label: number) => Record<Part, number>,
): Record<Part, Photo[]> {
  const {classes} = dataset;
  const fractions = classes.map((_, label) => fractionsOf(label));
  const drawn = fractions.map((shares) => partNames.filter((part) => shares[part] > 0));
  const photos = [...dataset.photos].sort(byName);
  const groups = groupsOf(photos, dataset.conflicts);
  const places = placesOf(photos, fractions, drawn);
  const parts: Record<Part, Photo[]> = {train: [], val: [], test: []};
  const filled = classes.map(() => new Set<Part>());
  const distinct = classes.map(() => 0);
  for (const group of groups) for (const label of group.counts.keys()) distinct[label]++;
  const groupsLeft = [...distinct];
  const random = mulberry32(fnv1a(`split ${seed}${settled.state > 1 ? ` state ${settled.state}` : ''}`));
  const assigned = new Set<Group>();

  const assign = (group: Group, part: Part) => {
    for (const photo of group.photos) {
      const its = settled.parts.get(photo) ?? part;
      parts[its].push(photo);
      places[photo.label][its]--;
      filled[photo.label].add(its);
    }
    assigned.add(group);
    for (const label of group.counts.keys()) groupsLeft[label]--;
  };
  for (const group of groups) {
    const anchor = group.photos.find((photo) => settled.parts.has(photo));
    if (anchor) assign(group, settled.parts.get(anchor)!);
    else if (group.conflicting) assign(group, 'train');
  }
  const free = shuffled(
    groups.filter((group) => !assigned.has(group)),
    random,
  ).sort((a, b) => b.photos.length - a.photos.length);
  for (const group of free) assign(group, choosePart(group, {places, filled, groupsLeft, drawn, random}));

  classes.forEach((name, label) => {
    if (filled[label].size === drawn[label].length) return;
    throw new LabError(
      `The class ${name} cannot be split: it has ${distinct[label]} distinct pictures (near-duplicates count once, and those ` +
        `that also stand under another label only train), and every part needs one. Add photos, or open the data set with ` +
        `nearDuplicates: 'ignore' where colour or light tells the classes apart.`,
    );
  });
  return parts;
}

export type SplitContent = Pick<Split, 'seed' | 'fractions' | 'classes' | 'parts' | 'given'>;

/** What a later state of a set, or a stored one, has beside its content. */
export type SplitHistory = Pick<Split, 'state' | 'earlier' | 'leftOut' | 'notes'>;

const firstState: SplitHistory = {state: 1, earlier: [], leftOut: [], notes: []};

/** A split from its parts; sorts each part by name and derives the id, and what crosses from part to part. */
export function makeSplit(
  content: SplitContent,
  {crossing, ...history}: SplitHistory & {crossing?: Crossing} = firstState,
): Split {
  const {classes, given} = content;
  const parts = {
    train: [...content.parts.train].sort(byName),
    val: [...content.parts.val].sort(byName),
    test: [...content.parts.test].sort(byName),
  };
  const members = (part: Part) =>
    parts[part].map(({picture, label}): Member => [picture.name, picture.key, label]);
  const id = splitId({...content, classes, state: history.state}, members);
  const crosses = given.length > 0 ? () => crossingOf(parts) : () => ({count: 0, examples: []});
  return {...content, ...history, id, parts, crossing: crossing ?? crosses()};
}

/** A photo as a split's id takes it: name, key, label. */
export type Member = [name: string, key: string, label: number];

/** The id of a split: 12 hex digits, and `@` with the number of its state where that is not the first. */
export function splitId(
  {seed, fractions, classes, given, state}: Omit<SplitContent, 'parts'> & {state: number},
  members: (part: Part) => Member[],
): string {
  const drawing = given.includes('val') ? ['given'] : given.length > 0 ? [['given', seed]] : [seed, shares()];
  const hash = createHash('sha256').update(JSON.stringify([...drawing, classes, partNames.map(members)]));
  return `${hash.digest('hex').slice(0, 12)}${state > 1 ? `@${state}` : ''}`;

  function shares() {
    return partNames.map((part) => fractions[part]);
  }
}

function* crossings(parts: Record<Part, Photo[]>) {
  for (const [index, part] of partNames.entries()) {
    const photos = parts[part];
    const others = partNames
      .slice(index + 1)
      .flatMap((other) => parts[other].map((photo) => ({photo, part: other})));
    const hashes = photos.map(({hash}) => hash);
    const otherHashes = others.map(({photo}) => photo.hash);
    for (const [i, j] of closePairs(hashes, otherHashes, nearDuplicateBits)) {
      yield {earlier: {photo: photos[i], part}, later: others[j]};
    }
  }
}

function crossingOf(parts: Record<Part, Photo[]>): Crossing {
  const pairs = [...crossings(parts)].map(({earlier, later}): [string, string] => [
    earlier.photo.picture.name,
    later.photo.picture.name,
  ]);
  return {count: new Set(pairs.map(([, later]) => later)).size, examples: pairs.slice(0, examples)};
}

/**
 * Throws LabError when a photo or near-duplicates of it lie in more than one part that was drawn, or a part lacks a class.
 * What crosses between given parts is their authors' affair (see Split.crossing).
 */
export function verifySplit(split: Split): void {
  const {given, parts, classes, id} = split;
  const drawn = given.length === 0 ? parts : {...parts, test: []};
  const leak = given.includes('val') ? undefined : crossings(drawn).next().value;
  if (leak) {
    const {earlier, later} = leak;
    throw new LabError(
      `Split ${id} leaks: ${earlier.photo.picture.name} (${earlier.part}) and ${later.photo.picture.name} (${later.part}) show the ` +
        `same picture. Draw the split anew.`,
    );
  }
  for (const part of partNames) {
    if (part === 'test' && given.length > 0 && parts.test.length === 0) continue;
    const labels = new Set(parts[part].map(({label}) => label));
    const missing = classes.find((_, label) => !labels.has(label));
    if (missing !== undefined) {
      throw new LabError(`Split ${id} has no photo of ${missing} in ${part}. Draw the split anew.`);
    }
  }
}

function checkFractions(fractions: Record<Part, number>): void {
  const shares = partNames.map((part) => fractions[part]);
  const sum = shares.reduce((total, share) => total + share, 0);
  if (!shares.every((share) => share > 0) || Math.abs(sum - 1) > 1e-9) {
    throw new LabError(
      `The fractions ${shares.join(', ')} (train, val, test) are no shares of the photos: each must be above 0 and ` +
        `their sum 1, for example 0.7, 0.15, 0.15.`,
    );
  }
}

function groupsOf(photos: Photo[], conflicts: Dataset['conflicts']): Group[] {
  const doubtful = new Set(conflicts.flatMap(({paths}) => paths));
  const hashes = photos.map(({hash}) => hash);
  return duplicateGroups(hashes, nearDuplicateBits).map((indices) => {
    const members = indices.map((index) => photos[index]);
    const counts = new Map<number, number>();
    for (const {label} of members) counts.set(label, (counts.get(label) ?? 0) + 1);
    return {photos: members, counts, conflicting: members.some(({picture}) => doubtful.has(picture.name))};
  });
}

/** Largest-remainder shares of every class's photos, at least one place in each part that is drawn. */
function placesOf(photos: Photo[], fractions: Record<Part, number>[], drawnOf: Part[][]): Places {
  const sizes = fractions.map(() => 0);
  for (const {label} of photos) sizes[label]++;
  return sizes.map((size, label) => {
    const [shares, drawn] = [fractions[label], drawnOf[label]];
    const places = {train: 0, val: 0, test: 0};
    for (const part of drawn) places[part] = Math.floor(size * shares[part]);
    const byRemainder = [...drawn].sort(
      (a, b) => size * shares[b] - places[b] - (size * shares[a] - places[a]),
    );
    const left = size - drawn.reduce((sum, part) => sum + places[part], 0);
    for (const part of byRemainder.slice(0, left)) places[part]++;
    for (const part of drawn) {
      const largest = drawn.reduce((a, b) => (places[b] > places[a] ? b : a));
      if (places[part] === 0 && places[largest] > 1) {
        places[part]++;
        places[largest]--;
      }
    }
    return places;
  });
}

interface Drawing {
  places: Places;
  filled: Set<Part>[];
  groupsLeft: number[];
  /** The parts that each class is divided into. */
  drawn: Part[][];
  random: () => number;
}

/**
 * Draws a part with a chance in proportion to the places left, among those with room for the whole group; where none
 * has room, the emptiest. When a class has no more groups to spare than parts without it, those parts come first.
 */
function choosePart(group: Group, {places, filled, groupsLeft, drawn, random}: Drawing): Part {
  const labels = [...group.counts.keys()];
  const room = (part: Part) => Math.min(...labels.map((label) => places[label][part]));
  const open = partNames.filter((part) => labels.every((label) => drawn[label].includes(part)));
  const waiting = open.filter((part) =>
    labels.some(
      (label) => !filled[label].has(part) && groupsLeft[label] <= drawn[label].length - filled[label].size,
    ),
  );
  const candidates = waiting.length > 0 ? waiting : open;
  const roomy = candidates.filter((part) =>
    labels.every((label) => places[label][part] >= (group.counts.get(label) ?? 0)),
  );
  if (roomy.length === 0) return candidates.reduce((a, b) => (room(b) > room(a) ? b : a));
  let draw = random() * roomy.reduce((sum, part) => sum + room(part), 0);
  return roomy.find((part) => (draw -= room(part)) < 0) ?? roomy[roomy.length - 1];
}

function byName({picture: a}: Photo, {picture: b}: Photo): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
