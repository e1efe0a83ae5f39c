/** The notebook: what cells call, and the one door to tslab. */
export {collect} from './collecting';
export {
  convolve,
  type ConvolveOptions,
  outputSizes,
  pool,
  showMatrices,
  type SizeSettings,
} from './convolution';
export * from './display';
export {Lab} from './lab';
export {
  labelByHand,
  labelByModel,
  type LabelsChoice,
  openLabellingPage,
  openLabels,
  openPhotos,
} from './labelling';
export {onInterrupt} from './interrupt';
export {type LabOptions, openLab, type Profile, profile, tellStandIns} from './opening';
export {optionalPackage} from './optional';
export {ProgressLine} from './progress';
export {shortcutGradients, stack, type StackOptions} from './shortcuts';
