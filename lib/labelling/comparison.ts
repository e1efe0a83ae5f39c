/** Strategies of choosing photos held against one another over several seeds, with the truth held back. */
import {LabError} from '../errors';
import {type LearningCurve, learningCurve} from '../metrics';
import {type ActiveLearningOptions, learnActively, truthOf} from './activeLearning';
import type {FrozenPhotos} from './frozenPhotos';
import {type Strategy, strategies as allStrategies} from './select';

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

/** The accuracy over the number of labels of every strategy, from a session for each seed. Throws as `learnActively`. */
export async function compareStrategies({
  strategies = allStrategies,
  seeds = [1, 2, 3, 4, 5],
  budget = 200,
  onProgress,
  ...options
}: ComparisonOptions): Promise<LearningCurve[]> {
  if (seeds.length === 0) throw new LabError('A comparison needs at least one seed. Give seeds: [1, 2, 3].');
  const oracle = truthOf(options.pool);
  const curves: LearningCurve[] = [];
  let done = 0;
  for (const strategy of strategies) {
    const sessions = [];
    for (const seed of seeds) {
      sessions.push((await learnActively({...options, oracle, strategy, seed, budget})).rounds);
      onProgress?.(++done, strategies.length * seeds.length);
    }
    const numbers = sessions[0].map(({labelled}) => labelled);
    curves.push(
      learningCurve(
        strategy,
        numbers,
        sessions.map((rounds) => rounds.map(({accuracy}) => accuracy)),
      ),
    );
  }
  return curves;
}
