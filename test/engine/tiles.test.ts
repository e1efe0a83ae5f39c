/** Products by the processor's tiles, beside float32 on the same rounded numbers: only the order of sums differs. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {activate, fusedConv2d, isNarrow, multiply, narrow, tf, type Tensor, widen} from '../../lib/engine';
import {typeOf} from '../../lib/engine/operations/bfloat16';
import {integer, text} from '../../lib/engine/operations/native';
import {
  hasTiles,
  tiledConvolution,
  tiledProduct,
  tiledSlopes,
  tiledWeightSlope,
} from '../../lib/engine/operations/tiles';
import {backend} from '../../lib/engine/tensorflow';
import {activations, assertClose, tensor, withoutLeaks} from './compare';
import {convolution, plain, type WindowMoves} from './windows';

const skip = hasTiles() ? false : 'this processor has no tiles';

/** What bfloat16's rounding of a result leaves. */
const rounding = 2 ** -8;

const rounded = (shape: number[], seed?: number): Tensor => tf.tidy(() => widen(narrow(tensor(shape, seed))));

/** Photos [batch, height, width, in] and filters [height, width, in, out]; the last ones are worked on in several pieces. */
const convolutions: [number[], number[], Partial<WindowMoves>][] = [
  [[2, 9, 8, 16], [3, 3, 16, 16], {padding: [1, 1, 1, 1]}],
  [[2, 9, 8, 20], [3, 3, 20, 40], {strides: [2, 2], padding: [1, 1, 1, 1]}],
  [[2, 9, 8, 33], [2, 4, 33, 50], {strides: [3, 1], padding: [0, 2, 3, 0]}],
  [[3, 5, 5, 32], [3, 3, 32, 64], {}],
  [[2, 8, 7, 48], [1, 1, 48, 33], {strides: [2, 2]}],
  [[1, 6, 6, 32], [1, 1, 32, 40], {padding: [1, 1, 1, 1]}],
  [[2, 3, 2, 16], [5, 7, 16, 24], {strides: [2, 3], padding: [2, 2, 4, 4]}],
  [[2, 7, 7, 32], [1, 7, 32, 32], {padding: [0, 0, 3, 3]}],
  [[2, 6, 5, 32], [3, 3, 32, 32], {padding: [2, 2, 2, 2]}],
  [[2, 6, 6, 32], [3, 3, 32, 32], {strides: [4, 4], padding: [3, 3, 3, 3]}],
  [[9, 28, 28, 64], [3, 3, 64, 96], {padding: [1, 1, 1, 1]}],
  [[2, 12, 8, 3], [6, 4, 3, 40], {strides: [6, 4]}],
  [[2, 6, 6, 512], [3, 3, 512, 320], {padding: [1, 1, 1, 1]}],
];

for (const [photo, shape, changes] of convolutions) {
  const window = {...plain, ...changes};
  test(`a filter [${shape.join(', ')}] on photos [${photo.join(', ')}]: value and gradients`, {skip}, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const [x, filter] = [rounded(photo), rounded(shape, 2)];
        const expected = convolution(x, filter, window);
        const dy = rounded(expected.shape, 3);
        const [dx, dFilter] = tf.grads((a, b) => convolution(a, b, window))([x, filter], dy);
        assertClose(tiledConvolution(x, narrow(filter), window), expected, 'value');
        const slopes = tiledSlopes(x, narrow(filter), dy, window);
        assertClose(slopes.x(), dx, 'slope of the photos');
        assertClose(slopes.filter(), dFilter, 'slope of the filter');

        const y = tiledConvolution(narrow(x), narrow(filter), window, {narrow: true});
        assert.ok(isNarrow(y));
        assertClose(widen(y), expected, 'narrow value', rounding);
        const narrowed = tiledSlopes(narrow(x), narrow(filter), narrow(dy), window);
        assert.ok(isNarrow(narrowed.x()));
        assertClose(widen(narrowed.x()), dx, 'narrow slope', rounding);
        assertClose(narrowed.filter(), dFilter, 'slope of the filter by narrow ones');
      }),
    );
  });
}

