/** Training: losses, optimizers, schedules and the loop. */
export {evaluate, type Evaluation} from './evaluate';
export {layerGradientNorms} from './gradient-norms';
export {balancedWeights, crossEntropy, type CrossEntropyOptions} from './losses';
export {
  checkTraining,
  dropoutRandom,
  train,
  type TrainingHooks,
  type TrainingOptions,
  type TrainingOutcome,
} from './loop';
export type {BatchProgress, Epoch, EpochEnd, Gradients, TrainingObserver, TrainingState} from './observer';
export {isOptimizerState, Optimizer, type OptimizerStep, type StateTensor} from './optimizer';
export {
  adam,
  type AdamOptions,
  adamw,
  baseRate,
  type LearningRate,
  type OptimizerOptions,
  sgd,
  type SgdOptions,
} from './optimizers';
export * from './schedules';
export type {Source, SourceBatch} from './source';
export {type LookAtGradients, type StepOptions, type StepOutcome, Stepper} from './step';
