import assert from 'node:assert/strict';
import test from 'node:test';
import {InferenceNet, TrainingNet} from '../../lib/backbones';
import {tf, type Tensor} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {Head, type HeadOptions} from '../../lib/heads';
import {mulberry32} from '../../lib/random';

/** Runs an action on a head that is disposed after it, and asserts that nothing of it is left. */
function withHead(options: HeadOptions | undefined, action: (head: Head) => void, seed = 1): void {
  const {numTensors} = tf.memory();
  const head = new Head([10], 3, options, seed);
  action(head);
  head.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
}

const valuesOf = (head: Head) => head.weights.names().map((name) => head.weights.read(name));

test('a head is a linear layer, and a hidden layer with ReLU in front of it for each width', () => {
  withHead({hidden: [8, 4]}, (head) => {
    assert.deepEqual(
      valuesOf(head).map(({name, shape}) => [name, shape]),
      [
        ['head.0.weight', [8, 10]],
        ['head.0.bias', [8]],
        ['head.1.weight', [4, 8]],
        ['head.1.bias', [4]],
        ['head.2.weight', [3, 4]],
        ['head.2.bias', [3]],
      ],
    );
    tf.tidy(() => {
      const net = new InferenceNet(head.weights);
      const x = tf.randomNormal([5, 10], 0, 1, 'float32', 1);
      const [w0, b0, w1, b1, w2, b2] = valuesOf(head).map(({values, shape}) => tf.tensor(values, shape));
      const layer = (input: Tensor, weight: Tensor, bias: Tensor) =>
        tf.add(tf.matMul(input, tf.transpose(weight)), bias);
      const expected = layer(tf.relu(layer(tf.relu(layer(x, w0, b0)), w1, b1)), w2, b2);
      const difference = tf.max(tf.abs(tf.sub(head.logits(net, x), expected))).dataSync()[0];
      assert.ok(difference < 1e-6, `${difference}`);
    });
  });
});

test('a BatchNorm stands between each hidden layer and its ReLU, and begins as the identity', () => {
  withHead({hidden: [8], batchNorm: true, dropout: 0}, (head) => {
    assert.deepEqual(head.weights.names(), [
      ...['head.0.weight', 'head.0.bias'],
      ...['weight', 'bias', 'running_mean', 'running_var'].map((part) => `head.0.norm.${part}`),
      ...['head.1.weight', 'head.1.bias'],
    ]);
    const values = Object.fromEntries(
      valuesOf(head).map((each) => [each.name, tf.tensor(each.values, each.shape)]),
    );
    const layer = (x: Tensor, at: number) =>
      tf.add(tf.matMul(x, values[`head.${at}.weight`], false, true), values[`head.${at}.bias`]);
    const difference = (a: Tensor, b: Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0];
    tf.tidy(() => {
      const x = tf.randomNormal([6, 10], 1, 2, 'float32', 1);
      const hidden = layer(x, 0);
      const {mean, variance} = tf.moments(hidden, 0);
      const normalised = tf.div(tf.sub(hidden, mean), tf.sqrt(tf.add(variance, 1e-5)));
      const training = new TrainingNet(head.weights);
      assert.ok(difference(head.logits(training, x), layer(tf.relu(normalised), 1)) < 1e-5);
      const before = new InferenceNet(head.weights);
      assert.ok(difference(head.logits(before, x), layer(tf.relu(hidden), 1)) < 1e-4);
      before.dispose();
      training.applyUpdates();
      const moved = tf.tensor(head.weights.read('head.0.norm.running_mean').values);
      assert.ok(difference(moved, tf.mul(mean, 0.1)) < 1e-6);
    });
    tf.dispose(values);
  });
});

test("initial values are PyTorch's: uniform within 1 / sqrt(fan in), weights and biases alike", () => {
  const {numTensors} = tf.memory();
  const fanIns = [400, 100];
  const head = new Head([fanIns[0]], 50, {hidden: [fanIns[1]]}, 1);
  for (const {name, values} of valuesOf(head)) {
    const bound = 1 / Math.sqrt(fanIns[Number(name.split('.')[1])]);
    const largest = Math.max(...values.map(Math.abs));
    assert.ok(largest <= bound && largest > 0.9 * bound, `${name}: ${largest}, bound ${bound}`);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.ok(Math.abs(mean) < (3 * bound) / Math.sqrt(3 * values.length), `${name}: mean ${mean}`);
  }
  head.dispose();
  assert.equal(tf.memory().numTensors, numTensors);
});

