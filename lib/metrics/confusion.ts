import {LabError} from '../errors';

/** Counts of items, indexed [truth][predicted]; square. */
export type Confusion = readonly (readonly number[])[];

/**
 * Counts how often each class was taken for each: `result[truth][predicted]`.
 * Throws LabError when the lists differ in length or hold something other than whole numbers from 0 to classCount - 1.
 */
export function confusionMatrix(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classCount: number,
): number[][] {
  if (!Number.isInteger(classCount) || classCount < 1) {
    throw new LabError(`A confusion matrix needs a whole number of classes from 1 on, not ${classCount}.`);
  }
  if (truth.length !== predicted.length) {
    throw new LabError(
      `${truth.length} true labels stand against ${predicted.length} predicted ones: give one prediction per item, in the same order.`,
    );
  }
  const counts = Array.from({length: classCount}, () => new Array<number>(classCount).fill(0));
  for (let item = 0; item < truth.length; item++) {
    checkLabel('true', truth[item], item, classCount);
    checkLabel('predicted', predicted[item], item, classCount);
    counts[truth[item]][predicted[item]]++;
  }
  return counts;
}

/** Throws LabError unless a label is a whole number from 0 to classCount - 1. */
export function checkLabel(kind: string, label: number, item: number, classCount: number): void {
  if (!Number.isInteger(label) || label < 0 || label >= classCount) {
    throw new LabError(
      `The ${kind} label of item ${item} is ${label}; with ${classCount} classes it has to be a whole number from 0 to ${classCount - 1}.`,
    );
  }
}

/** Throws LabError unless the matrix is square, holds counts, and counts at least one item. */
export function checkConfusion(confusion: Confusion): void {
  for (const [truth, row] of confusion.entries()) {
    if (row.length !== confusion.length) {
      throw new LabError(
        `A confusion matrix is square, but this one has ${confusion.length} rows and ${row.length} numbers in row ${truth}.`,
      );
    }
    const wrong = row.find((count) => !Number.isInteger(count) || count < 0);
    if (wrong !== undefined) {
      throw new LabError(`A confusion matrix holds counts, but row ${truth} holds ${wrong}.`);
    }
  }
  if (confusion.every((row) => row.every((count) => count === 0))) {
    throw new LabError('There is nothing to score: the confusion matrix counts no item.');
  }
}
