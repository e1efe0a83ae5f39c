import {type Part, type Photo, photosPerClass} from '../datasets';
import {LabError} from '../errors';
import type {HeadOptions} from '../heads';
import {type Augmentation, photoAugmentation, type Preprocessing} from '../pictures';
import type {Precision} from '../engine';
import type {Metric} from '../metrics';
import type {RunConfiguration, RunRecord} from '../runs';
import {
  adamw,
  balancedWeights,
  checkTraining,
  constant,
  type OptimizerOptions,
  type Schedule,
  type TrainingOptions,
} from '../training';
import type {BackboneChoice, Network} from './networks';
import {checkedPrecision, choosePrecision, labPrecision, type PrecisionChoice} from './precision';
import {frozenStages, type SharedRegime} from './regimes';
import {batchesPerEpoch} from './sources';
import type {Workspace} from './workspace';

/** An experiment as a notebook's cell states it: one backbone under one regime. */
export interface ExperimentOptions {
  /**
   * An architecture's name as in torchvision or timm, an architecture of one's own (`defineBackbone`), or a network written
   * in a cell (`network`), of which everything trains.
   */
  backbone: BackboneChoice;
  /**
   * What it starts from: a checkpoint ('/path/to/file.pth', or 'file.pth#ema' for a part of one), 'random', or 'random
   * instead' where random ones stand in for the published ones, which every title then tells (`lab.weightsOf`). Default:
   * the published weights.
   */
  weights?: string;
  /**
   * With a head on the original layers these count as the last stages: feature extraction freezes them, too, and
   * `lastStages(1)` trains the last of them.
   */
  regime: SharedRegime;
  /** What charts and tables call the run; running another experiment of this name replaces it there. Default: backbone and kind of regime. */
  name?: string;
  head?: HeadOptions;
  /**
   * Whether an auxiliary classifier, new like the head, helps in training. Default: where the architecture has one
   * (Inception v3, weight 0.4), the photos are large enough for it (299 pixels), and everything trains.
   */
  auxiliary?: boolean;
  /** Default: AdamW at a learning rate of 1e-3. */
  optimizer?: OptimizerOptions;
  /** Default: constant. */
  schedule?: Schedule;
  epochs: number;
  /** Default: 32. */
  batchSize?: number;
  /** Side of the square photos in pixels, at most what the data set's pictures are worth. Default: what the weights were trained with. */
  size?: number;
  /** Augmented views of each training photo that a frozen beginning is computed for; 0 means the plain view alone. Default: 1. */
  views?: number;
  augmentation?: Partial<Augmentation>;
  /** At most so many training photos of each class, drawn by the seed; the other parts stay whole. Default: all. */
  trainPhotosPerClass?: number;
  /** Default: 0. */
  labelSmoothing?: number;
  /** Whether rare classes weigh more in the loss. Default: false. */
  balanced?: boolean;
  clipNorm?: number;
  /** What of the validation part chooses the best weights. Default: 'macroF1'. */
  select?: Metric;
  /**
   * What the backbone's convolutions and matrix products multiply. 'auto' takes bfloat16 where the processor multiplies it
   * and the network gains by it, else float32. Default: the environment's `LAB_PRECISION`, else 'auto'.
   */
  precision?: PrecisionChoice;
  /** Epochs without a better one after which training ends. Default: never before `epochs`. */
  patience?: number;
  /** Seeds the head, dropout, order and augmentation. Default: 1. */
  seed?: number;
  /** Trains again although the same experiment is stored. */
  force?: boolean;
}

/** Everything a run's outcome depends on, complete with defaults; plain JSON. */
export interface Experiment extends RunConfiguration {
  split: string;
  weights: string;
  /** The fingerprint of what is not one of the published architectures; null for those. */
  definition: string | null;
  preprocessing: Preprocessing;
  frozen: number;
  /** Null where the network has its own. */
  head: (HeadOptions & Required<Omit<HeadOptions, 'batchNorm'>>) | null;
  auxiliary: boolean;
  optimizer: OptimizerOptions;
  schedule: Schedule;
  epochs: number;
  batchSize: number;
  views: number;
  /** Absent where all photos train, as in runs of older versions. */
  trainPhotosPerClass?: number;
  augmentation: Augmentation;
  labelSmoothing: number;
  balanced: boolean;
  clipNorm: number | null;
  patience: number | null;
  /** Absent where it is float32, as in runs of older versions. */
  precision?: Exclude<Precision, 'float32'>;
  seed: number;
}

