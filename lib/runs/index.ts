/** Runs stored as they go: configuration, history, weights and result, safe against killed kernels. */
export {networkTitle, runId, runName, runTitle, type RunIdentity, stateOf} from './identity';
export type {
  EpochRecord,
  Prediction,
  RunConfiguration,
  RunRecord,
  RunResult,
  RunSeconds,
  RunStatus,
  Tested,
} from './record';
export {type Regime, regimeName} from './regime';
export type {ResumePoint, Run} from './run';
export {type Probabilities, RunStore} from './store';
