export {bootstrapInterval, type BootstrapOptions, type Interval} from './bootstrap';
export {type Confusion, confusionMatrix} from './confusion';
export {
  type AveragedClasses,
  type Averages,
  classificationReport,
  type ClassificationReport,
  type ClassScores,
  accuracy,
  macroF1,
} from './report';
export {isBetter, type Metric, metricNames, metrics, type Scores, scoresOf} from './scores';
export {type ConfusedPair, confusedPairs, groupedConfusion} from './pairs';
export {cohensKappa} from './kappa';
export {labelsToReach, type LearningCurve, learningCurve} from './learning-curve';
export {topKAccuracy} from './top-k';
