import {LabError} from '../errors';
import {mulberry32} from '../random';
import {checkLabel} from './confusion';
import {accuracy, macroF1} from './report';

export interface Interval {
  low: number;
  high: number;
}

export interface BootstrapOptions {
  /** 'macroF1' unless given. */
  metric?: 'macroF1' | 'accuracy';
  /** Of the resampling; 1 unless given. */
  seed?: number;
  /** How many times the items are drawn anew; 1,000 unless given. */
  resamples?: number;
  /** Share of the resampled scores inside the interval, between 0 and 1; 0.95 unless given. */
  level?: number;
}

/**
 * How far a score would move with other test items of the same kind: the percentile bootstrap interval (Efron and
 * Tibshirani 1993, An Introduction to the Bootstrap, chapter 13) over items drawn with replacement.
 * It tells nothing about other seeds of the training. Throws LabError without items or with options out of range.
 */
export function bootstrapInterval(
  items: readonly {truth: number; predicted: number}[],
  classCount: number,
  {metric = 'macroF1', seed = 1, resamples = 1000, level = 0.95}: BootstrapOptions = {},
): Interval {
  if (items.length === 0)
    throw new LabError('A bootstrap interval needs at least one item, and there is none.');
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new LabError(`A bootstrap interval needs a whole number of resamples from 1 on, not ${resamples}.`);
  }
  if (!(level > 0 && level < 1)) {
    throw new LabError(`The level of a bootstrap interval lies between 0 and 1, and ${level} does not.`);
  }
  const random = mulberry32(seed);
  const score = {macroF1, accuracy}[metric];
  items.forEach(({truth, predicted}, item) => {
    checkLabel('true', truth, item, classCount);
    checkLabel('predicted', predicted, item, classCount);
  });
  const scores = Array.from({length: resamples}, () => {
    const drawn = Array.from({length: classCount}, () => new Array<number>(classCount).fill(0));
    for (let count = 0; count < items.length; count++) {
      const {truth, predicted} = items[Math.floor(random() * items.length)];
      drawn[truth][predicted]++;
    }
    return score(drawn);
  }).sort((a, b) => a - b);
  const tail = (1 - level) / 2;
  return {low: quantile(scores, tail), high: quantile(scores, 1 - tail)};
}

/** The quantile of an ascending list, interpolated linearly between neighbours (NumPy's default). */
function quantile(ascending: readonly number[], share: number): number {
  const position = share * (ascending.length - 1);
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return ascending[below] + (position - below) * (ascending[above] - ascending[below]);
}
