export {bootstrapMacroF1, type BootstrapOptions, type Interval} from './bootstrap';
export {type Confusion, confusionMatrix} from './confusion';
export {
  type AveragedClasses,
  type Averages,
  classificationReport,
  type ClassificationReport,
  type ClassScores,
  macroF1,
} from './report';
export {topKAccuracy} from './top-k';