/** The photos of an experiment, by part. */
export function photosOf(
  {trainPhotosPerClass, seed}: Pick<Experiment, 'trainPhotosPerClass' | 'seed'>,
  {split: {parts}}: Workspace,
): Record<Part, Photo[]> {
  if (trainPhotosPerClass === undefined) return parts;
  return {...parts, train: photosPerClass(parts.train, trainPhotosPerClass, seed)};
}

/** How many photos a run was trained on. */
export function trainingPhotos({configuration}: RunRecord, workspace: Workspace): number {
  return photosOf(configuration as RunConfiguration & Experiment, workspace).train.length;
}

/** What the training loop is told of an experiment. */
export function trainingOptions(experiment: Experiment, workspace: Workspace): TrainingOptions {
  const {clipNorm, patience, balanced, classes} = experiment;
  const labels = photosOf(experiment, workspace).train.map(({label}) => label);
  return {
    ...experiment,
    clipNorm: clipNorm ?? undefined,
    patience: patience ?? undefined,
    classWeights: balanced ? balancedWeights(labels, classes.length) : undefined,
  };
}

/** Fills in the defaults and checks every value but the head's. */
export function completeExperiment(
  options: ExperimentOptions,
  network: Network,
  workspace: Workspace,
): Experiment {
  const {dataset, split} = workspace;
  const {batchSize = 32, views = 1, seed = 1, labelSmoothing = 0, clipNorm, patience} = options;
  const {sharing: _, ...regime} = options.regime;
  if (options.name?.trim() === '')
    throw new LabError('name is empty. Give a name for the run, or leave it out.');
  for (const [name, value, least] of [
    ['batchSize', batchSize, 1],
    ['views', views, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new LabError(`${name} is ${value}. Give a whole number of at least ${least}.`);
    }
  }
  const frozen = frozenStages(options.regime, network.stages);
  const auxiliary = network.hasAuxiliary && frozen === 0 && (options.auxiliary ?? true);
  if (options.auxiliary && !auxiliary && network.standIn === null) {
    const {crop} = network.preprocessing;
    const why = network.hasAuxiliary
      ? 'helps only where everything trains'
      : `is not there, or takes larger photos than ${crop} pixels`;
    throw new LabError(`${network.name}: its auxiliary classifier ${why}. Leave auxiliary out.`);
  }
  const experiment: Experiment = {
    backbone: network.asked,
    regime,
    select: options.select ?? 'macroF1',
    network: network.name,
    standIns: [dataset.standIn, network.standIn].filter((each) => each !== null),
    classes: split.classes,
    split: split.id,
    weights: network.weights(seed),
    definition: network.definition,
    preprocessing: network.preprocessing,
    frozen,
    head: network.takesHead ? {on: 'pooled', dropout: 0.2, hidden: [], ...options.head} : null,
    auxiliary,
    optimizer: options.optimizer ?? adamw({learningRate: 1e-3}),
    schedule: options.schedule ?? constant(),
    epochs: options.epochs,
    batchSize,
    views,
    augmentation: photoAugmentation(options.augmentation),
    labelSmoothing,
    balanced: options.balanced ?? false,
    clipNorm: clipNorm ?? null,
    patience: patience ?? null,
    seed,
  };
  const {trainPhotosPerClass} = options;
  if (trainPhotosPerClass !== undefined) experiment.trainPhotosPerClass = trainPhotosPerClass;
  const asked =
    options.precision === undefined ? labPrecision() : checkedPrecision(options.precision, 'precision');
  const precision = choosePrecision(asked, network.layers);
  if (precision !== 'float32') experiment.precision = precision;
  const stepsPerEpoch = batchesPerEpoch(photosOf(experiment, workspace).train.length, batchSize);
  checkTraining(trainingOptions(experiment, workspace), {stepsPerEpoch, classes: split.classes.length});
  return experiment;
}
