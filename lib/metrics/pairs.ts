import {LabError} from '../errors';
import {checkConfusion, type Confusion} from './confusion';

/** How often one class was taken for another. */
export interface ConfusedPair {
  truth: string;
  predicted: string;
  photos: number;
  /** Of the true class's photos. */
  share: number;
}

/** The pairs of classes confused most often, at most `count`, the most frequent first. Throws LabError as `classificationReport`. */
export function confusedPairs(confusion: Confusion, classes: readonly string[], count = 10): ConfusedPair[] {
  checkConfusion(confusion);
  if (classes.length !== confusion.length) {
    throw new LabError(
      `${classes.length} class names were given for a confusion matrix of ${confusion.length} classes.`,
    );
  }
  return confusion
    .flatMap((row, truth) => {
      const total = row.reduce((sum, photos) => sum + photos, 0);
      return row.map((photos, predicted) => ({
        truth: classes[truth],
        predicted: classes[predicted],
        photos: predicted === truth ? 0 : photos,
        share: photos / Math.max(total, 1),
      }));
    })
    .filter(({photos}) => photos > 0)
    .sort((a, b) => b.photos - a.photos || b.share - a.share)
    .slice(0, count);
}

/**
 * The confusion matrix of groups of classes (superclasses): `groups` gives the number of each class's group, from 0.
 * Throws LabError unless there is a group for each class.
 */
export function groupedConfusion(confusion: Confusion, groups: readonly number[]): number[][] {
  checkConfusion(confusion);
  if (groups.length !== confusion.length) {
    throw new LabError(
      `${groups.length} groups were given for a confusion matrix of ${confusion.length} classes: give the group of each class.`,
    );
  }
  const wrong = groups.find((group) => !Number.isInteger(group) || group < 0);
  if (wrong !== undefined) throw new LabError(`A group of ${wrong} cannot be. Give whole numbers from 0 on.`);
  const size = Math.max(...groups) + 1;
  const grouped = Array.from({length: size}, () => new Array<number>(size).fill(0));
  confusion.forEach((row, truth) =>
    row.forEach((photos, predicted) => (grouped[groups[truth]][groups[predicted]] += photos)),
  );
  return grouped;
}
