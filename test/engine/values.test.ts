import assert from 'node:assert/strict';
import test from 'node:test';
import {release, tensorTaking, tf} from '../../lib/engine';

test('an array that is released gives its memory back at once', () => {
  const before = process.memoryUsage().arrayBuffers;
  const array = new Float32Array(1_000_000).fill(1);
  release(array);
  assert.equal(array.length, 0);
  assert.ok(process.memoryUsage().arrayBuffers - before < array.BYTES_PER_ELEMENT * 1_000_000);
});

test('a part of a larger buffer stays as it is', () => {
  const whole = Uint8Array.of(1, 2, 3);
  const part = whole.subarray(1);
  release(part);
  assert.deepEqual([...part, ...whole], [2, 3, 1, 2, 3]);
});

test('a tensor holds what it was made from, whose memory it takes', () => {
  for (const size of [6, 600_000]) {
    const values = Float32Array.from({length: size}, (_, i) => i);
    const x = tensorTaking(values, [2, size / 2]);
    assert.equal(values.length, 0);
    assert.deepEqual([x.shape, x.dtype, x.dataSync()[size - 1]], [[2, size / 2], 'float32', size - 1]);
    x.dispose();
  }
  assert.throws(() => tensorTaking(new Float32Array(5), [2, 3]), /Shape does not match/);
});

test('a tensor keeps its values when the array it was made from changes', () => {
  const values = new Float32Array(64).fill(1);
  const x = tf.tensor(values);
  const sum = () => x.sum().dataSync()[0];
  assert.equal(sum(), 64);
  values.fill(2);
  assert.equal(sum(), 64);
  x.dispose();
});
