/** Labels apart from the photos: who gave them, by which way, and what to ask next. */
export {type ModelAddress, modelOfEnvironment, type Tokens} from './chatModel';
export {isByModel, type Label, Labels, modelGiver, type NewLabel} from './labels';
export {type LabellingPage, openLabellingPage, type PageOptions} from './page';
export {classKeys, type SessionOutcome} from './session';
export {labelByVisionModel, type VisionOptions, type VisionOutcome, type VisionProgress} from './visionModel';
