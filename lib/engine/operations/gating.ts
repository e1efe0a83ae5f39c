import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {execute, hasLabKernels, operation} from './native';

const gate = operation<object>('Gate', {
  saves: {inputs: ['x', 'factor']},
  forward: ({x, factor}) => [tf.mul(x, factor)],
  gradient: ([dy], [x, factor]) => {
    const [dx, dFactor] = execute('LabChannelScaleGrad', [], [dy, x, factor], 2);
    return {x: () => dx, factor: () => dFactor};
  },
});

/** A product with broadcasting; one factor for each photo and channel, [batch, 1, 1, channels], is quick to train. */
export function multiply(x: Tensor, factor: Tensor): Tensor {
  const [batch, height, width, channels] = factor.shape;
  const isGate =
    x.rank === 4 && height === 1 && width === 1 && batch === x.shape[0] && channels === x.shape[3];
  return isGate && hasLabKernels() ? gate({x, factor}, {})[0] : tf.mul(x, factor);
}
