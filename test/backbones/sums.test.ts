/** What stands at the end of a layer: layer scale, stochastic depth, the residual sum, the activation. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  InferenceNet,
  type Net,
  randomValues,
  ShapeNet,
  TrainingNet,
  type Value,
  Weights,
} from '../../lib/backbones';
import {activate, tf, type Tensor} from '../../lib/engine';
import {mulberry32} from '../../lib/random';
import {assertClose, tensor, withoutLeaks} from '../engine/compare';

const shape = [40, 4, 4, 6];
const dropRate = 0.4;

const layers: Record<string, (net: Net, x: Value, end: {residual?: Value; activation?: 'relu'}) => Value> = {
  'a convolution': (net, x, end) => net.conv('layer', x, {out: 6, kernel: 3, padding: 1, dropRate, ...end}),
  'a normalised convolution': (net, x, end) =>
    net.conv('layer', x, {out: 6, kernel: 1, norm: 'norm', dropRate, ...end}),
  'a linear layer': (net, x, end) => net.linear('layer', x, {out: 6, dropRate, ...end}),
  'a linear layer with layer scale': (net, x, end) =>
    net.linear('layer', x, {out: 6, scale: 'layer_scale', dropRate, ...end}),
};

for (const [name, layer] of Object.entries(layers)) {
  test(`${name} before a residual sum`, () => {
    const shapes = new ShapeNet();
    layer(shapes, {shape}, {});
    const weights = new Weights(shapes.parameters, randomValues(1));
    if (weights.has('layer_scale'))
      weights.set(
        'layer_scale',
        Float32Array.from({length: 6}, (_, i) => i - 2),
      );
    const [x, residual] = [tensor(shape), tensor(shape, 2)];
    const end = {residual, activation: 'relu'} as const;
    withoutLeaks(() =>
      tf.tidy(() => {
        const whole = [{}, end].map((given) => {
          const net = new TrainingNet(weights);
          const y = layer(net, x, given) as Tensor;
          net.dispose();
          return y;
        });
        const [branch, all] = whole;
        assertClose(all, activate(tf.add(branch, residual), 'relu'), 'in training with every photo');

        const some = new TrainingNet(weights, {random: mulberry32(7)});
        const left = tf.unstack(layer(some, x, end) as Tensor);
        const without = tf.unstack(activate(residual, 'relu'));
        const within = tf.unstack(activate(tf.add(tf.mul(branch, 1 / (1 - dropRate)), residual), 'relu'));
        const isOut = left.map((photo, i) => tf.equal(photo, without[i]).all().dataSync()[0] === 1);
        left.forEach((photo, i) => isOut[i] || assertClose(photo, within[i], `photo ${i}`));
        const count = isOut.filter(Boolean).length;
        assert.ok(count > 5 && count < 30, `${count} of 40 photos are left out`);

        const still = new InferenceNet(weights);
        const [alone, summed] = [{}, end].map((given) => layer(still, x, given) as Tensor);
        assertClose(summed, activate(tf.add(alone, residual), 'relu'), 'in inference');
        if (!weights.has('norm.weight')) assertClose(alone, branch, 'the layer itself');
        for (const net of [some, still]) net.dispose();
      }),
    );
    tf.dispose([x, residual]);
    weights.dispose();
  });
}
