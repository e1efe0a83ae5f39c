/** What may look on while a network is trained: a progress line, the store of runs, TensorBoard. */
import type {Tensor} from '../engine';
import type {Learner} from '../heads';
import type {Metric, Scores} from '../metrics';
import type {StateTensor} from './optimizer';

/** What an epoch brought. */
export interface Epoch {
  epoch: number;
  learningRate: number;
  /** Running means over the training photos, each as the network stood before its batch's step. */
  train: {loss: number; accuracy: number};
  /** Of the weights at the epoch's end, on the validation part. */
  val: Scores;
  /** Of training, without the validation. */
  seconds: number;
  valSeconds: number;
  imagesPerSecond: number;
}

export interface BatchProgress {
  epoch: number;
  epochs: number;
  batch: number;
  batches: number;
  imagesPerSecond: number;
  /** Estimated seconds to the end of the last epoch. */
  secondsLeft: number;
}

/** Where training stands between two epochs; with the learner's and the optimizer's tensors it can go on from there. */
export interface TrainingState {
  epoch: number;
  /** The value is that of the metric on the validation part. */
  best: {epoch: number; metric: Metric; value: number} | null;
}

/** How things stand after an epoch. */
export interface EpochEnd {
  learner: Learner;
  /** Whether the learner now holds the best weights so far. */
  improved: boolean;
  state: TrainingState;
  /** Reads the optimizer's state. */
  optimizer: () => StateTensor[];
}

/** The slopes of a step's loss in what training moves, by name. */
export type Gradients = ReadonlyMap<string, Tensor>;

/** Is told what happens, of what it has a function for. What it throws ends the training. */
export interface TrainingObserver {
  onBatch?: (progress: BatchProgress) => void;
  /** Before an epoch's last update: its gradients, not yet clipped, which are disposed when this returns. */
  onGradients?: (gradients: Gradients, at: {epoch: number; learner: Learner}) => void;
  onEpoch?: (epoch: Epoch, end: EpochEnd) => void;
}
