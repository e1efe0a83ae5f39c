import {adamStep, type Moved, type Moving, sgdStep, tf, type Tensor} from '../engine';
import type {Trainable} from '../heads';
import {baseRate, type OptimizerOptions} from './optimizers';

/** A tensor of an optimizer's state by name, so that it can be stored and put back. */
export interface StateTensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

export interface OptimizerStep {
  /** Scales the base learning rates, see `learningRateFactor`. */
  factor: number;
  /** The step's number from 1 over the whole training. */
  count: number;
  /** Every gradient is multiplied by this. Default: 1. */
  scale?: number;
}

const separator = '#';

/** Whether a stored tensor belongs to an optimizer's state rather than to a network. */
export const isOptimizerState = (name: string): boolean => name.includes(separator);

/** Moves what trains of a network (`learner.trainable()`), and owns what it remembers from step to step. */
export class Optimizer {
  private readonly states = new Map<string, Tensor[]>();

  constructor(
    private readonly options: OptimizerOptions,
    private readonly trainable: ReadonlyMap<string, Trainable>,
  ) {
    const count = options.kind === 'sgd' ? 1 : 2;
    for (const [name, {variable}] of trainable) {
      this.states.set(
        name,
        Array.from({length: count}, () => tf.zerosLike(variable)),
      );
    }
  }

  /** One step against `gradients`, which are named as the variables are and stay the caller's. */
  step(gradients: Readonly<Record<string, Tensor>>, {factor, count, scale = 1}: OptimizerStep): void {
    const all = [...this.trainable].map(([name, {variable, part}]): Moving => {
      const rate = baseRate(this.options, part) * factor;
      return {parameter: variable, gradient: gradients[variable.name], state: this.states.get(name)!, rate};
    });
    const moved = this.move(all, count, scale);
    [...this.trainable].forEach(([name, {variable}], i) => {
      const {parameter, state} = moved[i];
      variable.assign(parameter);
      tf.dispose([parameter, all[i].state]);
      this.states.set(name, state);
    });
  }

  private move(all: Moving[], step: number, scale: number): Moved[] {
    const {options} = this;
    if (options.kind === 'sgd') return sgdStep(all, {...options, scale});
    return adamStep(all, {...options, step, scale, decoupled: options.kind === 'adamw'});
  }

  /** The state, each tensor in the engine's layout. */
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
}
