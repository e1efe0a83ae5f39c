/** What the tests of operations share: tensors without structure, and the comparison with a composition of plain tfjs. */
import assert from 'node:assert/strict';
import {type Activation, tf, type Tensor} from '../../lib/engine';
import {type Attribute, backend} from '../../lib/engine/tensorflow';
import {mulberry32} from '../../lib/random';

export type Function = (...inputs: Tensor[]) => Tensor;

/** Every activation, and none. */
export const activations: readonly (Activation | undefined)[] = [
  undefined,
  'relu',
  'relu6',
  'silu',
  'hardswish',
  'hardsigmoid',
  'sigmoid',
  'gelu',
];

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Numbers in (-2, 2), the same for the same shape and seed. */
export function tensor(shape: number[], seed = 1): Tensor {
  const random = mulberry32(seed);
  return tf.tensor(
    Float32Array.from({length: size(shape)}, () => 4 * random() - 2),
    shape,
  );
}

export function assertClose(actual: Tensor, expected: Tensor, what: string, tolerance = 2e-5): void {
  assert.deepEqual(actual.shape, expected.shape, what);
  const [a, b] = [actual, expected].map((values) => values.dataSync() as Float32Array);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  a.forEach((value, i) =>
    assert.ok(Math.abs(value - b[i]) <= tolerance * largest, `${what}[${i}] is ${value}, expected ${b[i]}`),
  );
}

/** Runs `action` and asserts that it leaves no tensor behind. */
export function withoutLeaks<T>(action: () => T): T {
  const {numTensors} = tf.memory();
  const result = action();
  assert.equal(tf.memory().numTensors - numTensors, 0, 'tensors left behind');
  return result;
}

/**
 * Asserts that two functions have the same value and, weighed at random, the same gradient in every input, and that
 * nothing outlives the `tidy` around them.
 */
export function assertSame(operation: Function, reference: Function, inputs: Tensor[]): void {
  withoutLeaks(() => {
    const [actual, expected] = [operation, reference].map((f) => tf.tidy(() => f(...inputs)));
    assertClose(actual, expected, 'value');
    const dy = tensor(actual.shape, 99);
    const [slopes, expectedSlopes] = [operation, reference].map((f) => tf.grads(f)(inputs, dy));
    slopes.forEach((slope, i) => assertClose(slope, expectedSlopes[i], `gradient ${i}`));
    tf.dispose([actual, expected, dy, slopes, expectedSlopes]);
  });
}

/** Asserts that two functions have the same value and that the first leaves nothing behind but that. */
export function assertSameValue(operation: Function, reference: Function, inputs: Tensor[]): void {
  withoutLeaks(() => {
    const [actual, expected] = [operation(...inputs), tf.tidy(() => reference(...inputs))];
    assertClose(actual, expected, 'value');
    tf.dispose([actual, expected]);
  });
}

/** Asserts that an operation fails with a message, and that the process and the engine live on. */
export function assertRefused(
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
