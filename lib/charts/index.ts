export {classBalance, type ClassBalanceOptions} from './class-balance';
export {classF1HeatMap} from './class-f1';
export {confusionMatrix, type ConfusionOptions} from './confusion';
export {lossPerEpoch, scorePerEpoch} from './curves';
export {embeddingScatter, type EmbeddingScatterOptions, type ScatterPanel} from './embedding-scatter';
export {type ChartOptions, emptyFigure, type Figure, type ScoreOptions, type Trace} from './figure';
export {gradientNorms, type LayerNorm, type LayerNorms} from './gradient-norms';
export {
  type GridItem,
  type GridOptions,
  imageGrid,
  type PredictionCard,
  somePredictions,
  type Tone,
  worstMistakes,
} from './grid';
export {histograms, type HistogramOptions, type Values} from './histograms';
export {hoverPhotos, type HoverPhotosOptions, photosId} from './hover-photos';
export {learningCurves, type LearningCurvesOptions} from './learning-curves';
export {learningRateSchedule, type LearningRateOptions} from './learning-rate';
export {type Matrix, type MatrixItem, matrixTables} from './matrices';
export {reportText} from './report-text';
export {bestEpoch, bestOnValidation, type FinishedRun, isFinished, partOf, timeInWords} from './run';
export {scoreBars} from './score-bars';
export {scoreAgainstPhotos} from './score-photos';
export {scoreAgainstTime} from './score-time';
export {trainingLoss, type RunningLoss, type TrainingLossOptions} from './training-loss';
export {
  agreementTable,
  confusedPairsTable,
  learningCurvesTable,
  reportRows,
  type ReportRow,
  reportTable,
  resultRows,
  type ResultRow,
  resultsTable,
  stagesTable,
  type TableOptions,
} from './tables';
