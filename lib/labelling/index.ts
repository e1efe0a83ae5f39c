/** Labelling: labels apart from the photos, what gives them, what to ask next, and how far they agree with a person's. */
export {type ModelAddress, modelOfEnvironment, type Tokens} from './chatModel';
export {isByModel, type Label, Labels, modelGiver, type NewLabel} from './labels';
export {type LabellingPage, openLabellingPage, type PageOptions} from './page';
export {classKeys, type SessionOutcome} from './session';
export {labelByVisionModel, type VisionOptions, type VisionOutcome, type VisionProgress} from './visionModel';
export {
  type ActiveLearning,
  type ActiveLearningOptions,
  type Answer,
  learnActively,
  type Oracle,
  type Question,
  type Round,
  truthOf,
} from './activeLearning';
export {type Agreement, agreementWith, type Disagreement} from './agreement';
export {compareStrategies, type ComparisonOptions} from './comparison';
export {type FrozenParts, frozenParts, type FrozenPartsOptions, type FrozenPhotos} from './frozenPhotos';
export {imagenetClasses, imagenetPlaces} from './imagenetClasses';
export type {Judgement} from './judgement';
export {
  labelOffline,
  labellingNetworks,
  type OfflineLabels,
  type OfflineOptions,
  type PretrainedNetwork,
  pretrainedNetwork,
} from './offline';
export type {HeadTraining} from './photoHead';
export {
  choosePhotos,
  defaultStrategy,
  drawn,
  highestEntropy,
  leastMargin,
  type Rows,
  spread,
  strategies,
  type Strategy,
} from './select';
