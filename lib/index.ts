/** Transfer Lab: fine-tune ImageNet networks on your own photos, in a notebook or in Node. */
export * as charts from './charts';
export {LabError} from './errors';
export {engineReport} from './engine';
export {
  everything,
  type ExperimentOptions,
  featureExtraction,
  lastStages,
  type SharedRegime,
} from './experiments';
export {
  Lab,
  type LabOptions,
  openLab,
  type Profile,
  profile,
  showFigure,
  showHtml,
  showTable,
  tellStandIns,
} from './notebook';
export {accuracy, classificationReport, macroF1, type Metric, type Scores} from './metrics';
export type {EpochRecord, Regime, RunRecord, RunResult} from './runs';
export {adam, adamw, constant, cosine, oneCycle, sgd, stepDecay} from './training';
