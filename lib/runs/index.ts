export type {EpochRecord, Prediction, RunConfiguration, RunRecord, RunResult, RunStatus} from './record';
