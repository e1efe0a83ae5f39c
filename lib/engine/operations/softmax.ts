import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {widen} from './bfloat16';
import {execute, hasLabKernels, operation, operationWithMemory} from './native';

const labSoftmax = operation<object>('Softmax', {
  saves: {outputs: [true]},
  forward: ({x}) => execute('LabSoftmax', [], [x]),
  gradient: ([dy], [y]) => ({x: () => execute('LabSoftmaxGrad', [], [dy, y])[0]}),
});

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  return hasLabKernels() ? labSoftmax({x}, {})[0] : tf.softmax(x);
}

const labCrossEntropy = operationWithMemory<{targets: Tensor}>({
  forward: ({logits}, {targets}) => execute('LabCrossEntropy', [], [logits, targets], 2),
  gradient: ([dy], [, slope]) => ({logits: () => tf.mul(slope, dy)}),
});

/** The sum of -targets * log(softmax(logits)) over rows of classes, a scalar; the targets have no gradient. */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return hasLabKernels()
    ? labCrossEntropy({logits: widen(logits)}, {targets})
    : tf.tidy(() => tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), targets))));
}
