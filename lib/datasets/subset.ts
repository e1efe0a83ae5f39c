import {LabError} from '../errors';
import {type Part, partNames} from './dataset';
import type {Split} from './split';

/**
 * A smaller split for quick trials: at most `perClass` photos of each class, in the split's own fractions and at least
 * two of each in every part. The larger split's parts contain it, so nothing leaks from one part to another.
 */
export function subsetSplit(split: Split, perClass: number): Split {
  if (!(perClass >= 6))
    throw new LabError(`A subset of ${perClass} photos per class is too small. Give 6 or more.`);
  const limit = (part: Part) => Math.max(2, Math.round(perClass * split.fractions[part]));
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
  return isWhole ? split : {...split, id: `${split.id}-${perClass}`, parts};
}
