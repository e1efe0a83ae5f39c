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
export {Classifier, Head, HeadOnFeatures, type HeadOptions, type Learner, WholeNetwork} from './heads';
export {
  type Agreement,
  agreementWith,
  type Answer,
  type FrozenParts,
  imagenetClasses,
  type Judgement,
  type Oracle,
  type Question,
  strategies,
  type Strategy,
  truthOf,
} from './labelling';
export {
  everything,
  type ExperimentOptions,
  type ExperimentParts,
  featureExtraction,
  lastStages,
  type SharedRegime,
} from './experiments';
export {isByModel, type Label, type LabellingPage, Labels, modelGiver, modelOfEnvironment} from './labelling';
export {
  type CollectedPhoto,
  type Collection,
  hasKeys,
  type PhotoApi,
  theCatApi,
  theDogApi,
} from './collecting';
export {
  collect,
  Lab,
  labelByHand,
  labelByModel,
  type LabOptions,
  type LiveFigure,
  liveFigure,
  openLab,
  openLabellingPage,
  openLabels,
  openPhotos,
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
  cohensKappa,
  confusedPairs,
  groupedConfusion,
  labelsToReach,
  type LearningCurve,
  learningCurve,
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
} from './training';
