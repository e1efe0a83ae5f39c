import test from 'node:test';
import {
  averagePool,
  conv2d,
  fusedConv2d,
  globalAverage,
  maxPool,
  pad,
  samePadding,
  tf,
  type Tensor,
} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {assertSame, assertSameValue, tensor, withoutLeaks} from './compare';
import {average, convolution, depthwise, maximum, plain, type WindowMoves} from './windows';
import assert from 'node:assert/strict';

const windows: Record<string, Partial<WindowMoves>> = {
  'without padding': {},
  'padding as in PyTorch, stride 2': {strides: [2, 2], padding: [1, 1, 1, 1]},
  'padding after the last row and column alone, stride 2': {strides: [2, 2], padding: [0, 1, 0, 1]},
  'another padding on each side, stride 3': {strides: [3, 3], padding: [0, 1, 2, 1]},
  'dilation 2': {padding: [2, 2, 2, 2], dilations: [2, 2]},
  'another dilation on each axis, stride 2': {strides: [2, 2], padding: [1, 2, 0, 3], dilations: [3, 2]},
};

/** Each kind of convolution: the channels that come in, and the filter's shape. */
const kinds: [string, number, number[]][] = [
  ['convolution', 3, [3, 3, 3, 4]],
  ['convolution of many channels', 33, [3, 3, 33, 37]],
  ['pointwise convolution', 4, [1, 1, 4, 6]],
  ['convolution with a wide kernel', 2, [1, 3, 2, 3]],
  ['grouped convolution', 6, [3, 3, 2, 9]],
  ['depthwise convolution', 4, [3, 3, 4, 1]],
  ['depthwise convolution with a multiplier', 3, [3, 3, 3, 2]],
  ['depthwise convolution of one place', 3, [1, 1, 3, 2]],
  // 64 + 8 + 3 channels: whole vectors of every width, and a rest.
  ['depthwise convolution of many channels', 75, [3, 5, 75, 1]],
];

for (const [kind, channels, filterShape] of kinds) {
  const isDepthwise = kind.startsWith('depthwise');
  for (const [name, changes] of Object.entries(windows)) {
    test(`${kind}, ${name}: value and gradients`, () => {
      const window = {...plain, ...changes};
      const reference = isDepthwise ? depthwise : convolution;
      const inputs = [tensor([2, 7, channels > 32 ? 22 : 6, channels]), tensor(filterShape, 2)];
      assertSame(
        (x, filter) => conv2d(x, filter, window, {isDepthwise}),
        (x, filter) => reference(x, filter, window),
        inputs,
      );
      tf.dispose(inputs);
    });
  }
}

for (const [height, width] of [
  [8, 7],
  [5, 10],
]) {
  for (const kernel of [3, 5]) {
    test(`padding SAME of ${kernel} x ${kernel} on ${height} x ${width}, stride 2: as TensorFlow's own`, () => {
      const window: WindowMoves = {
        ...plain,
        strides: [2, 2],
        padding: [...samePadding(height, kernel, 2), ...samePadding(width, kernel, 2)],
      };
      const x = tensor([2, height, width, 12]);
      const filters = [tensor([kernel, kernel, 12, 4], 2), tensor([kernel, kernel, 12, 1], 3)];
      assertSame(
        (image, filter) => conv2d(image, filter, window),
        (image, filter) => tf.conv2d(image as never, filter as never, 2, 'same'),
        [x, filters[0]],
      );
      assertSame(
        (image, filter) => conv2d(image, filter, window, {isDepthwise: true}),
        (image, filter) => tf.depthwiseConv2d(image as never, filter as never, 2, 'same'),
        [x, filters[1]],
      );
      tf.dispose([x, filters]);
    });
  }
}

for (const [name, changes] of Object.entries(windows).filter(([, {dilations}]) => !dilations)) {
  for (const [kind, pool, reference] of [
    ['max pooling', maxPool, maximum],
    ['average pooling', averagePool, average],
  ] as const) {
    test(`${kind}, ${name}: value and gradient`, () => {
      const window = {...plain, ...changes};
      const x = tensor([2, 7, 6, 3]);
      assertSame(
        (image) => pool(image, [3, 3], window),
        (image) => reference(image, [3, 3], window),
        [x],
      );
      x.dispose();
    });
  }
}

test('what padding adds never wins a max pooling, though all else be negative', () => {
  withoutLeaks(() => {
    const x = tf.fill([1, 2, 2, 1], -7);
    const pooled = tf.tidy(() => maxPool(x, [2, 2], {strides: [2, 2], padding: [1, 1, 1, 1]}));
    assert.deepEqual([...pooled.dataSync()], [-7, -7, -7, -7]);
    tf.dispose([x, pooled]);
  });
});

