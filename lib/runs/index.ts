/** Runs stored as they go: configuration, history, weights and result, safe against killed kernels. */
export {networkTitle, runId, runTitle, type RunIdentity} from './identity';
export type {EpochRecord, Prediction, RunConfiguration, RunRecord, RunResult, RunStatus} from './record';
export type {ResumePoint, Run} from './run';
export {RunStore} from './store';
