import {gradients, tf, type Tensor} from '../engine';
import type {Learner} from '../heads';
import {crossEntropy, type CrossEntropyOptions} from './losses';
import type {Gradients} from './observer';
import {baseRate, makeOptimizer, type OptimizerOptions} from './optimizers';

export interface StepOptions extends CrossEntropyOptions {
  optimizer: OptimizerOptions;
  /** Largest L2 norm of all gradients together; larger ones are scaled down. Default: no limit. */
  clipNorm?: number;
}

/** A tensor of the optimizer's state by name, so that it can be stored and put back. */
export interface StateTensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

export interface StepOutcome {
  loss: number;
  predicted: Int32Array;
}

/** Is shown the gradients of a step before they are clipped; they are disposed when it returns. */
export type LookAtGradients = (gradients: Gradients) => void;

const separator = '#';

/** Whether a stored tensor belongs to an optimizer's state rather than to a network. */
export const isOptimizerState = (name: string): boolean => name.includes(separator);

/** Does training steps: forward, loss, gradients, update. It owns the optimizer's state. */
export class Stepper {
  private readonly optimizer;
  private readonly states = new Map<string, Tensor[]>();
  private readonly trainable;

  constructor(
    private readonly learner: Learner,
    private readonly options: StepOptions,
  ) {
    this.optimizer = makeOptimizer(options.optimizer);
    this.trainable = learner.trainable();
    for (const [name, {variable}] of this.trainable) this.states.set(name, this.optimizer.init(variable));
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
      const scale = this.clippingScale(Object.values(grads));
      for (const [name, {variable, part}] of this.trainable) {
        const rate = baseRate(this.options.optimizer, part) * factor;
        const old = this.states.get(name)!;
        const [next, ...state] = tf.tidy(() => {
          const gradient = scale < 1 ? tf.mul(grads[variable.name], scale) : grads[variable.name];
          return this.optimizer.update(variable, gradient, old, rate, count);
        });
        variable.assign(next);
        tf.dispose([next, old, grads[variable.name]]);
        this.states.set(name, state);
      }
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

  /** The optimizer's state, each tensor in the engine's layout. */
  state(): StateTensor[] {
    return [...this.states].flatMap(([name, tensors]) =>
      tensors.map((tensor, index) => ({
        name: `${name}${separator}${index}`,
        shape: tensor.shape,
        values: tensor.dataSync() as Float32Array,
      })),
    );
  }

  /** Puts such a state back. */
  restore(tensors: Iterable<StateTensor>): void {
    for (const {name, shape, values} of tensors) {
      const [parameter, index] = name.split(separator);
      const state = this.states.get(parameter);
      if (!state) continue;
      state[Number(index)].dispose();
      state[Number(index)] = tf.tensor(values, shape);
    }
  }

  dispose(): void {
    for (const tensors of this.states.values()) tf.dispose(tensors);
    this.states.clear();
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
