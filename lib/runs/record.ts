/** One line of a run's history: what an epoch learnt, measured on the validation part. */
export interface EpochRecord {
  /** Counted from 1. */
  epoch: number;
  learningRate: number;
  trainLoss: number;
  valLoss: number;
  valMacroF1: number;
  valAccuracy: number;
  seconds: number;
  imagesPerSecond: number;
}

/** What the best weights say of one photo of the test part; classes by index. */
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
  valMacroF1: number;
  testMacroF1: number;
  testAccuracy: number;
  /** Photos of the test part, indexed [truth][predicted]. */
  confusion: number[][];
  predictions: Prediction[];
}

/** What a run is asked to do: plain JSON, from which its identifier is derived. */
export type RunConfiguration = Record<string, unknown> & {
  /** As it was asked for. */
  backbone: string;
  /** The architecture that was trained: the backbone, or what stood in for it. */
  network: string;
  /** 'feature extraction', 'last 3 stages' or 'everything'. */
  regime: string;
  /** What stood in for photos and pretrained networks: 'CIFAR-10 photos', 'EfficientNet-Lite0 for MobileNetV2'. */
  standIns: string[];
  classes: string[];
};

export type RunStatus = 'running' | 'interrupted' | 'complete';

/** A stored run as charts and comparisons read it: plain JSON. */
export interface RunRecord {
  id: string;
  /** For people: 'mobilenet_v2, last 3 stages'. */
  title: string;
  configuration: RunConfiguration;
  status: RunStatus;
  history: EpochRecord[];
  result: RunResult | null;
  /** Time spent training so far, over all sessions. */
  seconds: number;
}
