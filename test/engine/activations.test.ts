import test from 'node:test';
import {type Activation, activate, tf, type Tensor} from '../../lib/engine';
import {assertSame} from './compare';

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
