/** The few numbers that an evaluation is summed up in, and which of two is the better one. */
import type {Confusion} from './confusion';
import {accuracy, macroF1} from './report';
import {topKAccuracy} from './top-k';

export interface Scores {
  /** Mean cross-entropy in nats; NaN where it is not finite, or not known. */
  loss: number;
  accuracy: number;
  macroF1: number;
  /** Share of the items whose class is among the five most probable ones; null with five classes or fewer. */
  top5: number | null;
}

/** What can choose the best weights. */
export const metrics = ['macroF1', 'accuracy', 'loss'] as const;
export type Metric = (typeof metrics)[number];

/** A metric in words: 'macro-F1'. */
export const metricNames: Readonly<Record<Metric, string>> = {
  macroF1: 'macro-F1',
  accuracy: 'accuracy',
  loss: 'loss',
};

/** Sums up an evaluation; `probabilities` are [items, classes], row by row, of the items with these true classes. */
export function scoresOf(
  confusion: Confusion,
  {loss, truth, probabilities}: {loss: number; truth: Int32Array; probabilities: Float32Array},
): Scores {
  return {
    loss,
    accuracy: accuracy(confusion),
    macroF1: macroF1(confusion),
    top5: confusion.length > 5 ? topKAccuracy(probabilities, truth, 5) : null,
  };
}

/** Whether a value is better than another, null or NaN standing for none: a lower loss, a higher score. */
export function isBetter(metric: Metric, value: number, than: number | null): boolean {
  if (than === null || Number.isNaN(than)) return true;
  return metric === 'loss' ? value < than : value > than;
}
