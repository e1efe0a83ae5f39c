/** The notebook: what cells call, and the one door to tslab. */
export {
  convolve,
  type ConvolveOptions,
  outputSizes,
  pool,
  showMatrices,
  type SizeSettings,
} from './convolution';
export * from './display';
export {Lab, type LabOptions, openLab, type Profile, profile, tellStandIns} from './lab';
export {onInterrupt} from './interrupt';
export {ProgressLine} from './progress';
export {shortcutGradients, stack, type StackOptions} from './shortcuts';
