/** What stands between products and takes narrow values as they are, beside float32 on the same rounded numbers. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  attention,
  averagePool,
  batchNorm,
  biasAdd,
  concat,
  conv2d,
  globalAverage,
  isNarrow,
  joinedAffine,
  joinedBatchNorm,
  joinedBiasAdd,
  linear,
  maxPool,
  multiply,
  narrow,
  tf,
  type Tensor,
  widen,
} from '../../lib/engine';
import {hasBfloat16} from '../../lib/engine/operations/native';
import {hasTiles} from '../../lib/engine/operations/tiles';
import {assertClose, type Function, tensor, withoutLeaks} from './compare';
import {plain} from './windows';

const skip = hasBfloat16() ? false : 'this processor has no bfloat16';

/** What the rounding of values and slopes between the operations leaves. */
const rounding = 2 ** -6;

const rounded = (shape: number[], seed?: number): Tensor => tf.tidy(() => widen(narrow(tensor(shape, seed))));

/** Asserts that an operation, some of whose inputs are narrow, has float32's value and gradients, and leaves nothing. */
function assertNear(operation: Function, inputs: Tensor[], narrowed: number[], isNarrowAfter: boolean): void {
  withoutLeaks(() => {
    const inBfloat16: Function = (...given) => {
      const y = operation(...given.map((x, i) => (narrowed.includes(i) ? narrow(x) : x)));
      assert.equal(isNarrow(y), isNarrowAfter, 'narrow');
      return widen(y);
    };
    const [value, expected] = [inBfloat16, operation].map((f) => tf.tidy(() => f(...inputs)));
    assertClose(value, expected, 'value', rounding);
    const dy = rounded(value.shape, 99);
    const [slopes, exact] = [inBfloat16, operation].map((f) => tf.grads(f)(inputs, dy));
    slopes.forEach((slope, i) => {
      assert.ok(!isNarrow(slope), 'the slope in float32 is float32');
      assertClose(slope, exact[i], `gradient ${i}`, rounding);
    });
    tf.dispose([value, expected, dy, slopes, exact]);
  });
  tf.dispose(inputs);
}

const statistics = (channels: number) => ({mean: tf.zeros([channels]), variance: tf.ones([channels])});
const options = {epsilon: 1e-5, momentum: 0.1};

test('batch normalisation, residual sum and activation', {skip}, () => {
  const inputs = [rounded([2, 5, 4, 19]), rounded([2, 5, 4, 19], 2), tensor([19], 3), tensor([19], 4)];
  const normalised: Function = (x, residual, scale, offset) => {
    const parameters = {scale, offset, ...statistics(19)};
    return batchNorm(x, parameters, {...options, residual, activation: 'silu'}).y;
  };
  assertNear(normalised, [...inputs.map((x) => x.clone())], [0, 1], true);
  assertNear(normalised, inputs, [0], true);
});

test('batch normalisation of two values side by side', {skip}, () => {
  const inputs = [rounded([2, 5, 4, 19]), rounded([2, 5, 4, 5], 2), tensor([24], 3), tensor([24], 4)];
  const normalised: Function = (first, second, scale, offset) => {
    const parameters = {scale, offset, ...statistics(24)};
    const {joined, y} = joinedBatchNorm([first, second], parameters, {...options, activation: 'relu'});
    return multiply(y, widen(joined));
  };
  assertNear(normalised, inputs, [0, 1], false);
});

test('two values side by side by a factor and a shift', {skip}, () => {
  const [first, second] = [rounded([2, 3, 4, 19]), rounded([2, 3, 4, 5], 2)];
  tf.tidy(() => {
    const [factor, shift] = [tensor([24], 3), tensor([24], 4)];
    const exact = joinedAffine([first, second], factor, shift, 'relu');
    const found = joinedAffine([narrow(first), narrow(second)], factor, shift, 'relu');
    assert.ok(isNarrow(found.joined) && isNarrow(found.y));
    assertClose(widen(found.joined), exact.joined, 'joined', 0);
    assertClose(widen(found.y), exact.y, 'value', rounding);
  });
  tf.dispose([first, second]);
});

for (const strides of [
  [1, 1],
  [2, 2],
] as [number, number][]) {
  test(`a depthwise convolution of stride ${strides[0]}`, {skip}, () => {
    const window = {...plain, strides, padding: [1, 1, 1, 1] as [number, number, number, number]};
    const inputs = [rounded([2, 9, 11, 40]), tensor([3, 3, 40, 1], 2)];
    assertNear(
      (x, filter) => conv2d(x, filter, window, {isDepthwise: true, narrow: true}),
      inputs,
      [0],
      true,
    );
  });
}

