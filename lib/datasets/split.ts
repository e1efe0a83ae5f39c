import {createHash} from 'node:crypto';

import {LabError} from '../errors';
import {fnv1a, mulberry32, shuffled} from '../random';
import type {Dataset, Photo} from './dataset';
import {duplicateGroups, firstClosePair} from './duplicates';
import {nearDuplicateBits} from './hash';

export type Part = 'train' | 'val' | 'test';

/** A data set divided into parts. `id` names its content: it changes with any photo, label, part, seed or fraction. */
export interface Split {
  id: string;
  seed: number;
  fractions: Record<Part, number>;
  classes: string[];
  parts: Record<Part, Photo[]>;
}

export interface SplitOptions {
  seed: number;
  /** Shares of the three parts, each above 0, together 1. Default 0.70, 0.15, 0.15. */
  fractions?: Record<Part, number>;
}

export const partNames: readonly Part[] = ['train', 'val', 'test'];
export const defaultFractions: Record<Part, number> = {train: 0.7, val: 0.15, test: 0.15};

/** Photos that may only go into the same part together. */
interface Group {
  photos: Photo[];
  /** Photos per class. */
  counts: Map<number, number>;
  conflicting: boolean;
}

/** The places left in each part, per class: `places[label][part]`. */
type Places = Record<Part, number>[];

/**
 * A stratified split: in every class the parts have their fractions of the photos, as nearly as near-duplicates, which
 * always stay in one part, allow; every part has every class. It depends on the seed and the photos alone, not on their
 * order.
 *
 * Pictures that stand under two labels go to training. One of their labels is wrong, so a score that counted them would
 * measure the labels and not the model; in training they are a little noise, and no photo is lost from sight.
 *
 * Throws LabError for fractions that are no shares and for a class with fewer than three distinct pictures.
 */
export function splitPhotos(
  dataset: Pick<Dataset, 'classes' | 'photos' | 'conflicts'>,
  {seed, fractions = defaultFractions}: SplitOptions,
): Split {
  checkFractions(fractions);
  const {classes} = dataset;
  const photos = [...dataset.photos].sort(byName);
  const groups = groupsOf(photos, dataset.conflicts);
  const places = placesOf(photos, classes.length, fractions);
  const parts: Record<Part, Photo[]> = {train: [], val: [], test: []};
  const filled = classes.map(() => new Set<Part>());
  const distinct = classes.map(() => 0);
  for (const group of groups) for (const label of group.counts.keys()) distinct[label]++;
  const groupsLeft = [...distinct];
  const random = mulberry32(fnv1a(`split ${seed}`));
  const assigned = new Set<Group>();

  const assign = (group: Group, part: Part) => {
    for (const photo of group.photos) parts[part].push(photo);
    assigned.add(group);
    for (const [label, count] of group.counts) {
      places[label][part] -= count;
      filled[label].add(part);
      groupsLeft[label]--;
    }
  };
  for (const group of groups.filter(({conflicting}) => conflicting)) assign(group, 'train');
  const free = shuffled(
    groups.filter((group) => !assigned.has(group)),
    random,
  ).sort((a, b) => b.photos.length - a.photos.length);
  for (const group of free) assign(group, choosePart(group, places, filled, groupsLeft, random));

  classes.forEach((name, label) => {
    if (filled[label].size === partNames.length) return;
    throw new LabError(
      `The class ${name} cannot be split: it has ${distinct[label]} distinct pictures (near-duplicates count once, and those ` +
        `that also stand under another label only train), and every part needs one. Add photos or remove the class.`,
    );
  });
  return makeSplit(seed, fractions, classes, parts);
}

/** A split from its parts; sorts each part by name and derives the id. */
export function makeSplit(
  seed: number,
  fractions: Record<Part, number>,
  classes: string[],
  parts: Record<Part, Photo[]>,
): Split {
  const sorted = {
    train: [...parts.train].sort(byName),
    val: [...parts.val].sort(byName),
    test: [...parts.test].sort(byName),
  };
  const content = partNames.map((part) =>
    sorted[part].map(({picture, label}) => [picture.name, picture.key, label]),
  );
  const shares = partNames.map((part) => fractions[part]);
  const hash = createHash('sha256').update(JSON.stringify([seed, shares, classes, content]));
  return {id: hash.digest('hex').slice(0, 12), seed, fractions, classes, parts: sorted};
}

/** Throws LabError when a photo or near-duplicates of it lie in more than one part, or a part lacks a class. */
export function verifySplit(split: Split): void {
  for (const [index, part] of partNames.entries()) {
    const photos = split.parts[part];
    const others = partNames
      .slice(index + 1)
      .flatMap((other) => split.parts[other].map((photo) => ({photo, part: other})));
    const leak = firstClosePair(
      photos.map(({hash}) => hash),
      others.map(({photo}) => photo.hash),
      nearDuplicateBits,
    );
    if (leak) {
      const [a, b] = [photos[leak[0]], others[leak[1]]];
      throw new LabError(
        `Split ${split.id} leaks: ${a.picture.name} (${part}) and ${b.photo.picture.name} (${b.part}) show the same picture. ` +
          `Draw the split anew.`,
      );
    }
  }
  for (const part of partNames) {
    const labels = new Set(split.parts[part].map(({label}) => label));
    const missing = split.classes.find((_, label) => !labels.has(label));
    if (missing !== undefined) {
      throw new LabError(`Split ${split.id} has no photo of ${missing} in ${part}. Draw the split anew.`);
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

/** Largest-remainder shares of every class's photos, at least one place in each part. */
function placesOf(photos: Photo[], classCount: number, fractions: Record<Part, number>): Places {
  const sizes = new Array<number>(classCount).fill(0);
  for (const {label} of photos) sizes[label]++;
  return sizes.map((size) => {
    const places = {train: 0, val: 0, test: 0};
    for (const part of partNames) places[part] = Math.floor(size * fractions[part]);
    const byRemainder = [...partNames].sort(
      (a, b) => size * fractions[b] - places[b] - (size * fractions[a] - places[a]),
    );
    const left = size - partNames.reduce((sum, part) => sum + places[part], 0);
    for (const part of byRemainder.slice(0, left)) places[part]++;
    for (const part of partNames) {
      const largest = partNames.reduce((a, b) => (places[b] > places[a] ? b : a));
      if (places[part] === 0 && places[largest] > 1) {
        places[part]++;
        places[largest]--;
      }
    }
    return places;
  });
}

/**
 * Draws a part with a chance in proportion to the places left, among those with room for the whole group; where none
 * has room, the emptiest. When a class has no more groups to spare than parts without it, those parts come first.
 */
function choosePart(
  group: Group,
  places: Places,
  filled: Set<Part>[],
  groupsLeft: number[],
  random: () => number,
): Part {
  const labels = [...group.counts.keys()];
  const room = (part: Part) => Math.min(...labels.map((label) => places[label][part]));
  const waiting = partNames.filter((part) =>
    labels.some(
      (label) => !filled[label].has(part) && groupsLeft[label] <= partNames.length - filled[label].size,
    ),
  );
  const candidates = waiting.length > 0 ? waiting : partNames;
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