for (const keepDims of [false, true]) {
  test(`global average${keepDims ? ' that keeps its axes' : ''}: value and gradient`, () => {
    const x = tensor([2, 5, 3, 4]);
    assertSame(
      (image) => globalAverage(image, keepDims),
      (image) => tf.mean(image, [1, 2], keepDims),
      [x],
    );
    x.dispose();
  });
}

test('pad fills and gives the same tensor when there is nothing to add', () => {
  const x = tensor([1, 2, 3, 2]);
  const expected = (image: Tensor) => {
    const row = tf.fill([1, 1, 3, 2], 5);
    const tall = tf.concat([row, image, row, row], 1);
    return tf.concat([tall, tf.fill([1, 5, 1, 2], 5)], 2);
  };
  assertSameValue((image) => pad(image, [1, 2, 0, 1], 5), expected, [x]);
  assert.equal(pad(x, [0, 0, 0, 0]), x);
  x.dispose();
});

/** What no window can be, and what the error says of it. */
const impossible: [Partial<WindowMoves>, RegExp][] = [
  [{strides: [0, 1]}, /stride of \[0, 1\]/],
  [{strides: [1, -1]}, /stride of \[1, -1\]/],
  [{strides: [1.5, 1]}, /stride of \[1\.5, 1\]/],
  [{strides: [NaN, 1]}, /stride of \[NaN, 1\]/],
  [{padding: [0, 0, -1, 1]}, /padding of \[0, 0, -1, 1\]/],
  [{padding: [0.5, 0, 0, 0]}, /padding of \[0\.5, 0, 0, 0\]/],
];

test('impossible windows are refused by value', () => {
  withoutLeaks(() =>
    tf.tidy(() => {
      const [x, bias] = [tensor([1, 4, 3, 2]), tensor([2])];
      const filters = {false: tensor([3, 3, 2, 2]), true: tensor([3, 3, 2, 1])};
      const refuse = (error: RegExp, run: () => unknown) =>
        assert.throws(run, (thrown) => thrown instanceof LabError && error.test(thrown.message));
      const convolve = (
        error: RegExp,
        image: Tensor,
        changes: Partial<WindowMoves>,
        size?: [number, number],
      ) => {
        const window = {...plain, ...changes};
        for (const isDepthwise of [false, true]) {
          const filter = size ? tensor([...size, 2, isDepthwise ? 1 : 2]) : filters[`${isDepthwise}`];
          refuse(error, () => conv2d(image, filter, window, {isDepthwise}));
          refuse(error, () => fusedConv2d(image, filter, bias, window, {isDepthwise}));
        }
      };
      const reduce = (
        error: RegExp,
        image: Tensor,
        changes: Partial<WindowMoves>,
        size: [number, number],
      ) => {
        for (const pool of [maxPool, averagePool])
          refuse(error, () => pool(image, size, {...plain, ...changes}));
      };
      for (const [changes, error] of impossible) {
        convolve(error, x, changes);
        reduce(error, x, changes, [2, 2]);
      }
      convolve(/dilation of \[0, 1\]/, x, {dilations: [0, 1]});
      convolve(/dilation of \[1, -2\]/, x, {dilations: [1, -2]});
      convolve(/5 high does not fit into an image of 4 rows/, x, {}, [5, 1]);
      convolve(/4 wide does not fit into an image of 3 columns/, x, {}, [1, 4]);
      convolve(/7 high does not fit into an image of 6 rows/, x, {padding: [1, 1, 3, 3], dilations: [3, 3]});
      convolve(/window of \[0, 3\]/, x, {}, [0, 3]);
      reduce(/window of \[0, 1\]/, x, {}, [0, 1]);
      reduce(/4 wide does not fit into an image of 3 columns/, x, {}, [2, 4]);
      convolve(/tensor \[4, 3, 2\] is no image/, tensor([4, 3, 2]), {});
      reduce(/tensor \[4, 3, 2\] is no image/, tensor([4, 3, 2]), {}, [2, 2]);
      for (const shape of [
        [3, 3, 3, 1],
        [1, 1, 1, 3],
        [1, 1, 2, 0],
        [3, 3, 2],
      ]) {
        refuse(/A filter \[.*\] /, () => conv2d(x, tensor(shape), plain));
      }
      refuse(/A filter \[1, 1, 1, 2\] .* one by one/, () =>
        conv2d(x, tensor([1, 1, 1, 2]), plain, {isDepthwise: true}),
      );
      refuse(/padding of \[1, -1, 0, 0\]/, () => pad(x, [1, -1, 0, 0]));
    }),
  );
});
