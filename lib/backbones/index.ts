/** Backbones: architectures in torchvision's and timm's names, computed stage by stage. */
export {
  type Architecture,
  type AuxiliaryClassifier,
  cutAfter,
  type Definition,
  defineBackbone,
  type Extent,
  type OriginalHead,
  originalLogits,
  type Paper,
  type PublishedWeights,
  type Stage,
  type StageSummary,
  type WeightsSource,
} from './architecture';
export {type HeadPlace, withHeadOn} from './headPlaces';
export {Backbone, type StageRange} from './backbone';
export {multiplyAddsPerOutput} from './intensity';
export {CutWeights} from './loading';
export type {Net, Value} from './net';
export {network, type NetworkDefinition, type NetworkOptions} from './network';
export {ObservingNet} from './observing';
export {pretrainedWeights, type PretrainedOptions, weightsAtHand} from './pretrained';
export {architectureNames, findArchitecture, isRegistered, smallRelative} from './registry';
export {InferenceNet, TrainingNet, type TrainingOptions} from './tensors';
export {randomValues, Weights} from './weights';
export {type LayerSummary, type ParameterSpec, ShapeNet} from './shapes';
