/** A backbone with two new heads: the one it ends in, and one on an auxiliary classifier's features. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Backbone, defineBackbone, findArchitecture} from '../../lib/backbones';
import {gradients, tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {Classifier, Head} from '../../lib/heads';
import {crossEntropy, sgd, Stepper} from '../../lib/training';
import {classes, tiny} from '../training/fixtures/tiny';

const weight = 0.4;

/** The tiny network with an auxiliary classifier on its first stage. */
const helped = defineBackbone({
  ...tiny,
  auxiliary: {
    after: 'stem',
    weight,
    features: (net, x) =>
      net.globalAverage(net.conv('aux.conv', x, {out: 3, kernel: 1, norm: 'aux.norm', activation: 'relu'})),
    output: (net, x) => net.linear('aux.fc', x, {out: 1000}),
  },
});

function withHeads(action: (classifier: Classifier) => void): void {
  const {numTensors} = tf.memory();
  const backbone = Backbone.random(helped, 1, 'stages and auxiliary');
  const second = new Head(helped.auxiliaryShape(), classes, {dropout: 0}, 1, 'auxiliary');
  const head = new Head(helped.featureShape, classes, {dropout: 0}, 1);
  const classifier = new Classifier(backbone, head, 0, second);
  action(classifier);
  classifier.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
}

const labels = Int32Array.from([0, 1, 2, 1]);
const photos = () => tf.randomUniform([4, 8, 8, 3], 0, 1, 'float32', 1);

test('the loss is that of the logits and, by its weight, that of the auxiliary ones', () => {
  withHeads((classifier) => {
    const x = photos();
    const criteria: number[] = [];
    const pass = classifier.forTraining({});
    const {value, grads} = gradients(
      () => {
        const result = pass.loss(x, (logits) => {
          const loss = crossEntropy(logits, labels);
          criteria.push(loss.dataSync()[0]);
          return loss;
        });
        assert.deepEqual(result.logits.shape, [4, classes]);
        return result.loss;
      },
      [...classifier.trainable().values()].map(({variable}) => variable),
    );
    pass.applyUpdates();
    assert.equal(criteria.length, 2);
    assert.ok(Math.abs(value.dataSync()[0] - (criteria[0] + weight * criteria[1])) < 1e-6);
    tf.dispose([x, value, grads]);
  });
});

test('a step moves the features of the auxiliary classifier and both heads; all are stored and restored', () => {
  withHeads((classifier) => {
    const before = classifier.state();
    assert.deepEqual(
      before.map(({name}) => name).filter((name) => /^(aux|head)/.test(name)),
      [
        'aux.conv.weight',
        'aux.norm.weight',
        'aux.norm.bias',
        'aux.norm.running_mean',
        'aux.norm.running_var',
        'head.0.weight',
        'head.0.bias',
        'auxiliary.0.weight',
        'auxiliary.0.bias',
      ],
    );
    const x = photos();
    const stepper = new Stepper(classifier, {optimizer: sgd({learningRate: 1, momentum: 0})});
    stepper.step(x, labels, () => 0.5, 1, 1);
    stepper.dispose();
    x.dispose();
    const standing = classifier
      .state()
      .filter(({values}, i) => values.every((value, at) => value === before[i].values[at]));
    assert.deepEqual(
      standing.map(({name}) => name),
      [],
    );
    classifier.restore(before);
    assert.deepEqual(classifier.state(), before);
  });
});

test('where nothing in front of it trains an auxiliary head is refused', () => {
  withHeads(({backbone, head, auxiliary}) => {
    assert.throws(
      () => new Classifier(backbone, head, 1, auxiliary),
      (error) =>
        error instanceof LabError &&
        /nothing in front of it trains \(1 stages are frozen\)/.test(error.message),
    );
  });
  assert.throws(() => tiny.auxiliaryShape(), /tiny has no auxiliary classifier/);
});

test('Inception v3: new heads with as many outputs as classes, the second on Mixed_6e, and one step moves both', () => {
  const {numTensors} = tf.memory();
  const architecture = findArchitecture('inception_v3');
  assert.deepEqual(architecture.auxiliaryShape(), [768]);
  assert.deepEqual(
    [architecture, architecture.at(224), tiny].map((each) => each.hasAuxiliary()),
    [true, false, false],
  );
  assert.notEqual(architecture.at(224).fingerprint(), architecture.fingerprint());
  assert.throws(
    () => architecture.at(224).auxiliaryShape(),
    /AuxLogits\.conv1\.conv: a picture of 3 x 3 is too small/,
  );
  const heads = [
    new Head(architecture.featureShape, classes, {}, 1),
    new Head(architecture.auxiliaryShape(), classes, {dropout: 0}, 1, 'auxiliary'),
  ];
  const backbone = Backbone.random(architecture, 1, 'stages and auxiliary');
  const classifier = new Classifier(backbone, heads[0], 0, heads[1]);
  assert.ok(!backbone.weights.has('fc.weight') && !backbone.weights.has('AuxLogits.fc.weight'));
  const watched = ['AuxLogits.conv1.bn.weight', 'Mixed_7c.branch1x1.conv.weight', 'auxiliary.0.weight'];
  const read = () => {
    const state = new Map(classifier.state().map(({name, values}) => [name, values[0]]));
    return watched.map((name) => state.get(name)!);
  };
  const before = read();
  const x = tf.randomUniform([2, 299, 299, 3], -1, 1, 'float32', 1);
  const stepper = new Stepper(classifier, {optimizer: sgd({learningRate: 0.1, momentum: 0})});
  assert.ok(Number.isFinite(stepper.step(x, Int32Array.from([0, 2]), () => 0.5, 1, 1).loss));
  read().forEach((value, i) => assert.notEqual(value, before[i], watched[i]));
  stepper.dispose();
  classifier.dispose();
  x.dispose();
  assert.equal(tf.memory().numTensors, numTensors);
});
