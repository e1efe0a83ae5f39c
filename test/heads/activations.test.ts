/** Looking into a network: what its layers pass on is what it computes with, and nothing of it is left behind. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Backbone, findArchitecture, network} from '../../lib/backbones';
import {tf, type Tensor} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {Classifier, Head, type LayeredLearner, penultimate, WholeNetwork} from '../../lib/heads';
import {assertClose} from '../engine/compare';

const own = network({
  name: 'small',
  size: 8,
  build: (net, x) => {
    const map = net.conv('c1', x, {out: 6, kernel: 3, stride: 2, padding: 1, norm: 'n1', activation: 'relu'});
    const same = net.conv('c2', map, {
      out: 6,
      kernel: 3,
      padding: 1,
      norm: 'n2',
      residual: map,
      activation: 'relu',
    });
    return net.linear('out', net.globalAverage(same), {out: 3});
  },
});

const photos = (size: number) => tf.randomNormal([2, size, size, 3], 0, 1, 'float32', 5);

/** Running statistics that are not those of a new network. */
function unsettle(learner: LayeredLearner): void {
  for (const {name, shape} of learner.state()) {
    if (!/n\d\.(running|weight|bias)/.test(name)) continue;
    learner.restore([{name, values: Float32Array.from({length: shape[0]}, (_, i) => 0.5 + 0.2 * i)}]);
  }
}

function outputs(learner: LayeredLearner, x: Tensor, names: string[]): Tensor[] {
  const kept = learner.activations(x, names);
  assert.deepEqual([...kept.keys()].sort(), [...names].sort());
  return names.map((name) => kept.get(name)!);
}

test('what layers of a network pass on leads to its logits, BatchNorm taken apart or not', () => {
  const {numTensors} = tf.memory();
  const learner = WholeNetwork.random(own, 1);
  unsettle(learner);
  const x = photos(8);
  const [c1, c2, features] = outputs(learner, x, ['c1', 'c2', 'out.input']);
  assert.deepEqual(
    [c1.shape, c2.shape, features.shape],
    [
      [2, 4, 4, 6],
      [2, 4, 4, 6],
      [2, 6],
    ],
  );
  const [before, normalised, apart, logits] = outputs(learner, x, ['n2.input', 'n2', 'c2', 'out']);
  assertClose(apart, c2, 'apart', 1e-5);
  const net = learner.forInference();
  const expected = net.logits(x);
  assertClose(logits, expected, 'logits', 1e-5);
  const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
    tf.tensor1d(learner.weight(`n2.${part}`).values),
  );
  const [scale, offset, mean, variance] = parts;
  const byHand = tf.tidy(() =>
    tf.add(tf.mul(tf.div(tf.sub(before, mean), tf.sqrt(tf.add(variance, 1e-5))), scale), offset),
  );
  assertClose(normalised, byHand, 'normalised', 1e-4);
  const last = penultimate(learner, x);
  assertClose(last, features, 'last', 1e-6);
  net.dispose();
  tf.dispose([x, c1, c2, features, before, normalised, apart, logits, expected, byHand, last, ...parts]);
  learner.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});

test('stages and layers of a backbone with a new head, from photos whatever of it is frozen', () => {
  const {numTensors} = tf.memory();
  const architecture = findArchitecture('squeezenet1_1').at(64);
  for (const frozen of [0, architecture.stages.length]) {
    const head = new Head(architecture.featureShape, 3, {hidden: [7]}, 1);
    const learner = new Classifier(Backbone.random(architecture, 1), head, frozen);
    const x = photos(64);
    const stages = outputs(learner, x, [...learner.stages]);
    stages.forEach((stage, i) =>
      assert.deepEqual(stage.shape.slice(1), architecture.summary()[i].output, learner.stages[i]),
    );
    const [features, hidden, logits] = outputs(learner, x, ['head.0.input', 'head.0', 'head.1']);
    const expected = learner.backbone.features(x);
    assertClose(features, expected, 'features', 1e-5);
    assert.deepEqual(hidden.shape, [2, 7]);
    assert.deepEqual(logits.shape, [2, 3]);
    const last = penultimate(learner, x);
    assertClose(last, hidden, 'last', 1e-5);
    tf.dispose([x, ...stages, features, hidden, logits, expected, last]);
    learner.dispose();
  }
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});

test('of a head on a map the layer before the last is the mean of the map', () => {
  const {numTensors} = tf.memory();
  const architecture = findArchitecture('squeezenet1_1').at(64);
  const {output} = architecture.summary().at(-1)!;
  const [height, width, channels] = output;
  const learner = new Classifier(
    Backbone.random(
      {
        ...architecture,
        pool: (_, x) => x,
        featureShape: output,
      },
      1,
    ),
    new Head(output, 3, {}, 1),
    0,
  );
  const x = photos(64);
  const last = penultimate(learner, x);
  assert.deepEqual([last.shape, height * width > 1], [[2, channels], true]);
  const [map] = outputs(learner, x, [learner.stages.at(-1)!]);
  const mean = tf.mean(map, [1, 2]);
  assertClose(last, mean, 'last', 1e-6);
  tf.dispose([x, last, map, mean]);
  learner.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});

test('a name that is no layer is answered by those that it may mean', () => {
  const learner = WholeNetwork.random(own, 1);
  const x = photos(8);
  const {numTensors} = tf.memory();
  const refused = (names: string[], wanted: RegExp) =>
    assert.throws(
      () => learner.activations(x, names),
      (error) => error instanceof LabError && wanted.test(error.message),
    );
  refused(['c1', 'c3'], /no layer or stage "c3"\. Give, for example: c1, c2, n1\./);
  refused([''], /no layer or stage ""/);
  assert.throws(() => learner.activations(tf.zeros([1, 9, 9, 4]), ['c1']));
  assert.equal(tf.memory().numTensors, numTensors + 1, 'tensors left behind');
  assert.throws(() => learner.weight('c9.weight'), LabError);
  learner.dispose();
});
