import assert from 'node:assert/strict';
import test from 'node:test';
import {
  adamStep,
  affine,
  batchNorm,
  biasAdd,
  engineReport,
  joinedAffine,
  joinedBiasAdd,
  layerNorm,
  sgdStep,
  tf,
  type Tensor,
} from '../../lib/engine';
import {float, flag, floatType, integer, text} from '../../lib/engine/operations/native';
import type {Attribute} from '../../lib/engine/tensorflow';
import {assertRefused, tensor, withoutLeaks} from './compare';

const skip = engineReport().device === 'CPU' ? false : "this project's kernels run on the CPU";

test('kernels refuse inputs of sizes that do not belong together', {skip}, () => {
  const rates = {weightDecay: 0, scale: 1};
  const sgd = {...rates, momentum: 0.9, nesterov: false};
  const adam = {...rates, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: true, step: 1};
  withoutLeaks(() =>
    tf.tidy(() => {
      const [x, four, five] = [tensor([2, 3, 3, 4]), tensor([4]), tensor([5])];
      const moving = (gradient: Tensor, state: Tensor[]) => ({parameter: four, gradient, state, rate: 0.1});
      const refused: [RegExp, () => unknown][] = [
        [/input 1 has 5 elements in place of 4/, () => biasAdd(x, five, 'silu')],
        [/input 2 has 5 elements in place of 4/, () => joinedBiasAdd([x, x], [five, four], 'relu')],
        [/what is joined differs/, () => joinedBiasAdd([x, tensor([2, 3, 2, 4])], [four, four], 'relu')],
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
        [/what is joined differs/, () => joinedAffine([x, tensor([2, 3, 2, 4])], four, four)],
        [/input 2 has 4 elements in place of 8/, () => joinedAffine([x, x], four, four)],
        [/input 3 has 5 elements in place of 4/, () => sgdStep([moving(five, [four])], sgd)],
        [/input 5 has 5 elements in place of 4/, () => adamStep([moving(four, [four, five])], adam)],
      ];
      for (const [error, run] of refused) assert.throws(run, error);
    }),
  );
});

const depthwise = {
  strides: integer('strides', [1, 1]),
  padding: integer('padding', [0, 0, 0, 0]),
  activation: text('activation', 'none'),
  biases: integer('biases', 0),
};

/** An image, and a filter for it. */
const [image, filter] = [
  [2, 3, 3, 4],
  [3, 3, 4, 1],
];

test('a missing attribute fails the operation', {skip}, () => {
  for (const name of Object.keys(depthwise)) {
    const {[name as keyof typeof depthwise]: _, ...others} = depthwise;
    assertRefused('LabDepthwise', Object.values(others), [image, filter], new RegExp(`attr.* '?${name}'?`));
  }
  assertRefused('LabLayerNorm', [], [image, [4], [4]], /missing attr 'epsilon'/);
});

const wrongAttributes: [string, Attribute, RegExp][] = [
  ['a stride of 0', integer('strides', [0, 1]), /strides holds 0/],
  ['a negative stride', integer('strides', [1, -2]), /strides holds -2/],
  ['a negative padding', integer('padding', [0, 0, -1, 0]), /padding holds -1/],
  ['one stride', integer('strides', [1]), /strides is a list of 1 numbers in place of 2/],
  ['three strides', integer('strides', [1, 1, 1]), /strides is a list of 3 numbers in place of 2/],
  ['two paddings', integer('padding', [1, 1]), /padding is a list of 2 numbers in place of 4/],
  ['a number for a list', integer('strides', 1), /'strides' is of another type/],
  ['text for numbers', text('strides', '1, 1'), /'strides' is of another type/],
  ['a number for text', integer('activation', 1), /'activation' is of another type/],
  ['a list for text', text('activation', ['none']), /'activation' is of another type/],
  ['an unknown activation', text('activation', 'a'.repeat(99)), /no activation named a{99}/],
  ['an unknown attribute', integer('dilations', [1, 1]), /'dilations' does not exist/],
];

for (const [what, attribute, message] of wrongAttributes) {
  test(`${what} fails the operation`, {skip}, () => {
    const attributes = Object.values({...depthwise, [attribute.name]: attribute});
    assertRefused('LabDepthwise', attributes, [image, filter], message);
  });
}

test('so does what an operation of TensorFlow does not have', () => {
  const type = floatType('T');
  assertRefused('Relu', [type, flag('fast', true)], [image], /'fast' does not exist/);
  assertRefused('LeakyRelu', [type, integer('alpha', 1)], [image], /'alpha' is of another type/);
  assertRefused('LeakyRelu', [type, text('alpha', '1')], [image], /'alpha' is of another type/);
});

test(
  'a list of two where one input may be, an empty batch and wrong ranks fail the operation',
  {skip},
  () => {
    const two = {...depthwise, biases: integer('biases', 2)};
    assertRefused('LabDepthwise', Object.values(two), [image, filter, [4], [4]], /input 2 is a list of 2/);
    const numbers = [float('epsilon', 1e-5), float('momentum', 0.1)];
    const normalisation = [depthwise.activation, ...numbers, integer('residuals', 0)];
    assertRefused('LabBatchNorm', normalisation, [[0, 4], [4], [4], [4], [4]], /empty batch/, 5);
    assertRefused('LabSgd', [integer('count', 1)], [[4], [2], [4], [4], [4]], /2 rates for 3 tensors/, 2);
    assertRefused('LabDepthwise', Object.values(depthwise), [[9, 4], filter], /four axes/);
    assertRefused('LabDepthwise', Object.values(depthwise), [image, [0, 3, 4, 1]], /the filter is empty/);
    assertRefused('LabDepthwise', Object.values(depthwise), [image, [4, 4, 4, 1]], /larger than the image/);
    assertRefused('LabDepthwise', Object.values(depthwise), [image, [3, 3, 5, 1]], /not one of 4 channels/);
  },
);

test('more than memory holds, and more than can be counted, is out of memory', {skip}, () => {
  const padded = (rows: number) => {
    const padding = integer('padding', [rows, rows, rows, rows]);
    return Object.values({...depthwise, padding});
  };
  assertRefused('LabDepthwise', padded(2e6), [image, filter], /Status: 8\n.*OOM/);
  assertRefused('LabDepthwise', padded(2 ** 31 - 1), [image, filter], /Status: 8\n.*not enough memory/);
});
