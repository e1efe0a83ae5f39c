/** An optimizer's update of one tensor, in one pass over memory where this project's kernels run. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {execute, hasLabKernels} from './native';

export interface SgdSettings {
  rate: number;
  momentum: number;
  nesterov: boolean;
  weightDecay: number;
}

/** The parameter and its velocity after a step of gradient descent with momentum, as torch.optim.SGD. */
export function sgdStep(
  parameter: Tensor,
  gradient: Tensor,
  velocity: Tensor,
  {rate, momentum, nesterov, weightDecay}: SgdSettings,
): [Tensor, Tensor] {
  return tf.tidy(() => {
    if (hasLabKernels()) {
      const settings = tf.tensor1d([rate, momentum, weightDecay, Number(nesterov)]);
      return execute('LabSgd', [], [parameter, gradient, velocity, settings], 2) as [Tensor, Tensor];
    }
    const slope = tf.add(gradient, tf.mul(parameter, weightDecay));
    const next = tf.add(tf.mul(velocity, momentum), slope);
    const direction = nesterov ? tf.add(slope, tf.mul(next, momentum)) : next;
    return [tf.sub(parameter, tf.mul(direction, rate)), next];
  });
}

export interface AdamSettings {
  rate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** AdamW's decay, apart from the gradient. */
  decoupled: boolean;
  /** From 1. */
  step: number;
}

/** The parameter, the mean and the mean square of its gradients after a step, as torch.optim.Adam and AdamW. */
export function adamStep(
  parameter: Tensor,
  gradient: Tensor,
  [mean, square]: Tensor[],
  {rate, beta1, beta2, epsilon, weightDecay, decoupled, step}: AdamSettings,
): [Tensor, Tensor, Tensor] {
  const [meanShare, squareShare] = [1 - beta1 ** step, 1 - beta2 ** step];
  return tf.tidy(() => {
    if (hasLabKernels()) {
      const numbers = [rate, beta1, beta2, epsilon, weightDecay, Number(decoupled), meanShare, squareShare];
      const inputs = [parameter, gradient, mean, square, tf.tensor1d(numbers)];
      return execute('LabAdam', [], inputs, 3) as [Tensor, Tensor, Tensor];
    }
    const slope = decoupled ? gradient : tf.add(gradient, tf.mul(parameter, weightDecay));
    const nextMean = tf.add(tf.mul(mean, beta1), tf.mul(slope, 1 - beta1));
    const nextSquare = tf.add(tf.mul(square, beta2), tf.mul(tf.square(slope), 1 - beta2));
    const deviation = tf.add(tf.mul(tf.sqrt(nextSquare), 1 / Math.sqrt(squareShare)), epsilon);
    const decayed = decoupled ? tf.mul(parameter, 1 - rate * weightDecay) : parameter;
    return [tf.sub(decayed, tf.mul(tf.div(nextMean, deviation), rate / meanShare)), nextMean, nextSquare];
  });
}
