/** An optimizer's update of all tensors, in one pass over memory where this project's kernels run. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {execute, hasLabKernels, integer} from './native';

/** A tensor to be moved. */
export interface Moving {
  parameter: Tensor;
  gradient: Tensor;
  /** What the optimizer remembers of earlier steps. */
  state: Tensor[];
  rate: number;
}

/** A tensor after a step. */
export interface Moved {
  parameter: Tensor;
  state: Tensor[];
}

interface CommonSettings {
  weightDecay: number;
  /** Every gradient is multiplied by this. */
  scale: number;
}

export interface SgdSettings extends CommonSettings {
  momentum: number;
  nesterov: boolean;
}

/** Gradient descent with momentum, as torch.optim.SGD; the state is [velocity]. */
export function sgdStep(all: readonly Moving[], settings: SgdSettings): Moved[] {
  const {momentum, nesterov, weightDecay, scale} = settings;
  if (hasLabKernels()) return inOnePass('LabSgd', all, [momentum, weightDecay, Number(nesterov), scale]);
  return all.map(({parameter, gradient, state: [velocity], rate}) =>
    moved(() => {
      const slope = tf.add(tf.mul(gradient, scale), tf.mul(parameter, weightDecay));
      const next = tf.add(tf.mul(velocity, momentum), slope);
      const direction = nesterov ? tf.add(slope, tf.mul(next, momentum)) : next;
      return [tf.sub(parameter, tf.mul(direction, rate)), next];
    }),
  );
}

export interface AdamSettings extends CommonSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** AdamW's decay, apart from the gradient. */
  decoupled: boolean;
  /** From 1. */
  step: number;
}

/** Adam and AdamW, as torch.optim has them; the state is the mean and the mean square of the gradients. */
export function adamStep(all: readonly Moving[], settings: AdamSettings): Moved[] {
  const {beta1, beta2, epsilon, weightDecay, decoupled, step, scale} = settings;
  const [meanShare, squareShare] = [1 - beta1 ** step, 1 - beta2 ** step];
  if (hasLabKernels()) {
    const numbers = [beta1, beta2, epsilon, weightDecay, Number(decoupled), meanShare, squareShare, scale];
    return inOnePass('LabAdam', all, numbers);
  }
  return all.map(({parameter, gradient, state: [mean, square], rate}) =>
    moved(() => {
      const scaled = tf.mul(gradient, scale);
      const slope = decoupled ? scaled : tf.add(scaled, tf.mul(parameter, weightDecay));
      const nextMean = tf.add(tf.mul(mean, beta1), tf.mul(slope, 1 - beta1));
      const nextSquare = tf.add(tf.mul(square, beta2), tf.mul(tf.square(slope), 1 - beta2));
      const deviation = tf.add(tf.mul(tf.sqrt(nextSquare), 1 / Math.sqrt(squareShare)), epsilon);
      const decayed = decoupled ? tf.mul(parameter, 1 - rate * weightDecay) : parameter;
      return [tf.sub(decayed, tf.mul(tf.div(nextMean, deviation), rate / meanShare)), nextMean, nextSquare];
    }),
  );
}

function moved(compute: () => Tensor[]): Moved {
  const [parameter, ...state] = tf.tidy(compute);
  return {parameter, state};
}

/** Calls a kernel with lists: all parameters, all gradients, then each tensor of the states. */
function inOnePass(operation: string, all: readonly Moving[], settings: number[]): Moved[] {
  if (all.length === 0) return [];
  const stateSize = all[0].state.length;
  const outputs = tf.tidy(() => {
    const rates = tf.tensor1d(all.map(({rate}) => rate));
    const states = Array.from({length: stateSize}, (_, i) => all.map(({state}) => state[i]));
    const lists = [all.map(({parameter}) => parameter), all.map(({gradient}) => gradient), ...states];
    const inputs = [tf.tensor1d(settings), rates, ...lists.flat()];
    return execute(operation, [integer('count', all.length)], inputs, all.length * (1 + stateSize));
  });
  return all.map((_, i) => {
    const [parameter, ...state] = Array.from(
      {length: 1 + stateSize},
      (_, list) => outputs[list * all.length + i],
    );
    return {parameter, state};
  });
}
