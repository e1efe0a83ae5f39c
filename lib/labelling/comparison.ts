/** Strategies of choosing photos held against one another over several seeds, with the truth held back. */
import {LabError} from '../errors';
import {type ActiveLearningOptions, learnActively, type Round, truthOf} from './activeLearning';
import type {FrozenPhotos} from './frozenPhotos';
import {type Strategy, strategies as allStrategies} from './select';

/** The accuracy of one strategy over the number of labels. */
export interface LabelCurve {
  strategy: Strategy;
  /** Ascending. */
  labelled: readonly number[];
  /** Of the seeds, at each number of labels. */
  mean: readonly number[];
  /** Standard deviation over the seeds (of a sample: divided by their number less one); 0 with one seed. */
  deviation: readonly number[];
  /** Every seed's accuracies, [seed][number of labels]. */
  runs: readonly (readonly number[])[];
}

export interface ComparisonOptions extends Pick<
  ActiveLearningOptions,
  'classes' | 'start' | 'step' | 'head' | 'signal'
> {
  /** The photos that may be asked for, with their truth. */
  pool: FrozenPhotos;
  scored: ActiveLearningOptions['scored'];
  /** Default: all. */
  strategies?: readonly Strategy[];
  /** Default: 1 to 5. */
  seeds?: readonly number[];
  /** Labels in the end. Default: 200. */
  budget?: number;
  /** Told of the sessions done, of all. */
  onProgress?: (done: number, total: number) => void;
}

/** A session for every strategy and seed, and what they come to. Throws as `learnActively`. */
export async function compareStrategies({
  strategies = allStrategies,
  seeds = [1, 2, 3, 4, 5],
  budget = 200,
  onProgress,
  ...options
}: ComparisonOptions): Promise<LabelCurve[]> {
  if (seeds.length === 0) throw new LabError('A comparison needs at least one seed. Give seeds: [1, 2, 3].');
  const oracle = truthOf(options.pool);
  const curves: LabelCurve[] = [];
  let done = 0;
  for (const strategy of strategies) {
    const sessions = [];
    for (const seed of seeds) {
      sessions.push((await learnActively({...options, oracle, strategy, seed, budget})).rounds);
      onProgress?.(++done, strategies.length * seeds.length);
    }
    const shortest = Math.min(...sessions.map(({length}) => length));
    curves.push(
      labelCurve(
        strategy,
        sessions.map((rounds) => rounds.slice(-shortest)),
      ),
    );
  }
  return curves;
}

/** Mean and deviation of sessions with the same numbers of labels. */
function labelCurve(strategy: Strategy, sessions: readonly (readonly Round[])[]): LabelCurve {
  const runs = sessions.map((rounds) => rounds.map(({accuracy}) => accuracy));
  const at = (i: number) => runs.map((run) => run[i]);
  const labelled = sessions[0].map((round) => round.labelled);
  return {
    strategy,
    labelled,
    mean: labelled.map((_, i) => meanOf(at(i))),
    deviation: labelled.map((_, i) => deviationOf(at(i))),
    runs,
  };
}

/** The fewest labels with which a strategy's mean comes to a score; null where it does not. */
export function labelsToReach({labelled, mean}: LabelCurve, score: number): number | null {
  return labelled[mean.findIndex((value) => value >= score)] ?? null;
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}
