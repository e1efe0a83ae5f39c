import {type Architecture} from '../backbones';
import {type Augmentation, photoAugmentation, type Preprocessing} from '../batches';
import {LabError} from '../errors';
import type {HeadOptions} from '../heads';
import type {RunConfiguration} from '../runs';
import {adamw, constant, type OptimizerOptions, type Schedule} from '../training';
import {frozenStages, type Regime, regimeName} from './regimes';
import type {Workspace} from './workspace';

/** An experiment as a notebook's cell states it: one backbone under one regime. */
export interface ExperimentOptions {
  /** An architecture's name as in torchvision or timm. */
  backbone: string;
  regime: Regime;
  head?: HeadOptions;
  /** Default: AdamW at a learning rate of 1e-3. */
  optimizer?: OptimizerOptions;
  /** Default: constant. */
  schedule?: Schedule;
  epochs: number;
  /** Default: 32. */
  batchSize?: number;
  /** Side of the square photos in pixels. Default: what the weights were trained with. */
  size?: number;
  /** Augmented views of each training photo that a frozen beginning is computed for; 0 means the plain view alone. Default: 1. */
  views?: number;
  augmentation?: Partial<Augmentation>;
  /** Default: 0. */
  labelSmoothing?: number;
  /** Whether rare classes weigh more in the loss. Default: false. */
  balanced?: boolean;
  clipNorm?: number;
  patience?: number;
  /** Seeds the head, dropout, order and augmentation. Default: 1. */
  seed?: number;
  /** Trains again although the same experiment is stored. */
  force?: boolean;
}

/** Everything a run's outcome depends on, complete with defaults; plain JSON. */
export interface Experiment extends RunConfiguration {
  dataset: string;
  split: string;
  weights: string;
  preprocessing: Preprocessing;
  frozen: number;
  head: HeadOptions;
  optimizer: OptimizerOptions;
  schedule: Schedule;
  epochs: number;
  batchSize: number;
  views: number;
  augmentation: Augmentation;
  labelSmoothing: number;
  balanced: boolean;
  clipNorm: number | null;
  patience: number | null;
  seed: number;
}

/** The architecture's preprocessing for photos of another size. */
export function preprocessingAt(
  {preprocessing, name}: Architecture,
  size = preprocessing.crop,
): Preprocessing {
  if (!Number.isInteger(size) || size < 32) {
    throw new LabError(`${name}: photos of ${size} pixels cannot be. Give a whole number of at least 32.`);
  }
  const {resize, crop} = preprocessing;
  return {...preprocessing, crop: size, resize: Math.round((size * resize) / crop)};
}

/** Fills in the defaults and checks every value. */
export function completeExperiment(
  options: ExperimentOptions,
  architecture: Architecture,
  weights: string,
  {dataset, split}: Workspace,
): Experiment {
  const {batchSize = 32, views = 1, seed = 1, labelSmoothing = 0, clipNorm, patience} = options;
  for (const [name, value, least] of [
    ['epochs', options.epochs, 1],
    ['batchSize', batchSize, 1],
    ['views', views, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new LabError(`${name} is ${value}. Give a whole number of at least ${least}.`);
    }
  }
  return {
    backbone: options.backbone,
    regime: regimeName(options.regime),
    demonstration: weights === 'random',
    classes: split.classes,
    dataset: dataset.name,
    split: split.id,
    weights,
    preprocessing: preprocessingAt(architecture, options.size),
    frozen: frozenStages(options.regime, architecture.stages.length),
    head: {dropout: 0.2, hidden: [], ...options.head},
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
}
