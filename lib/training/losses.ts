import {crossEntropy as entropyOfTargets, tf, type Tensor} from '../engine';
import {LabError} from '../errors';

export interface CrossEntropyOptions {
  /** Share of the target spread evenly over all classes (Szegedy et al. 2016, arXiv:1512.00567). Default: 0. */
  labelSmoothing?: number;
  /** Weight of each class; the mean is weighted by them, as in torch.nn.CrossEntropyLoss. */
  classWeights?: number[];
}

/** Throws a LabError that names the value unless a loss over so many classes can have these options. */
export function checkCrossEntropy(
  {labelSmoothing = 0, classWeights = []}: CrossEntropyOptions,
  classes: number,
): void {
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new LabError(`A label smoothing of ${labelSmoothing} is not in [0, 1). 0.1 is usual.`);
  }
  if (classWeights.length > 0 && classWeights.length !== classes) {
    throw new LabError(`${classWeights.length} class weights cannot go with ${classes} classes.`);
  }
  const wrong = classWeights.find((weight) => !(Number.isFinite(weight) && weight >= 0));
  if (wrong !== undefined) {
    throw new LabError(`A class weight of ${wrong} cannot be. Give numbers of 0 or more.`);
  }
}

/** Throws a LabError that names value and position unless there is a class index for each row of logits. */
export function checkLabels(labels: ArrayLike<number>, {shape: [rows, classes]}: Tensor): void {
  if (labels.length !== rows) {
    throw new LabError(`${labels.length} labels cannot go with ${rows} rows of logits. Give one for each.`);
  }
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (Number.isInteger(label) && label >= 0 && label < classes!) continue;
    throw new LabError(
      `Label ${label} at position ${row} of the batch is none of ${classes} classes. Give 0 to ${classes! - 1}.`,
    );
  }
}

/**
 * Mean cross-entropy of logits [batch, classes] against class indices, a scalar in nats, as
 * torch.nn.CrossEntropyLoss computes it. Throws a LabError on a label that is no class, and on a batch without weight.
 */
export function crossEntropy(logits: Tensor, labels: Int32Array, options: CrossEntropyOptions = {}): Tensor {
  const classes = logits.shape[1]!;
  checkCrossEntropy(options, classes);
  checkLabels(labels, logits);
  const {labelSmoothing = 0, classWeights} = options;
  const weights = classWeights ?? new Array<number>(classes).fill(1);
  const total = labels.reduce((sum, label) => sum + weights[label], 0);
  if (total === 0) {
    throw new LabError(
      'No photo of a batch has a class weight above 0. Leave the classes without weight out, or give larger batches.',
    );
  }
  const targets = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    const start = row * classes;
    for (let c = 0; c < classes; c++) targets[start + c] = ((labelSmoothing / classes) * weights[c]) / total;
    targets[start + label] += ((1 - labelSmoothing) * weights[label]) / total;
  });
  return tf.tidy(() => entropyOfTargets(logits, tf.tensor2d(targets, [labels.length, classes])));
}

/** Weights inversely proportional to how often a class occurs, with a mean of 1 over the photos. */
export function balancedWeights(labels: ArrayLike<number>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
  return counts.map((count) => (count > 0 ? labels.length / (classes * count) : 0));
}

/** The error of a training that has run away to numbers that are none. */
export const divergence = (what: string): LabError =>
  new LabError(`${what}. Lower the learning rate or set clipNorm.`);
