import test from 'node:test';
import {
  type Activation,
  activate,
  biasAdd,
  fusedLinear,
  joinedBiasAdd,
  linear,
  tf,
  type Tensor,
} from '../../lib/engine';
import {activations, assertSame, assertSameValue, tensor} from './compare';

const product = (x: Tensor, weight: Tensor): Tensor => {
  const rows = tf.matMul(x.reshape([-1, x.shape[x.rank - 1]]), tf.transpose(weight));
  return rows.reshape([...x.shape.slice(0, -1), weight.shape[0]]);
};
const finished = (y: Tensor, activation?: Activation): Tensor => (activation ? activate(y, activation) : y);
const biased = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => tf.add(product(x, weight), bias);

for (const leading of [[6], [2, 3], [2, 1, 3], [71], [2, 37], [2, 6, 7]]) {
  const shape = [...leading, 5];

  test(`linear layer over the last axis of [${shape.join(', ')}]: value and gradients`, () => {
    const inputs = [tensor(shape), tensor([4, 5], 2), tensor([4], 3)];
    assertSame((x, weight, bias) => linear(x, weight, bias), biased, inputs);
    assertSame((x, weight) => linear(x, weight), product, inputs.slice(0, 2));
    assertSame(
      (x, weight, bias) => linear(x, weight, bias, {activation: 'gelu'}),
      (x, weight, bias) => activate(biased(x, weight, bias), 'gelu'),
      inputs,
    );
    for (const activation of [undefined, 'relu'] as const) {
      const residual = tensor([...leading, 4], 4);
      assertSame(
        (x, weight, bias, added) => linear(x, weight, bias, {residual: added, activation}),
        (x, weight, bias, added) => finished(tf.add(biased(x, weight, bias), added), activation),
        [...inputs, residual],
      );
      residual.dispose();
    }
    tf.dispose(inputs);
  });
}

test('bias over the last axis: value and gradients', () => {
  for (const shape of [
    [2, 3, 4, 5],
    [6, 5],
  ]) {
    const inputs = [tensor(shape), tensor([5], 2)];
    assertSame(
      (x, bias) => biasAdd(x, bias),
      (x, bias) => tf.add(x, bias),
      inputs,
    );
    tf.dispose(inputs);
  }
});

for (const activation of activations.filter((each) => each !== undefined)) {
  test(`bias and activation ${activation} in one: value and gradients`, () => {
    const inputs = [tensor([3, 4, 27]), tensor([27], 2)];
    assertSame(
      (x, bias) => biasAdd(x, bias, activation),
      (x, bias) => activate(tf.add(x, bias), activation),
      inputs,
    );
    tf.dispose(inputs);
  });
}

for (const activation of activations) {
  test(`biases of three values side by side, activation ${activation ?? 'none'}: value and gradients`, () => {
    const widths = [27, 5, 16];
    const inputs = widths.flatMap((width, i) => [tensor([3, 4, width], i + 1), tensor([width], i + 5)]);
    const alternate = (given: Tensor[], from: number) => given.filter((_, i) => i % 2 === from);
    assertSame(
      (...given) => joinedBiasAdd(alternate(given, 0), alternate(given, 1), activation),
      (...given) => {
        const sums = alternate(given, 0).map((x, i) => tf.add(x, alternate(given, 1)[i]));
        return finished(tf.concat(sums, 2), activation);
      },
      inputs,
    );
    tf.dispose(inputs);
  });
}

for (const activation of activations) {
  test(`fused linear layer, activation ${activation ?? 'none'}`, () => {
    for (const count of [3, 37]) {
      const inputs = [tensor([2, count, 5]), tensor([4, 5], 2), tensor([4], 3), tensor([2, count, 4], 4)];
      assertSameValue(
        (x, weight, bias) => fusedLinear(x, weight, bias, {activation}),
        (x, weight, bias) => finished(biased(x, weight, bias), activation),
        inputs,
      );
      assertSameValue(
        (x, weight, bias, residual) => fusedLinear(x, weight, bias, {activation, residual}),
        (x, weight, bias, residual) => finished(tf.add(biased(x, weight, bias), residual), activation),
        inputs,
      );
      tf.dispose(inputs);
    }
  });
}
