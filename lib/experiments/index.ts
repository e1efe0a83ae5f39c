/** Experiments: one backbone under one regime, from configuration to stored result. */
export {type Experiment, type ExperimentOptions, preprocessingAt} from './configuration';
export {architectureIn, batchItems, type ExperimentHooks, runExperiment} from './experiment';
export {everything, featureExtraction, frozenStages, lastStages, type Regime, regimeName} from './regimes';
export {openWorkspace, type Workspace, type WorkspaceOptions} from './workspace';