test('a bias with and without an activation', {skip}, () => {
  for (const activation of [undefined, 'relu', 'gelu'] as const) {
    assertNear((x, bias) => biasAdd(x, bias, activation), [rounded([30, 21]), tensor([21], 2)], [0], true);
  }
});

test('biases of two values side by side', {skip}, () => {
  const inputs = [rounded([30, 21]), rounded([30, 8], 2), tensor([21], 3), tensor([8], 4)];
  assertNear((a, b, ...biases) => joinedBiasAdd([a, b], biases, 'relu'), inputs, [0, 1], true);
});

test('one factor for each photo and channel', {skip}, () => {
  const inputs = [rounded([3, 4, 5, 21]), tensor([3, 1, 1, 21], 2)];
  assertNear((x, factor) => multiply(x, factor), inputs, [0], true);
});

test('values side by side: narrow if all are', {skip}, () => {
  const inputs = () => [rounded([2, 3, 3, 5]), rounded([2, 3, 3, 8], 2)];
  assertNear((a, b) => concat([a, b], 3), inputs(), [0, 1], true);
  assertNear((a, b) => concat([a, b], 3), inputs(), [1], false);
});

test('one value in two operations', {skip}, () => {
  const sum: Function = (x, bias) => concat([biasAdd(x, bias, 'relu'), x], 1);
  assertNear(sum, [rounded([30, 21]), tensor([21], 2)], [0], true);
});

test('the mean of an image', {skip}, () => {
  assertNear((x) => globalAverage(x), [rounded([3, 4, 5, 21])], [0], false);
});

test('pooling with and without gradients', {skip}, () => {
  const window = {
    strides: [2, 2] as [number, number],
    padding: [1, 0, 1, 1] as [number, number, number, number],
  };
  for (const pool of [maxPool, averagePool]) {
    assertNear((x) => pool(x, [3, 3], window), [rounded([2, 7, 8, 21])], [0], false);
    tf.tidy(() => {
      const x = rounded([2, 7, 8, 21]);
      const [expected, found] = [x, narrow(x)].map((given) => pool(given, [3, 3], window, {gradient: false}));
      assertClose(expected, pool(x, [3, 3], window), 'without gradients');
      assert.ok(isNarrow(found));
      assertClose(widen(found), expected, 'narrow', 2 ** -8);
    });
  }
});

test('linear layers one upon the other, of many rows and of few', {skip}, () => {
  for (const rows of [[2, 40], [2, 3], [5]]) {
    const layers: Function = (x, first, firstBias, second, secondBias) => {
      const hidden = linear(x, first, firstBias, {activation: 'gelu'});
      return linear(hidden, second, secondBias);
    };
    const inputs = [
      ...[rounded([...rows, 32]), tensor([48, 32], 2), tensor([48], 3)],
      ...[tensor([20, 48], 4), tensor([20], 5)],
    ];
    assertNear(layers, inputs, [0, 1, 3], false);
  }
});

for (const [tokens, heads, depth, windows] of [
  [197, 3, 64, undefined],
  [33, 2, 40, undefined],
  [5, 1, 7, undefined],
  [49, 3, 32, {side: 7, shift: [3, 3]}],
] as const) {
  const within = windows ? `squares of ${windows.side}` : `${tokens} tokens`;
  test(`attention of ${heads} heads ${depth} deep within ${within}`, {skip}, () => {
    const shape = [...(windows ? [2, 14, 14] : [4, tokens]), 3 * heads * depth];
    const attended =
      (gradient: boolean): Function =>
      (mixed, bias) =>
        attention(
          mixed,
          {heads, bias, windows: windows && {...windows, shift: [...windows.shift]}},
          {gradient},
        );
    assertNear(attended(true), [rounded(shape)], [0], hasTiles());
    assertNear(attended(true), [rounded(shape), tensor([2, heads, tokens, tokens], 2)], [0], hasTiles());
    const mixed = rounded(shape);
    withoutLeaks(() =>
      tf.tidy(() =>
        assertClose(widen(attended(false)(narrow(mixed))), attended(false)(mixed), 'inference', rounding),
      ),
    );
    mixed.dispose();
  });
}

test('attention after a linear layer, which passes bfloat16 on without an activation', {skip}, () => {
  const layers: Function = (x, weight, bias) => {
    const mixed = linear(tf.mul(x, 1 / 16), weight, bias, {narrow: true});
    assert.equal(isNarrow(mixed), isNarrow(weight) && hasTiles());
    return attention(mixed, {heads: 2}, {gradient: true});
  };
  assertNear(layers, [rounded([3, 30, 32]), rounded([72, 32], 2), tensor([72], 3)], [1], hasTiles());
});
