/**
 * What trains. The training step and the evaluation know nothing of a network but this: a backbone with a new head, a whole
 * network with its original heads, and a network that a cell wrote are trained, stored and resumed alike.
 */
import type {LayerSummary, TrainingOptions} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {tf, type Tensor, type Variable} from '../engine';
import {LabError} from '../errors';
import {nearest} from '../nearest';

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

/** One that takes photos and whose layers can be looked at. */
export interface LayeredLearner extends Learner {
  /** Its layers for one photo, first to last, whatever of it is frozen. */
  readonly layers: readonly LayerSummary[];
  /** Its stages, input first; none where it is written without. */
  readonly stages: readonly string[];
  /** The name of the layer that gives the logits. */
  readonly outputLayer: string;
  /**
   * What layers and stages give for photos [batch, height, width, 3], by their names, in inference mode with the weights as
   * they are now: see `ObservingNet` for what a layer's name and `<name>.input` mean. The caller disposes what is given.
   * Throws a LabError on a name that is none of them.
   */
  activations(photos: Tensor, names: readonly string[]): Map<string, Tensor>;
  /** A tensor by its name in the checkpoint ('c1.weight'), in PyTorch's layout. Throws a LabError where there is none. */
  weight(name: string): NamedValues;
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

/** Throws a LabError unless each name is that of a layer, followed by `.input` or not, or of a stage. */
export function checkNames(
  {layers, stages}: Pick<LayeredLearner, 'layers' | 'stages'>,
  names: readonly string[],
): void {
  const known = [...new Set([...stages, ...layers.map(({name}) => name).filter((name) => name !== '')])];
  for (const name of names) {
    if (known.includes(name) || known.includes(name.replace(/\.input$/, ''))) continue;
    const meant = nearest(name, known);
    const shown = meant.length > 0 ? meant : known.slice(0, 8);
    throw new LabError(
      `The network has no layer or stage "${name}". Give, for example: ${shown.join(', ')}.`,
    );
  }
}

/**
 * The features that the output layer stands on, [batch, width], for photos [batch, height, width, 3]: the layer before the
 * last, of a map its mean.
 */
export function penultimate(learner: LayeredLearner, photos: Tensor): Tensor {
  const name = `${learner.outputLayer}.input`;
  const value = learner.activations(photos, [name]).get(name)!;
  if (value.rank === 2) return value;
  const mean = tf.mean(
    value,
    Array.from({length: value.rank - 2}, (_, axis) => axis + 1),
  );
  value.dispose();
  return mean;
}
