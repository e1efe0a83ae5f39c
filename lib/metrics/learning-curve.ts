/** A score over the number of labelled photos, of several seeds. */
import {LabError} from '../errors';

export interface LearningCurve {
  /** What was varied: a strategy, a network. */
  name: string;
  /** Numbers of labelled photos, ascending. */
  labelled: readonly number[];
  /** Over the seeds, at each number. */
  mean: readonly number[];
  /** Standard deviation over the seeds (of a sample: divided by their number less one); 0 with one seed. */
  deviation: readonly number[];
  /** Every seed's scores, [seed][number]. */
  runs: readonly (readonly number[])[];
}

/** Mean and deviation of scores [seed][number]. Throws LabError unless every seed has one for each number. */
export function learningCurve(
  name: string,
  labelled: readonly number[],
  runs: readonly (readonly number[])[],
): LearningCurve {
  const other = runs.find((run) => run.length !== labelled.length);
  if (runs.length === 0 || other) {
    throw new LabError(
      `${name}: ${labelled.length} numbers of labels stand against ${other?.length ?? 'no'} scores. Give each seed one for each.`,
    );
  }
  const at = labelled.map((_, i) => runs.map((run) => run[i]));
  return {name, labelled, mean: at.map(meanOf), deviation: at.map(deviationOf), runs};
}

/** The fewest labels with which the mean comes to a score; null where it does not. */
export function labelsToReach({labelled, mean}: LearningCurve, score: number): number | null {
  return labelled[mean.findIndex((value) => value >= score)] ?? null;
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}
