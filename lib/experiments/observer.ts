/** What may look on at a run from its beginning to its result. */
import type {Part, Photo} from '../datasets';
import type {Learner} from '../heads';
import type {EpochRecord, RunResult} from '../runs';
import type {TrainingObserver} from '../training';
import type {Experiment} from './configuration';

/** A run before its first step, or before it goes on; `ExperimentParts` are one, too. */
export interface RunStart {
  /** 'resnext50_32x4d, everything'. */
  title: string;
  /** What trains. */
  learner: Learner;
  /** None in a loop of one's own that has no experiment. */
  experiment?: Experiment;
  /** Of the split. */
  photos?: Readonly<Record<Part, readonly Photo[]>>;
  /** The epochs of earlier sessions, which training goes on after. */
  history?: readonly EpochRecord[];
}

/** A run that is complete: a `RunRecord`, or what a testing loop of one's own gathered (`Tested`). */
export interface FinishedRun {
  id?: string;
  title: string;
  configuration: Readonly<Record<string, unknown>>;
  history?: readonly EpochRecord[];
  result: (Pick<RunResult, 'test' | 'predictions'> & Partial<RunResult>) | null;
}

/** Is told what happens, of what it has a function for. What it throws ends the run, which then can go on. */
export interface RunObserver extends TrainingObserver {
  onStart?: (run: RunStart) => void | Promise<void>;
  /** After the look at the test part; also when a stored run is shown again, of which nothing else is told. */
  onFinish?: (run: FinishedRun, of?: Pick<RunStart, 'photos'>) => void | Promise<void>;
}

/** One observer that tells each of these, in their order. */
export function observers(each: readonly RunObserver[]): RunObserver {
  const looking = each.flatMap(({onGradients}) => onGradients ?? []);
  return {
    onStart: async (run) => {
      for (const {onStart} of each) await onStart?.(run);
    },
    onBatch: (progress) => each.forEach(({onBatch}) => onBatch?.(progress)),
    onGradients:
      looking.length > 0 ? (gradients, at) => looking.forEach((look) => look(gradients, at)) : undefined,
    onEpoch: (epoch, end) => each.forEach(({onEpoch}) => onEpoch?.(epoch, end)),
    onFinish: async (run, of) => {
      for (const {onFinish} of each) await onFinish?.(run, of);
    },
  };
}
