import assert from 'node:assert/strict';
import test from 'node:test';
import {
  adamStep,
  affine,
  batchNorm,
  biasAdd,
  conv2d,
  engineReport,
  layerNorm,
  sgdStep,
  tf,
  type Window,
} from '../../lib/engine';
import {tensor, withoutLeaks} from './compare';

const skip = engineReport().device === 'CPU' ? false : "this project's kernels run on the CPU";

test('kernels refuse inputs of sizes that do not belong together', {skip}, () => {
  const window: Window = {strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1]};
  const rates = {rate: 0.1, weightDecay: 0};
  const sgd = {...rates, momentum: 0.9, nesterov: false};
  const adam = {...rates, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: true, step: 1};
  withoutLeaks(() =>
    tf.tidy(() => {
      const [x, four, five] = [tensor([2, 3, 3, 4]), tensor([4]), tensor([5])];
      const depthwise = (shape: number[]) => conv2d(x, tensor(shape), window, true);
      const refused: [RegExp, () => unknown][] = [
        [/input 1 has 5 elements in place of 4/, () => biasAdd(x, five, 'silu')],
        [/input 2 has 5 elements in place of 4/, () => affine(x, five, four)],
        [/input 2 has 5 elements in place of 4/, () => layerNorm(x, four, five, 1e-5)],
        [
          /input 4 has 5 elements in place of 4/,
          () =>
            batchNorm(
              x,
              {scale: four, offset: four, mean: four, variance: five},
              {epsilon: 1e-5, momentum: 0.1},
            ),
        ],
        [/not one of 4 channels/, () => depthwise([3, 3, 5, 1])],
        [/larger than the image/, () => depthwise([4, 4, 4, 1])],
        [/input 1 has 5 elements in place of 4/, () => sgdStep(four, five, four, sgd)],
        [/input 3 has 5 elements in place of 4/, () => adamStep(four, four, [four, five], adam)],
      ];
      for (const [error, run] of refused) assert.throws(run, error);
    }),
  );
});
