/** Training: losses, optimizers, schedules and the loop. */
export {evaluate, type Evaluation} from './evaluate';
export {layerGradientNorms} from './gradient-norms';
export {balancedWeights, crossEntropy, type CrossEntropyOptions} from './losses';
export {
  type BatchProgress,
  checkTraining,
  dropoutRandom,
  type Epoch,
  train,
  type TrainingHooks,
  type TrainingOptions,
  type TrainingOutcome,
  type TrainingState,
} from './loop';
export {
  adam,
  type AdamOptions,
  adamw,
  baseRate,
  type LearningRate,
  makeOptimizer,
  type Optimizer,
  type OptimizerOptions,
  sgd,
  type SgdOptions,
} from './optimizers';
export * from './schedules';
export type {Source, SourceBatch} from './source';
export {isOptimizerState, type StateTensor, type StepOptions, type StepOutcome, Stepper} from './step';
