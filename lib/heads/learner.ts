/**
 * What trains. The training step and the evaluation know nothing of a network but this: a backbone with a new head, a whole
 * network with its original heads, and a network that a cell wrote are trained, stored and resumed alike.
 */
import type {TrainingOptions} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {tf, type Tensor, type Variable} from '../engine';

/** A tensor that training moves, and the part whose learning rate it has. */
export interface Trainable {
  variable: Variable;
  part: 'backbone' | 'head';
}

/** The loss of logits [batch, classes], a scalar; it knows the labels. */
export type Criterion = (logits: Tensor) => Tensor;

/** One pass on the gradient tape. */
export interface TrainingPass {
  /** The loss of a batch, and the logits [batch, classes] that it was made of. */
  loss(x: Tensor, criterion: Criterion): {loss: Tensor; logits: Tensor};
  /** After the step: moves the running statistics. */
  applyUpdates(): void;
  /** Forgets what a pass that failed has found. */
  dispose(): void;
}

export interface Learner {
  /** How many logits it gives. */
  readonly classes: number;
  /** What training moves, by name. */
  trainable(): Map<string, Trainable>;
  forTraining(options: TrainingOptions): TrainingPass;
  /** Logits [batch, classes] in inference mode with the weights as they are now. */
  forInference(): {logits(x: Tensor): Tensor; dispose(): void};
  /** All that training changes, running statistics included. */
  state(): NamedValues[];
  /** Puts such tensors back. */
  restore(tensors: Iterable<{name: string; values: Float32Array}>): void;
  dispose(): void;
}

/** Logits, and those of an auxiliary classifier with its weight in the loss (Szegedy et al. 2015, arXiv:1409.4842). */
export interface Outputs {
  logits: Tensor;
  auxiliary?: {logits: Tensor; weight: number};
}

/** The criterion of the logits, and by its weight that of the auxiliary ones. */
export function totalLoss(
  {logits, auxiliary}: Outputs,
  criterion: Criterion,
): {loss: Tensor; logits: Tensor} {
  const loss = criterion(logits);
  if (!auxiliary) return {loss, logits};
  return {loss: tf.add(loss, tf.mul(criterion(auxiliary.logits), auxiliary.weight)), logits};
}
