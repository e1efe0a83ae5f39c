import {LabError} from '../errors';
import {fnv1a, mulberry32, shuffled} from '../random';
import {type Part, partNames, type Photo} from './dataset';
import type {Split} from './split';

/**
 * A smaller split for quick trials: at most `perClass` photos of each class, in the split's own fractions and at least
 * two of each in every part. The larger split's parts contain it, so nothing leaks from one part to another.
 */
export function subsetSplit(split: Split, perClass: number): Split {
  if (!(perClass >= 6))
    throw new LabError(`A subset of ${perClass} photos per class is too small. Give 6 or more.`);
  const limitOf = (fractions: Split['fractions'], part: Part) =>
    Math.max(2, Math.round(perClass * fractions[part]));
  const limit = (part: Part) => limitOf(split.fractions, part);
  const parts = Object.fromEntries(
    partNames.map((part) => {
      const taken = new Map<number, number>();
      const photos = split.parts[part].filter(({label}) => {
        taken.set(label, (taken.get(label) ?? 0) + 1);
        return taken.get(label)! <= limit(part);
      });
      return [part, photos];
    }),
  ) as Split['parts'];
  const isWhole = partNames.every((part) => parts[part].length === split.parts[part].length);
  if (isWhole) return split;
  // Subsets of states with the same test part have the same test part, too, where they are limited alike.
  const isTestWhole = parts.test.length === split.parts.test.length;
  const alike = split.earlier.filter((state) => limitOf(state.fractions, 'test') === limit('test'));
  const earlier = alike.flatMap((state) => {
    const subset = {...state, id: `${state.id}-${perClass}`};
    return isTestWhole ? [state, subset] : [subset];
  });
  return {...split, id: `${split.id}-${perClass}`, parts, earlier};
}

/**
 * At most `perClass` photos of each class, drawn by the seed and in the order in which they came; of one seed, fewer are
 * always among more.
 */
export function photosPerClass(photos: readonly Photo[], perClass: number, seed: number): Photo[] {
  if (!Number.isInteger(perClass) || perClass < 1) {
    throw new LabError(`${perClass} photos per class cannot be. Give a whole number of at least 1.`);
  }
  const taken = new Map<number, number>();
  const drawn = new Set(
    shuffled([...photos], mulberry32(fnv1a(`photos ${seed}`))).filter(({label}) => {
      taken.set(label, (taken.get(label) ?? 0) + 1);
      return taken.get(label)! <= perClass;
    }),
  );
  return photos.filter((photo) => drawn.has(photo));
}