test('the seed determines the initial values', () => {
  const values = [1, 1, 2].map((seed) => {
    let found: number[] = [];
    withHead(undefined, (head) => (found = valuesOf(head).flatMap((tensor) => [...tensor.values])), seed);
    return found;
  });
  assert.deepEqual(values[0], values[1]);
  assert.notDeepEqual(values[0], values[2]);
});

test('dropout works in training alone, drops its share and keeps the mean', () => {
  const {numTensors} = tf.memory();
  const [features, rate] = [4000, 0.25];
  const head = new Head([features], 2, {dropout: rate});
  head.weights.set('head.0.weight', new Float32Array(2 * features).fill(1));
  head.weights.set('head.0.bias', new Float32Array(2));
  const sums = (net: InferenceNet | TrainingNet) => {
    const logits = tf.tidy(() => head.logits(net, tf.ones([3, features])));
    const values = [...logits.dataSync()];
    logits.dispose();
    return values;
  };
  assert.deepEqual(sums(new InferenceNet(head.weights)), new Array(6).fill(features));
  const drawn = sums(new TrainingNet(head.weights, {random: mulberry32(1)}));
  assert.ok(drawn.every((sum) => Math.abs(sum / features - 1) < 0.05));
  assert.equal(new Set(drawn).size, 3, 'each photo has a mask of its own');
  head.dispose();
  assert.equal(tf.memory().numTensors, numTensors);
});

test('a head without dropout draws nothing', () => {
  withHead({dropout: 0}, (head) => {
    const net = new TrainingNet(head.weights, {random: () => assert.fail('drawn')});
    tf.dispose(tf.tidy(() => head.logits(net, tf.ones([2, 10]))));
  });
});

test('values that cannot be are named', () => {
  const wrong: [() => unknown, RegExp][] = [
    [() => new Head([10], 3, {dropout: 1}), /^LabError: head: a dropout of 1 is not in \[0, 1\)/],
    [() => new Head([10], 3, {dropout: -0.1}), /a dropout of -0.1/],
    [() => new Head([10], 3, {dropout: NaN}), /a dropout of NaN/],
    [() => new Head([10], 3, {hidden: [16, 0]}), /a hidden layer of width 0 /],
    [() => new Head([10], 3, {hidden: [2.5]}), /a hidden layer of width 2\.5/],
    [() => new Head([10], 1), /1 class is too few/],
  ];
  for (const [action, message] of wrong) {
    assert.throws(
      action,
      (error) => error instanceof LabError && message.test(String(error)),
      String(message),
    );
  }
});

test('on a map its layers are 1x1 convolutions with ReLU, and the logits their mean over the map', () => {
  const {numTensors} = tf.memory();
  const head = new Head([2, 3, 4], 3, {hidden: [5], dropout: 0.5}, 1);
  assert.deepEqual(
    valuesOf(head).map(({name, shape}) => [name, shape]),
    [
      ['head.0.weight', [5, 4, 1, 1]],
      ['head.0.bias', [5]],
      ['head.1.weight', [3, 5, 1, 1]],
      ['head.1.bias', [3]],
    ],
  );
  tf.tidy(() => {
    const net = new InferenceNet(head.weights);
    const x = tf.randomNormal([2, 2, 3, 4], 0, 1, 'float32', 1);
    const [w0, b0, w1, b1] = valuesOf(head).map(({values, shape}) => tf.tensor(values, shape.slice(0, 2)));
    const layer = (input: Tensor, weight: Tensor, bias: Tensor) =>
      tf.relu(tf.add(tf.matMul(input, tf.transpose(weight)), bias));
    const places = layer(layer(tf.reshape(x, [12, 4]), w0, b0), w1, b1);
    const expected = tf.mean(tf.reshape(places, [2, 6, 3]), 1);
    const difference = tf.max(tf.abs(tf.sub(head.logits(net, x), expected))).dataSync()[0];
    assert.ok(difference < 1e-6, `${difference}`);
    net.dispose();
  });
  head.dispose();
  assert.equal(tf.memory().numTensors, numTensors);
});
