import assert from 'node:assert/strict';
import test from 'node:test';
import {activate, biasedConv2d, fusedConv2d, tf, type Tensor} from '../../lib/engine';
import {activations, assertSame, assertSameValue, tensor, withoutLeaks} from './compare';
import {convolution, depthwise, plain, type WindowMoves} from './windows';

const windows: Record<string, WindowMoves> = {
  'without padding': plain,
  'padded, stride 2': {...plain, strides: [2, 2], padding: [1, 1, 1, 1]},
  'padded after the last row and column alone, stride 2': {...plain, strides: [2, 2], padding: [0, 1, 0, 1]},
  'padded unevenly': {...plain, padding: [0, 1, 2, 1]},
  'dilation 2': {...plain, padding: [2, 2, 2, 2], dilations: [2, 2]},
};

/** Each kind of convolution: the channels that come in, and the filter's shape. */
const kinds: [string, number, number[]][] = [
  ['convolution', 3, [3, 3, 3, 8]],
  ['convolution of many channels', 33, [3, 3, 33, 40]],
  ['pointwise convolution', 4, [1, 1, 4, 8]],
  ['grouped convolution', 8, [3, 3, 2, 8]],
  ['depthwise convolution', 8, [3, 3, 8, 1]],
];

for (const [kind, channels, filterShape] of kinds) {
  const isDepthwise = kind.startsWith('depthwise');
  for (const [name, window] of Object.entries(windows)) {
    test(`fused ${kind}, ${name}: with every activation, with and without a residual`, () => {
      const x = tensor([2, 7, channels > 32 ? 22 : 6, channels]);
      const [filter, bias] = [tensor(filterShape, 2), tensor([isDepthwise ? channels : filterShape[3]], 3)];
      const convolve = (image: Tensor) => (isDepthwise ? depthwise : convolution)(image, filter, window);
      const shape = tf.tidy(() => convolve(x).shape);
      const residual = tensor(shape, 4);
      for (const activation of activations) {
        for (const added of [undefined, residual]) {
          assertSameValue(
            (image) => fusedConv2d(image, filter, bias, window, {isDepthwise, activation, residual: added}),
            (image) => {
              const y = tf.add(convolve(image), bias);
              const sum = added ? tf.add(y, added) : y;
              return activation ? activate(sum, activation) : sum;
            },
            [x],
          );
        }
      }
      tf.dispose([x, filter, bias, residual]);
    });
  }
}

for (const [kind, channels, filterShape] of kinds) {
  const isDepthwise = kind.startsWith('depthwise');
  for (const [name, window] of Object.entries(windows)) {
    test(`biased ${kind}, ${name}: value and gradients with a ReLU, with another activation and without`, () => {
      const inputs = [
        tensor([2, 7, channels > 32 ? 22 : 6, channels]),
        tensor(filterShape, 2),
        tensor([isDepthwise ? channels : filterShape[3]], 3),
      ];
      for (const activation of ['relu', 'silu', undefined] as const) {
        assertSame(
          (x, filter, bias) => biasedConv2d(x, filter, bias, window, {isDepthwise, activation}),
          (x, filter, bias) => {
            const y = tf.add((isDepthwise ? depthwise : convolution)(x, filter, window), bias);
            return activation ? activate(y, activation) : y;
          },
          inputs,
        );
      }
      tf.dispose(inputs);
    });
  }
}

test('a gate multiplies the channels of each photo before a convolution of any kind', () => {
  for (const [kind, channels, filterShape] of kinds) {
    const isDepthwise = kind.startsWith('depthwise');
    const [filter, bias] = [tensor(filterShape, 2), tensor([isDepthwise ? channels : filterShape[3]], 3)];
    const gate = tensor([2, 1, 1, channels], 4);
    assertSameValue(
      (x) => fusedConv2d(x, filter, bias, plain, {isDepthwise, activation: 'relu', gate}),
      (x) => fusedConv2d(tf.mul(x, gate), filter, bias, plain, {isDepthwise, activation: 'relu'}),
      [tensor([2, 7, 6, channels])],
    );
    tf.dispose([filter, bias, gate]);
  }
});

test('a residual of another shape than the output is refused, beyond whose end oneDNN would read', () => {
  withoutLeaks(() =>
    tf.tidy(() => {
      const [x, bias] = [tensor([2, 7, 6, 4]), tensor([4])];
      const window: WindowMoves = {strides: [2, 1], padding: [1, 0, 0, 1], dilations: [2, 1]};
      for (const isDepthwise of [false, true]) {
        const filter = tensor([3, 2, 4, isDepthwise ? 1 : 4], 2);
        const fuse = (shape: number[]) =>
          fusedConv2d(x, filter, bias, window, {isDepthwise, residual: tensor(shape, 3), activation: 'relu'});
        assert.deepEqual(fuse([2, 2, 6, 4]).shape, [2, 2, 6, 4]);
        for (const shape of [[2, 2, 5, 4], [1, 1, 1, 4], [4]]) {
          assert.throws(
            () => fuse(shape),
            new RegExp(`A residual \\[${shape.join(', ')}\\] .* output \\[2, 2, 6, 4\\]`),
          );
        }
      }
    }),
  );
});
