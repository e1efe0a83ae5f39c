/** A linear head on frozen features, trained anew in a moment whenever labels come in. */
import {tf, type Tensor} from '../engine';
import {Head, HeadOnFeatures} from '../heads';
import {adam, Stepper} from '../training';
import {type Rows, rowOf} from './select';

export interface HeadTraining {
  /** Steps of Adam, each on all labelled photos at once. */
  steps: number;
  learningRate: number;
  /** L2 penalty, which so few labels in so many dimensions need. */
  weightDecay: number;
}

export const defaultTraining: HeadTraining = {steps: 30, learningRate: 0.002, weightDecay: 0.1};

/** A head on the features of these photos, with their labels as numbers of classes; the caller disposes it. */
export function trainedHead(
  features: Rows,
  classes: number,
  {steps, learningRate, weightDecay, seed}: HeadTraining & {seed: number},
  rows: readonly number[],
  labels: readonly number[],
): HeadOnFeatures {
  const learner = new HeadOnFeatures(new Head([features.width], classes, {dropout: 0}, seed));
  const stepper = new Stepper(learner, {optimizer: adam({learningRate, weightDecay})});
  const x = tensorOf(features, rows);
  const targets = Int32Array.from(labels);
  try {
    for (let step = 1; step <= steps; step++) stepper.step(x, targets, noDropout, 1, step);
    return learner;
  } catch (error) {
    learner.dispose();
    throw error;
  } finally {
    x.dispose();
    stepper.dispose();
  }
}

const noDropout = (): number => 0;

/** Probabilities of all classes for every row. */
export function probabilitiesOf(learner: HeadOnFeatures, {values, width}: Rows): Rows {
  const network = learner.forInference();
  const probabilities = tf.tidy(() =>
    tf.softmax(network.logits(tf.tensor2d(values, [values.length / width, width]))),
  );
  network.dispose();
  const found = {values: probabilities.dataSync() as Float32Array, width: learner.classes};
  probabilities.dispose();
  return found;
}

function tensorOf(features: Rows, rows: readonly number[]): Tensor {
  const values = new Float32Array(rows.length * features.width);
  rows.forEach((row, place) => values.set(rowOf(features, row), place * features.width));
  return tf.tensor2d(values, [rows.length, features.width]);
}
