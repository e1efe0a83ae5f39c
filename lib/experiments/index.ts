/** Experiments: one backbone under one regime, from configuration to stored result. */
export {type Experiment, type ExperimentOptions, trainingPhotos} from './configuration';
export {
  type ExperimentHooks,
  type ExperimentParts,
  experimentParts,
  type NetworkParts,
  runExperiment,
  trainedParts,
  untrainedParts,
} from './experiment';
export {
  architectureAt,
  architectureIn,
  type BackboneChoice,
  backboneName,
  type randomInstead,
  startOf,
} from './networks';
export {type FinishedRun, observers, type RunObserver, type RunStart} from './observer';
export {everything, featureExtraction, frozenStages, lastStages, type SharedRegime} from './regimes';
export {choosePrecision, type PrecisionChoice, precisionInWords} from './precision';
export {foreseeStandIns, type StandIn, standInsInWords} from './stand-ins';
export {type Gathered, testedByHand} from './tested';
export {openWorkspace, type Workspace, type WorkspaceOptions} from './workspace';
