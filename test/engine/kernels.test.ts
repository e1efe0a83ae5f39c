import assert from 'node:assert/strict';
import test from 'node:test';
import {
  adamStep,
  affine,
  batchNorm,
  biasAdd,
  engineReport,
  joinedAffine,
  layerNorm,
  sgdStep,
  tf,
  type Tensor,
} from '../../lib/engine';
import {float, flag, floatType, integer, text} from '../../lib/engine/operations/native';
import {type Attribute, backend} from '../../lib/engine/tensorflow';
import {assertClose, tensor, withoutLeaks} from './compare';
import {convolution, plain, type WindowMoves} from './windows';

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

/** Asserts that an operation fails with a message, and that the process and the engine live on. */
function assertRefused(
  operation: string,
  attributes: Attribute[],
  shapes: number[][],
  message: RegExp,
  outputs = 1,
): void {
  withoutLeaks(() =>
    tf.tidy(() => {
      const inputs = shapes.map((shape) => tensor(shape));
      assert.throws(() => backend.executeMultipleOutputs(operation, attributes, inputs, outputs), message);
    }),
  );
}

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

/** For filters of these sizes on photos of these, [height, width, in, out]; the last ones are worked on in several pieces. */
const gradients: [number[], number[], Partial<WindowMoves>][] = [
  [[2, 9, 8, 3], [3, 3, 3, 5], {strides: [2, 2], padding: [1, 1, 1, 1]}],
  [[2, 9, 8, 2], [2, 4, 2, 16], {strides: [3, 1], padding: [0, 2, 3, 0]}],
  [[3, 5, 5, 19], [3, 3, 19, 24], {padding: [1, 1, 1, 1]}],
  [[2, 8, 7, 12], [1, 1, 12, 33], {strides: [2, 2]}],
  [[2, 4, 4, 7], [4, 4, 7, 40], {}],
  [[2, 3, 2, 6], [5, 7, 6, 8], {strides: [2, 3], padding: [2, 2, 4, 4]}],
  [[25, 12, 12, 8], [3, 1, 8, 17], {padding: [1, 1, 0, 0]}],
  [[2, 70, 33, 6], [3, 3, 6, 9], {padding: [1, 0, 0, 1]}],
];

for (const [photo, filterShape, changes] of gradients) {
  test(`the gradient of a filter [${filterShape.join(', ')}] on photos [${photo.join(', ')}]`, {skip}, () => {
    const window = {...plain, ...changes};
    withoutLeaks(() =>
      tf.tidy(() => {
        const x = tensor(photo);
        const dy = tensor(convolution(x, tensor(filterShape), window).shape, 2);
        const attributes = [
          integer('strides', window.strides),
          integer('padding', window.padding),
          integer('filter', filterShape.slice(0, 2)),
        ];
        const [found] = backend.executeMultipleOutputs('LabConvolutionGradFilter', attributes, [dy, x], 1);
        const expected = tf.grad((given) => convolution(x, given, window))(tensor(filterShape), dy);
        assertClose(found, expected, 'gradient');
      }),
    );
  });
}

test(
  'the gradient of a filter: an empty batch gives zeros, what does not belong together is refused',
  {skip},
  () => {
    const attributes = [depthwise.strides, depthwise.padding, integer('filter', [3, 3])];
    const run = (slope: number[], photo: number[]) =>
      backend.executeMultipleOutputs(
        'LabConvolutionGradFilter',
        attributes,
        [tensor(slope), tensor(photo)],
        1,
      )[0];
    tf.tidy(() => assertClose(run([0, 2, 2, 5], [0, 4, 4, 3]), tf.zeros([3, 3, 3, 5]), 'zeros'));
    for (const [slope, photo, message] of [
      [[2, 2, 2, 5], [2, 5, 4, 3], /slope is not one of this convolution/],
      [[1, 2, 2, 5], [2, 4, 4, 3], /slope is not one of this convolution/],
      [[2, 1, 1, 5], [2, 2, 2, 3], /slope is not one of this convolution/],
      [[2, 2, 5], [2, 4, 4, 3], /four axes/],
    ] as const) {
      assertRefused('LabConvolutionGradFilter', attributes, [[...slope], [...photo]], message);
    }
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
