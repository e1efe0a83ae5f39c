/** Transfer Lab: fine-tune ImageNet networks on your own photos, in a notebook or in Node. */
export * as charts from './charts';
export {LabError} from './errors';
export {engineReport, gradients, tf, type Tensor} from './engine';
export {
  type Architecture,
  Backbone,
  cutAfter,
  type Definition,
  defineBackbone,
  findArchitecture,
  type Net,
  network,
  type NetworkDefinition,
  type Value,
  withHeadOn,
} from './backbones';
export {Classifier, Head, type HeadOptions, type Learner, WholeNetwork} from './heads';
export {
  everything,
  type ExperimentOptions,
  type ExperimentParts,
  featureExtraction,
  lastStages,
  type RunObserver,
  type RunStart,
  type SharedRegime,
} from './experiments';
export {
  Lab,
  type LabOptions,
  type LiveFigure,
  liveFigure,
  openLab,
  type Profile,
  profile,
  showFigure,
  showHtml,
  showTable,
  tellStandIns,
} from './notebook';
export {
  accuracy,
  classificationReport,
  confusedPairs,
  groupedConfusion,
  macroF1,
  type Metric,
  type Scores,
} from './metrics';
export type {EpochRecord, Regime, RunRecord, RunResult, Tested} from './runs';
export {
  adam,
  adamw,
  baseRate,
  constant,
  cosine,
  crossEntropy,
  dropoutRandom,
  evaluate,
  learningRateFactor,
  makeOptimizer,
  oneCycle,
  sgd,
  type Source,
  stepDecay,
  Stepper,
  train,
  type TrainingObserver,
} from './training';
export {type Embedding, projector, tensorBoard} from './tensorboard';
