import test from 'node:test';
import {type Activation, activate, crossEntropy, softmax, tf, type Tensor} from '../../lib/engine';
import {assertSame, tensor} from './compare';

/** Wide enough for every bend, none of them hit exactly. */
const points = Array.from({length: 161}, (_, i) => i / 10 - 8.013);

const sixth = (x: Tensor): Tensor => tf.div(tf.clipByValue(tf.add(x, 3), 0, 6), 6);

const definitions: Record<Activation, (x: Tensor) => Tensor> = {
  relu: (x) => tf.maximum(x, 0),
  relu6: (x) => tf.clipByValue(x, 0, 6),
  sigmoid: (x) => tf.div(1, tf.add(1, tf.exp(tf.neg(x)))),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
  hardsigmoid: sixth,
  hardswish: (x) => tf.mul(x, sixth(x)),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
};

for (const [name, definition] of Object.entries(definitions) as [Activation, (x: Tensor) => Tensor][]) {
  test(`${name}: value and gradient`, () => {
    const x = tf.tensor(points, [7, 23]);
    assertSame((input) => activate(input, name), definition, [x]);
    x.dispose();
  });
}

test('softmax over the last axis at every width, of large numbers too: value and gradient', () => {
  for (const [width, factor] of [
    [1, 1],
    [27, 1],
    [49, 30],
    [197, 1],
  ]) {
    const x = tf.tidy(() => tf.mul(tensor([3, 2, width]), factor));
    assertSame(softmax, (input) => tf.softmax(input), [x]);
    x.dispose();
  }
});

test('cross-entropy of logits, large ones too, against targets of any weight: value and gradient', () => {
  for (const [width, factor] of [
    [1, 1],
    [6, 1],
    [100, 1],
    [27, 40],
  ]) {
    const logits = tf.tidy(() => tf.mul(tensor([5, width]), factor));
    const targets = tf.tidy(() => tf.abs(tensor([5, width], 2)));
    const composed = (x: Tensor): Tensor => tf.neg(tf.sum(tf.mul(tf.logSoftmax(x), targets)));
    assertSame((x: Tensor) => crossEntropy(x, targets), composed, [logits]);
    tf.dispose([logits, targets]);
  }
});
