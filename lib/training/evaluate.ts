import {tf, type Tensor} from '../engine';
import type {Learner} from '../heads';
import {confusionMatrix, type Scores, scoresOf} from '../metrics';
import {checkLabels, divergence} from './losses';
import {type Source, spending} from './source';

export interface Evaluation {
  /** The loss is without smoothing or class weights. */
  scores: Scores;
  /** Photos indexed [truth][predicted]. */
  confusion: number[][];
  truth: Int32Array;
  predicted: Int32Array;
  /** [photos, classes], row by row, in the source's order. */
  probabilities: Float32Array;
}

/** Classifies every photo of a source with the weights as they are now. Throws a LabError on a label that is no class. */
export async function evaluate(
  learner: Learner,
  source: Source,
  hooks: {onBatch?: (done: number, total: number) => void; signal?: AbortSignal} = {},
): Promise<Evaluation> {
  const truth = new Int32Array(source.size);
  const predicted = new Int32Array(source.size);
  const {classes} = learner;
  const probabilities = new Float32Array(source.size * classes);
  let [loss, done] = [0, 0];
  const network = learner.forInference();
  try {
    for await (const {x, labels} of source.batches('evaluation', hooks.signal)) {
      const rows = spending(x, () => logProbabilities(() => network.logits(x), labels));
      labels.forEach((label, row) => {
        const best = rows[row].indexOf(Math.max(...rows[row]));
        if (best === -1) throw divergence('The logits became NaN');
        truth[done + row] = label;
        predicted[done + row] = best;
        probabilities.set(rows[row].map(Math.exp), (done + row) * classes);
        loss -= rows[row][label];
      });
      done += labels.length;
      hooks.onBatch?.(done, source.size);
    }
  } finally {
    network.dispose();
  }
  const confusion = confusionMatrix(truth, predicted, classes);
  const scores = scoresOf(confusion, {loss: loss / done, truth, probabilities});
  return {scores, confusion, truth, predicted, probabilities};
}

/** Log-probabilities of logits that labels belong to, a row for each photo. */
function logProbabilities(logits: () => Tensor, labels: Int32Array): number[][] {
  const logs = tf.tidy(() => {
    const computed = logits();
    checkLabels(labels, computed);
    return tf.logSoftmax(computed);
  });
  const values = logs.dataSync() as Float32Array;
  const classes = logs.shape[1]!;
  logs.dispose();
  return Array.from({length: values.length / classes}, (_, row) =>
    Array.from(values.subarray(row * classes, (row + 1) * classes)),
  );
}
