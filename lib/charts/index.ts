export {classBalance, type ClassBalanceOptions} from './class-balance';
export {classF1HeatMap} from './class-f1';
export {confusionMatrix, type ConfusionOptions} from './confusion';
export {lossPerEpoch, macroF1PerEpoch} from './curves';
export {type ChartOptions, emptyFigure, type Figure, type Trace} from './figure';
export {type GridItem, type GridOptions, imageGrid, type Mistake, type Tone, worstMistakes} from './grid';
export {learningRateSchedule, type LearningRateOptions} from './learning-rate';
export {bestOnValidation} from './run';
export {testMacroF1Bars} from './score-bars';
export {scoreAgainstTime} from './score-time';
export {
  reportRows,
  type ReportRow,
  reportTable,
  resultRows,
  type ResultRow,
  resultsTable,
  stagesTable,
  type TableOptions,
} from './tables';
