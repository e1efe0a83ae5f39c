/** The notebook: what cells call, and the one door to tslab. */
export * from './display';
export {Lab, type LabOptions, openLab, type Profile, profile, tellStandIns} from './lab';
export {onInterrupt} from './interrupt';
export {optionalPackage} from './optional';
export {ProgressLine} from './progress';
