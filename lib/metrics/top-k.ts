import {LabError} from '../errors';
import {checkLabel} from './confusion';

/**
 * The share of items whose true class is among the k highest of their scores ([items, classes], row by row; logits or
 * probabilities). Of equal scores the class with the higher index comes first, as in scikit-learn's
 * top_k_accuracy_score. Throws LabError when sizes do not fit, k is not from 1 to the number of classes, or a score is
 * not a number.
 */
export function topKAccuracy(scores: ArrayLike<number>, truth: ArrayLike<number>, k: number): number {
  const classCount = scores.length / truth.length;
  if (!Number.isInteger(classCount) || classCount === 0) {
    throw new LabError(
      `${scores.length} scores cannot be shared out among ${truth.length} items: give [items, classes] scores and one label per item.`,
    );
  }
  if (!Number.isInteger(k) || k < 1 || k > classCount) {
    throw new LabError(
      `Top-k accuracy over ${classCount} classes needs a whole k from 1 to ${classCount}, not ${k}.`,
    );
  }
  let hits = 0;
  for (let item = 0; item < truth.length; item++) {
    if (rankOfTruth(scores, truth[item], item, classCount) < k) hits++;
  }
  return hits / truth.length;
}

/** How many classes stand before the true one when an item's classes are ordered by score. */
function rankOfTruth(scores: ArrayLike<number>, label: number, item: number, classCount: number): number {
  checkLabel('true', label, item, classCount);
  const start = item * classCount;
  let before = 0;
  for (let other = 0; other < classCount; other++) {
    const score = scores[start + other];
    if (Number.isNaN(score)) {
      throw new LabError(
        `The score of class ${other} for item ${item} is not a number: did the training diverge?`,
      );
    }
    if (score > scores[start + label] || (score === scores[start + label] && other > label)) before++;
  }
  return before;
}
