import test from 'node:test';
import {affine, dropoutMask, multiply, tf} from '../../lib/engine';
import assert from 'node:assert/strict';
import {mulberry32} from '../../lib/random';
import {assertSame, assertSameValue, tensor, withoutLeaks} from './compare';

test('a gate for each photo and channel, and a product with broadcasting: value and gradients', () => {
  for (const factor of [[2, 1, 1, 27], [27], [2, 5, 6, 27]]) {
    const inputs = [tensor([2, 5, 6, 27]), tensor(factor, 2)];
    assertSame(multiply, (x, by) => tf.mul(x, by), inputs);
    tf.dispose(inputs);
  }
});

test('a factor and a shift by channel', () => {
  const inputs = [tensor([2, 5, 6, 27]), tensor([27], 2), tensor([27], 3)];
  assertSameValue(
    (x, factor, shift) => affine(x, factor, shift, 'relu'),
    (x, factor, shift) => tf.relu(tf.add(tf.mul(x, factor), shift)),
    inputs,
  );
  tf.dispose(inputs);
});

test('a dropout mask is drawn by its seed, and keeps the mean', () => {
  withoutLeaks(() =>
    tf.tidy(() => {
      const [mask, again, other] = [1, 1, 2].map((seed) => [
        ...dropoutMask([50, 200], 0.3, mulberry32(seed)).dataSync(),
      ]);
      assert.deepEqual(mask, again);
      assert.notDeepEqual(mask, other);
      assert.deepEqual([...new Set(mask)].sort(), [0, Math.fround(1 / 0.7)]);
      const mean = mask.reduce((sum, value) => sum + value, 0) / mask.length;
      assert.ok(Math.abs(mean - 1) < 0.02, `mean ${mean}`);
    }),
  );
});