for (const [rows, depth, out] of [
  [1, 32, 32],
  [50, 20, 17],
  [33, 64, 48],
  [700, 192, 130],
  [2100, 33, 65],
]) {
  test(`${rows} rows of ${depth} by ${out} weights each: value and gradients`, {skip}, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const [x, weight, dy] = [rounded([rows, depth]), rounded([out, depth], 2), rounded([rows, out], 3)];
        const expected = tf.matMul(x, weight, false, true);
        const dx = tf.matMul(dy, weight);
        for (const given of [x, narrow(x)]) {
          assertClose(tiledProduct(given, narrow(weight), {transposed: true}), expected, 'value');
          assertClose(tiledProduct(narrow(dy), narrow(weight), {transposed: false}), dx, 'slope of the rows');
          const dWeight = tf.matMul(dy, x, true, false);
          assertClose(tiledWeightSlope(given, dy), dWeight, 'slope of the weights');
        }
      }),
    );
  });
}

test('bias, residual and every activation at the end of a product', {skip}, () => {
  withoutLeaks(() =>
    tf.tidy(() => {
      const [x, weight] = [rounded([70, 32]), rounded([50, 32], 2)];
      const [bias, residual] = [rounded([50], 3), rounded([70, 50], 4)];
      const sums = tf.add(tf.add(tf.matMul(x as never, weight as never, false, true), bias), residual);
      for (const activation of activations) {
        for (const added of [residual, narrow(residual)]) {
          const options = {transposed: true, bias, residual: added, activation};
          assertClose(tiledProduct(x, narrow(weight), options), activate(sums, activation), `${activation}`);
        }
      }
    }),
  );
});

for (const [photo, shape, changes] of [
  [[3, 5, 7, 40], [1, 1, 40, 33], {}],
  [[2, 5, 7, 32], [1, 1, 32, 20], {strides: [2, 2]}],
  [[2, 6, 5, 48], [3, 3, 48, 16], {padding: [1, 1, 1, 1]}],
] as [number[], number[], Partial<WindowMoves>][]) {
  test(`a gate before a filter [${shape.join(', ')}] is the product of both`, {skip}, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const window = {...plain, ...changes};
        const [x, filter, bias] = [tensor(photo), narrow(tensor(shape, 2)), tensor([shape[3]], 3)];
        const gate = tensor([photo[0], 1, 1, photo[3]], 4);
        for (const given of [x, narrow(x)]) {
          const options = {bias, narrow: true, activation: 'relu'} as const;
          const expected = tiledConvolution(narrow(multiply(given, gate)), filter, window, options);
          const actual = tiledConvolution(given, filter, window, {...options, gate});
          assert.deepEqual(widen(actual).dataSync(), widen(expected).dataSync());
          const fused = fusedConv2d(given, filter, bias, window, {activation: 'relu', gate});
          assert.deepEqual(widen(fused).dataSync(), widen(expected).dataSync());
        }
        const short = tensor([photo[0], 1, 1, photo[3] - 1]);
        assert.throws(() => tiledConvolution(x, filter, window, {gate: short}), /elements in place of/);
      }),
    );
  });
}

test('tiles refuse what does not belong together', {skip}, () => {
  const run = (filter: number[], photo: number[], size: number[]) =>
    tf.tidy(() => {
      const [x, f] = [tensor(photo), narrow(tensor(filter))];
      const attributes = [
        typeOf('X', x),
        typeOf('R'),
        typeOf('Y'),
        ...[integer('strides', [1, 1]), integer('padding', [0, 0, 0, 0]), integer('size', size)],
        ...['turned', 'backward', 'gates', 'biases', 'residuals'].map((name) => integer(name, 0)),
        text('activation', 'none'),
      ];
      return backend.executeMultipleOutputs('LabTiledConvolution', attributes, [x, f], 1);
    });
  for (const [filter, photo, size, message] of [
    [[3, 3, 16, 16], [1, 5, 5, 17], [3, 3], /filter is not one of 17 channels/],
    [[3, 3, 16, 16], [1, 5, 5, 16], [4, 3], /output or slope is not one of this convolution/],
    [[3, 3, 16, 16], [5, 5, 16], [3, 3], /four axes/],
    [[3, 16, 16], [1, 5, 5, 16], [3, 3], /four axes/],
  ] as const) {
    assert.throws(() => run([...filter], [...photo], [...size]), message);
  }
});

test('no rows give no rows', {skip}, () => {
  tf.tidy(() => {
    const y = tiledProduct(tf.zeros([0, 32]), narrow(tensor([16, 32])), {transposed: true});
    assert.deepEqual(y.shape, [0, 16]);
    const slope = tiledWeightSlope(tf.zeros([0, 32]), tf.zeros([0, 16]));
    assertClose(slope, tf.zeros([16, 32]), 'slope');
  });
});
