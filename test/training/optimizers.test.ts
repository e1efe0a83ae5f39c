import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {tf, type Tensor} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {
  adam,
  adamw,
  balancedWeights,
  crossEntropy,
  type CrossEntropyOptions,
  Optimizer,
  type OptimizerOptions,
  sgd,
} from '../../lib/training';

interface Expected {
  parameter: number[];
  gradients: number[][];
  factors: number[];
  optimizers: {options: OptimizerOptions; values: number[][]}[];
  logits: number[];
  labels: number[];
  losses: {options: CrossEntropyOptions; loss: number; gradient: number[]}[];
}

const expected = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'optimizers.json'), 'utf8')) as Expected;

function assertClose(actual: ArrayLike<number>, wanted: number[], what: string): void {
  assert.equal(actual.length, wanted.length, what);
  wanted.forEach((value, i) => {
    const tolerance = 1e-6 + 2e-6 * Math.abs(value);
    assert.ok(Math.abs(actual[i] - value) <= tolerance, `${what}[${i}]: ${actual[i]}, PyTorch has ${value}`);
  });
}

for (const {options, values} of expected.optimizers) {
  test(`as torch.optim over ${values.length} steps: ${JSON.stringify(options)}`, () => {
    const {numTensors} = tf.memory();
    const variable = tf.tidy(() => tf.variable(tf.tensor(expected.parameter)));
    const optimizer = new Optimizer(options, new Map([['parameter', {variable, part: 'head'}]]));
    values.forEach((wanted, index) => {
      const gradient = tf.tensor(expected.gradients[index]);
      optimizer.step({[variable.name]: gradient}, {factor: expected.factors[index], count: index + 1});
      gradient.dispose();
      assertClose(variable.dataSync(), wanted, `step ${index + 1}`);
    });
    optimizer.dispose();
    variable.dispose();
    assert.equal(tf.memory().numTensors, numTensors);
  });
}

for (const {options, loss, gradient} of expected.losses) {
  test(`as torch.nn.CrossEntropyLoss, value and gradient: ${JSON.stringify(options)}`, () => {
    const {numTensors} = tf.memory();
    const labels = Int32Array.from(expected.labels);
    const logits = tf.tensor2d(expected.logits, [labels.length, expected.logits.length / labels.length]);
    const {value, grad} = tf.valueAndGrad((x: Tensor) => crossEntropy(x, labels, options))(logits);
    assertClose(value.dataSync(), [loss], 'loss');
    assertClose(grad.dataSync(), gradient, 'gradient');
    tf.dispose([logits, value, grad]);
    assert.equal(tf.memory().numTensors, numTensors);
  });
}

test('balanced weights: each class weighs the same in all, with a mean of 1 over the photos', () => {
  const labels = [0, 0, 0, 0, 0, 0, 1, 1, 2];
  const weights = balancedWeights(labels, 3);
  assert.deepEqual(weights, [0.5, 1.5, 3]);
  const mean = labels.reduce((sum, label) => sum + weights[label], 0) / labels.length;
  assert.equal(mean, 1);
  assert.deepEqual(balancedWeights([0, 0, 2], 3), [0.5, 0, 1], 'a class without photos weighs nothing');
});

test('optimizers are plain data with every default written out', () => {
  assert.deepEqual(
    [sgd({learningRate: 0.1}), adam({learningRate: 0.1}), adamw({learningRate: {backbone: 1, head: 2}})],
    [
      {kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0, learningRate: 0.1},
      {kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, learningRate: 0.1},
      {
        kind: 'adamw',
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0.01,
        learningRate: {backbone: 1, head: 2},
      },
    ],
  );
});

test('values that cannot be are named', () => {
  const logits = tf.zeros([2, 3]);
  const labels = Int32Array.of(0, 1);
  const wrong: [() => unknown, RegExp][] = [
    [
      () => adam({learningRate: null as unknown as number}),
      /^LabError: adam: a learningRate of null cannot be/,
    ],
    [() => adam({} as {learningRate: number}), /^LabError: adam: a learningRate of undefined cannot be/],
    [() => sgd({learningRate: -0.1}), /^LabError: sgd: a learningRate of -0.1 cannot be\. Give a number/],
    [() => adam({learningRate: NaN}), /adam: a learningRate of NaN/],
    [() => adamw({learningRate: {backbone: 1e-4, head: -1}}), /adamw: a learningRate\.head of -1 /],
    [() => sgd({learningRate: 0.1, weightDecay: -1}), /sgd: a weightDecay of -1/],
    [() => sgd({learningRate: 0.1, momentum: 1}), /sgd: a momentum of 1 is not in \[0, 1\)/],
    [() => sgd({learningRate: 0.1, momentum: 0, nesterov: true}), /sgd: .*nesterov.*momentum/],
    [() => adam({learningRate: 0.1, beta1: 1.2}), /adam: a beta1 of 1.2/],
    [() => adamw({learningRate: 0.1, beta2: -0.5}), /adamw: a beta2 of -0.5/],
    [() => adam({learningRate: 0.1, epsilon: -1e-8}), /adam: a epsilon of -1e-8/],
    [() => crossEntropy(logits, labels, {labelSmoothing: 1}), /label smoothing of 1 is not in \[0, 1\)/],
    [() => crossEntropy(logits, labels, {labelSmoothing: -0.1}), /label smoothing of -0.1/],
    [() => crossEntropy(logits, labels, {classWeights: [1, 1]}), /2 class weights .*3 classes/],
    [() => crossEntropy(logits, labels, {classWeights: [1, -2, 1]}), /class weight.* -2/],
  ];
  for (const [action, message] of wrong) {
    assert.throws(
      action,
      (error) => error instanceof LabError && message.test(String(error)),
      String(message),
    );
  }
  logits.dispose();
});
