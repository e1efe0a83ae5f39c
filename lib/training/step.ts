import {gradients, tf, type Tensor} from '../engine';
import type {Learner} from '../heads';
import {crossEntropy, type CrossEntropyOptions} from './losses';
import type {Gradients} from './observer';
import {Optimizer, type StateTensor} from './optimizer';
import type {OptimizerOptions} from './optimizers';

export interface StepOptions extends CrossEntropyOptions {
  optimizer: OptimizerOptions;
  /** Largest L2 norm of all gradients together; larger ones are scaled down. Default: no limit. */
  clipNorm?: number;
}

export interface StepOutcome {
  loss: number;
  predicted: Int32Array;
}

/** Is shown the gradients of a step before they are clipped; they are disposed when it returns. */
export type LookAtGradients = (gradients: Gradients) => void;

/** Does training steps: forward, loss, gradients, update. It owns the optimizer. */
export class Stepper {
  private readonly optimizer: Optimizer;
  private readonly trainable;

  constructor(
    private readonly learner: Learner,
    private readonly options: StepOptions,
  ) {
    this.trainable = learner.trainable();
    this.optimizer = new Optimizer(options.optimizer, this.trainable);
  }

  /**
   * One step on a batch; `factor` scales the base learning rates, `count` is the step's number from 1 over the whole
   * training. Returns the loss before the step, and the class predicted of each row.
   */
  step(
    x: Tensor,
    labels: Int32Array,
    random: () => number,
    factor: number,
    count: number,
    look?: LookAtGradients,
  ): StepOutcome {
    const {value, grads, predicted} = this.gradients(x, labels, random);
    try {
      look?.(new Map([...this.trainable].map(([name, {variable}]) => [name, grads[variable.name]])));
      const loss = value.dataSync()[0];
      this.optimizer.step(grads, {factor, count, scale: this.clippingScale(Object.values(grads))});
      return {loss, predicted};
    } finally {
      tf.dispose([value, grads]);
    }
  }

  /** The loss of a batch, its slopes and the classes predicted; the running statistics are moved. */
  private gradients(x: Tensor, labels: Int32Array, random: () => number) {
    const pass = this.learner.forTraining({random});
    try {
      const variables = [...this.trainable.values()].map(({variable}) => variable);
      let predicted: Int32Array = new Int32Array();
      const criterion = (logits: Tensor) => crossEntropy(logits, labels, this.options);
      const result = gradients(() => {
        const {loss, logits} = pass.loss(x, criterion);
        predicted = tf.argMax(logits, 1).dataSync() as Int32Array;
        return loss;
      }, variables);
      pass.applyUpdates();
      return {...result, predicted};
    } finally {
      pass.dispose();
    }
  }

  /** The optimizer's state, see `Optimizer`. */
  state(): StateTensor[] {
    return this.optimizer.state();
  }

  restore(tensors: Iterable<StateTensor>): void {
    this.optimizer.restore(tensors);
  }

  dispose(): void {
    this.optimizer.dispose();
  }

  private clippingScale(gradients: Tensor[]): number {
    const {clipNorm} = this.options;
    if (clipNorm === undefined) return 1;
    const norm = tf.tidy(() => tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient))))));
    const [value] = norm.dataSync();
    norm.dispose();
    return clipNorm / Math.max(value, clipNorm);
  }
}
