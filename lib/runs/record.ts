import type {Metric, Scores} from '../metrics';
import type {Regime} from './regime';

/** One line of a run's history: what an epoch learnt. Null is what a run stored by an earlier version does not tell. */
export interface EpochRecord {
  /** Counted from 1. */
  epoch: number;
  learningRate: number;
  /** Running means over the training photos, each as the network stood before its batch's step. */
  train: {loss: number; accuracy: number | null};
  /** Of the weights at the epoch's end, on the validation part. */
  val: Scores;
  /** Of training, without the validation. */
  seconds: number;
  valSeconds: number | null;
  imagesPerSecond: number;
}

/** What the best weights say of one photo; classes by index. */
export interface Prediction {
  path: string;
  truth: number;
  predicted: number;
  /** Of the predicted class. */
  probability: number;
}

/** The outcome of a complete run, measured with the weights of its best epoch. */
export interface RunResult {
  bestEpoch: number;
  val: Scores;
  /** Null where the split has no test part. */
  test: Scores | null;
  /** Photos of the test part, or of the validation part where there is no other, indexed [truth][predicted]. */
  confusion: number[][];
  /** Of the same photos. */
  predictions: Prediction[];
}

/** Predictions of one part as tables, charts and grids show them: a stored run's, or those that a loop of one's own gathered. */
export interface Tested {
  title: string;
  configuration: Pick<RunConfiguration, 'classes' | 'standIns'>;
  result: Pick<RunResult, 'test' | 'confusion' | 'predictions'>;
}

/** What a run is asked to do: plain JSON, from which its identifier is derived. */
export type RunConfiguration = Record<string, unknown> & {
  /** As it was asked for. */
  backbone: string;
  /** The architecture that was trained: the backbone, or what stood in for it. */
  network: string;
  regime: Regime;
  /** What of the validation part chooses the best weights. */
  select: Metric;
  /** What stood in for photos and pretrained networks: 'CIFAR-10 photos', 'EfficientNet-Lite0 for MobileNetV2'. */
  standIns: string[];
  classes: string[];
};

export type RunStatus = 'running' | 'interrupted' | 'complete';

/** Where a run's time went, over all sessions. Null is what a run stored by an earlier version does not tell. */
export interface RunSeconds {
  /** What the frozen features it used cost when they were computed, by whichever run; 0 where nothing is frozen. */
  features: number | null;
  /** Of these, what other runs had spent before. */
  reused: number | null;
  training: number;
  validation: number | null;
}

/** A stored run as charts and comparisons read it: plain JSON. */
export interface RunRecord {
  id: string;
  /** As it was given; null where it was not. */
  name: string | null;
  /** For people: its name, else 'mobilenet_v2, last 3 stages'. */
  title: string;
  configuration: RunConfiguration;
  status: RunStatus;
  history: EpochRecord[];
  result: RunResult | null;
  /** The version of the files it is stored in; 1 is what version 0.1 stored. */
  schema: number;
  /** ISO 8601, in UTC; null for what is not known or not yet. */
  began: string | null;
  ended: string | null;
  seconds: RunSeconds;
}
