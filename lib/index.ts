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
export {
  type Embeddings,
  inPlane,
  neighbours,
  type PlaneMethod,
  separation,
  type Separation,
} from './embeddings';
export {Classifier, Head, type HeadOptions, type Learner, penultimate, WholeNetwork} from './heads';
export {
  everything,
  type ExperimentOptions,
  type ExperimentParts,
  featureExtraction,
  lastStages,
  type SharedRegime,
} from './experiments';
export {
  convolve,
  type ConvolveOptions,
  Lab,
  type LabOptions,
  type LiveFigure,
  liveFigure,
  openLab,
  outputSizes,
  pool,
  type Profile,
  profile,
  shortcutGradients,
  showFigure,
  showHtml,
  showMatrices,
  showTable,
  type SizeSettings,
  stack,
  type StackOptions,
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
  layerGradientNorms,
  learningRateFactor,
  makeOptimizer,
  oneCycle,
  sgd,
  type Source,
  stepDecay,
  Stepper,
  train,
} from './training';
