/** A network that a cell writes: five lines, trained like any other; what does not fit is named by its layer. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {type Net, network, type Value} from '../../lib/backbones';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {WholeNetwork} from '../../lib/heads';
import {adamw, constant, type Epoch, train} from '../../lib/training';
import {classes, noisePhotos} from '../training/fixtures/tiny';

const own = network({
  name: 'small',
  size: 8,
  build: (net, x) => {
    const map = net.conv('c1', x, {out: 8, kernel: 3, stride: 2, norm: 'n1', activation: 'relu'});
    return net.linear('out', net.globalAverage(map), {out: classes});
  },
});

test('it learns, its random weights are seeded, and its state can be put back', async () => {
  const {numTensors} = tf.memory();
  assert.equal(own.classes, classes);
  const learner = WholeNetwork.random(own, 1);
  const same = WholeNetwork.random(own, 1);
  const other = WholeNetwork.random(own, 2);
  assert.deepEqual(same.state(), learner.state());
  assert.notDeepEqual(other.state(), learner.state());
  assert.deepEqual(
    [...learner.trainable().keys()],
    ['c1.weight', 'n1.weight', 'n1.bias', 'out.weight', 'out.bias'],
  );

  const epochs: Epoch[] = [];
  const data = {train: noisePhotos(28, {seed: 1}), val: noisePhotos(12, {seed: 2})};
  const options = {optimizer: adamw({learningRate: 0.03}), schedule: constant(), epochs: 6, seed: 1};
  await train(learner, data, options, {onEpoch: (epoch) => epochs.push(epoch)});
  assert.ok(epochs[5].train.loss < epochs[0].train.loss / 2);
  assert.ok(Math.max(...epochs.map(({val}) => val.macroF1)) > 0.9);
  other.restore(learner.state());
  assert.deepEqual(other.state(), learner.state());
  for (const each of [learner, same, other]) each.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});

const wrong: [string, (net: Net, x: Value) => Value, RegExp][] = [
  [
    'a kernel larger than its picture',
    (net, x) => net.conv('c2', net.conv('c1', x, {out: 4, kernel: 7}), {out: 4, kernel: 3}),
    /^own: c2: a picture of 2 x 2 is too small here/,
  ],
  [
    'a convolution of features',
    (net, x) => net.conv('c2', net.globalAverage(x), {out: 4, kernel: 3}),
    /^own: c2: a convolution takes a map \[height, width, channel\] of each photo, got \[3\]/,
  ],
  [
    'a sum of maps of different width',
    (net, x) => net.add(net.conv('c1', x, {out: 4, kernel: 1}), net.conv('c2', x, {out: 5, kernel: 1})),
    /^own: After c2: a sum of shapes that do not fit together: \[1, 8, 8, 4\] and \[1, 8, 8, 5\]/,
  ],
  [
    'a concatenation of maps of different height',
    (net, x) =>
      net.concat([net.conv('c1', x, {out: 4, kernel: 1}), net.conv('c2', x, {out: 4, kernel: 3})], 3),
    /After c2: a concatenation of shapes/,
  ],
  [
    'groups that do not divide the channels',
    (net, x) => net.conv('c1', x, {out: 4, kernel: 1, groups: 2}),
    /c1: 3 channels in and 4 out cannot be split into 2 groups/,
  ],
  [
    'a layer without width',
    (net, x) => net.linear('out', net.globalAverage(x), {out: 0}),
    /out\.weight cannot have the shape \[0, 3\]/,
  ],
  [
    'a number of outputs that was forgotten',
    (net, x) => net.linear('out', net.globalAverage(x), {out: undefined as never}),
    /out\.weight cannot have the shape/,
  ],
  [
    'two layers of one name',
    (net, x) => net.conv('c1', net.conv('c1', x, {out: 3, kernel: 1}), {out: 3, kernel: 1}),
    /Two tensors are called c1\.weight/,
  ],
  [
    'a wrong reshape',
    (net, x) => net.reshape(net.conv('c1', x, {out: 4, kernel: 1}), [1, 100]),
    /After c1: \[1, 8, 8, 4\] cannot be reshaped to \[1, 100\]/,
  ],
  [
    'a pooling past the picture',
    (net, x) => net.maxPool(net.conv('c1', x, {out: 4, kernel: 1}), {kernel: 9, stride: 1}),
    /After c1: a picture of 8 x 8 is too small for max pooling/,
  ],
  [
    'a map for logits',
    (net, x) => net.conv('c1', x, {out: 4, kernel: 1}),
    /^own: its output .* is \[8, 8, 4\]/,
  ],
];

for (const [what, build, message] of wrong) {
  test(`${what} is named`, () => {
    assert.throws(
      () => network({name: 'own', size: 8, build}),
      (error) => error instanceof LabError && message.test(error.message),
      String(message),
    );
  });
}

test('what is computed makes the fingerprint, the names of the network do not', () => {
  const make = (name: string, activation: 'relu' | 'silu', size = 8, factor = 1) =>
    network({
      name,
      size,
      build: (net, x) => {
        const map = net.conv('c1', x, {out: 8, kernel: 3, activation});
        return net.linear('out', net.globalAverage(net.scale(map, factor)), {out: classes});
      },
    }).fingerprint;
  const first = make('one', 'relu');
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.equal(make('two', 'relu'), first);
  const others = [make('one', 'silu'), make('one', 'relu', 16), make('one', 'relu', 8, 2)];
  assert.equal(new Set([first, ...others]).size, 4);
});
