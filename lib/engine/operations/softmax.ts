import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {execute, hasLabKernels, operation} from './native';

const labSoftmax = operation<object>('Softmax', {
  saves: {outputs: [true]},
  forward: ({x}) => execute('LabSoftmax', [], [x]),
  gradient: ([dy], [y]) => ({x: () => execute('LabSoftmaxGrad', [], [dy, y])[0]}),
});

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  return hasLabKernels() ? labSoftmax({x}, {})[0] : tf.softmax(x);
}
