/** Convolutions side by side give what each gives by itself. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  InferenceNet,
  type Net,
  network,
  randomValues,
  ShapeNet,
  TrainingNet,
  type Value,
  Weights,
} from '../../lib/backbones';
import {gradients, tf, type Tensor} from '../../lib/engine';
import {assertClose, tensor, withoutLeaks} from '../engine/compare';

const shape = [3, 5, 6, 4];

const pairs: Record<string, Parameters<Net['parallelConvs']>[1]> = {
  'with biases and one activation': [
    ['narrow', {out: 19, kernel: 1, activation: 'relu'}],
    ['wide', {out: 7, kernel: 3, padding: 1, activation: 'relu'}],
  ],
  'with biases alone': [
    ['narrow', {out: 19, kernel: 1}],
    ['wide', {out: 7, kernel: 3, padding: 1}],
  ],
  'with two activations': [
    ['narrow', {out: 19, kernel: 1, activation: 'relu'}],
    ['wide', {out: 7, kernel: 3, padding: 1, activation: 'silu'}],
  ],
  'of which one is normalised': [
    ['narrow', {out: 19, kernel: 1, norm: 'norm', activation: 'relu'}],
    ['wide', {out: 7, kernel: 3, padding: 1, activation: 'relu'}],
  ],
  'of which one is depthwise and one has no bias': [
    ['narrow', {out: 4, kernel: 3, padding: 1, groups: 4, activation: 'relu'}],
    ['wide', {out: 7, kernel: 3, padding: 1, bias: false, activation: 'relu'}],
  ],
};

for (const [name, layers] of Object.entries(pairs)) {
  const atOnce = (net: Net, x: Value) => net.parallelConvs(x, layers);
  const apart = (net: Net, x: Value) =>
    net.concat(
      layers.map(([layer, options]) => net.conv(layer, x, options)),
      3,
    );

  test(`two convolutions ${name}: values, gradients and fingerprint`, () => {
    const shapes = new ShapeNet();
    assert.deepEqual(atOnce(shapes, {shape}).shape, apart(new ShapeNet(), {shape}).shape);
    const weights = new Weights(shapes.parameters, randomValues(1));
    withoutLeaks(() =>
      tf.tidy(() => {
        const x = tensor(shape);
        const [found, expected] = [atOnce, apart].map((layer): Record<string, Tensor> => {
          const still = new InferenceNet(weights);
          const inference = layer(still, x) as Tensor;
          still.dispose();
          const {value, grads} = gradients(
            () => {
              const net = new TrainingNet(weights);
              const y = layer(net, x) as Tensor;
              net.dispose();
              return tf.sum(tf.square(y));
            },
            weights
              .names()
              .map((each) => weights.get(each))
              .filter(({trainable}) => trainable),
          );
          return {inference, value, ...grads};
        });
        assert.deepEqual(Object.keys(found), Object.keys(expected));
        for (const [what, value] of Object.entries(found)) assertClose(value, expected[what], what, 1e-4);
      }),
    );
    weights.dispose();

    const [first, second] = [atOnce, apart].map((layer) =>
      network({
        name: 'own',
        size: 6,
        build: (net, photos) =>
          net.linear('head', net.globalAverage(layer(net, net.conv('stem', photos, {out: 4, kernel: 1}))), {
            out: 3,
          }),
      }),
    );
    assert.equal(first.fingerprint, second.fingerprint);
  });
}
