import assert from 'node:assert/strict';
import test from 'node:test';
import {Backbone, findArchitecture, network} from '../../lib/backbones';
import {gradients, isNarrow, type Precision, tf, type Tensor} from '../../lib/engine';
import {WholeNetwork} from '../../lib/heads';
import {mulberry32} from '../../lib/random';
import {sgd, Stepper} from '../../lib/training';
import {crossEntropy} from '../../lib/training/losses';

const precisions: Precision[] = ['float32', 'bfloat16'];

function photos(size: number): Tensor {
  const random = mulberry32(size);
  const values = Float32Array.from({length: 2 * size * size * 3}, () => 2 * random() - 1);
  return tf.tensor(values, [2, size, size, 3]);
}

/** Of two lists of numbers: how far they are apart, as a share of the first's length, and the cosine between them. */
function compare(a: readonly Float32Array[], b: readonly Float32Array[]) {
  let [aa, bb, ab, apart] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < a[i].length; j++) {
      const [x, y] = [a[i][j], b[i][j]];
      aa += x * x;
      bb += y * y;
      ab += x * y;
      apart += (x - y) ** 2;
    }
  }
  return {difference: Math.sqrt(apart / aa), cosine: ab / Math.sqrt(aa * bb)};
}

/**
 * Networks of several kinds at a size that is quick, and the cosine of their gradients. A BatchNorm with the statistics of
 * two photos makes much of little: noise of 2^-9 on the photos alone turns ResNet-18's gradient in float32 by a cosine of 0.985.
 */
const networks: [string, number, number][] = [
  ['squeezenet1_1', 96, 0.99],
  ['resnet18', 96, 0.9],
  ['efficientnet_b0', 96, 0.95],
  ['deit_tiny_patch16_224', 224, 0.99],
];

for (const [name, size, least] of networks) {
  test(`${name} in bfloat16: logits and gradients near float32's`, () => {
    const {numTensors} = tf.memory();
    const architecture = findArchitecture(name);
    const backbone = Backbone.formula(architecture);
    const x = photos(size);
    const labels = Int32Array.from([0, 1]);
    const logits: Float32Array[] = [];
    const slopes: Float32Array[][] = [];
    for (const precision of precisions) {
      const network = WholeNetwork.original(backbone.in(precision));
      const inference = network.forInference();
      const given = inference.logits(x);
      assert.ok(!isNarrow(given));
      logits.push(given.dataSync() as Float32Array);
      given.dispose();
      inference.dispose();

      const pass = network.forTraining({});
      const variables = [...network.trainable().values()].map(({variable}) => variable);
      const {value, grads} = gradients(
        () => pass.loss(x, (each) => crossEntropy(each, labels, {})).loss,
        variables,
      );
      slopes.push(variables.map((variable) => grads[variable.name].dataSync() as Float32Array));
      tf.dispose([value, grads]);
      pass.dispose();
    }
    x.dispose();
    backbone.dispose();
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');

    const {difference} = compare([logits[0]], [logits[1]]);
    const {cosine} = compare(slopes[0], slopes[1]);
    assert.ok(difference > 0 && difference <= 2e-2, `logits differ by ${difference}`);
    assert.ok(cosine > least, `the gradients' cosine is ${cosine}`);
  });
}

test('training in bfloat16 reaches what float32 reaches', () => {
  const definition = network({
    name: 'small',
    size: 16,
    build: (net, images) => {
      const first = net.conv('1', images, {out: 8, kernel: 3, stride: 2, norm: '1.norm', activation: 'relu'});
      const grouped = net.conv('2', first, {
        out: 16,
        kernel: 3,
        groups: 4,
        norm: '2.norm',
        activation: 'relu',
      });
      return net.linear('out', net.globalAverage(grouped), {out: 2});
    },
  });
  const labels = Int32Array.from({length: 16}, (_, i) => i % 2);
  const random = mulberry32(1);
  // Pictures of the second class have stripes under the noise.
  const values = Float32Array.from(
    {length: 16 * 16 * 16 * 3},
    (_, i) => random() - 0.5 + (labels[Math.floor(i / 768)] * (Math.floor(i / 48) % 2)) / 2,
  );
  const losses = precisions.map((precision) => {
    const {numTensors} = tf.memory();
    const learner = WholeNetwork.random(definition, 1, precision);
    const stepper = new Stepper(learner, {optimizer: sgd({learningRate: 0.05})});
    const x = tf.tensor(values, [16, 16, 16, 3]);
    const steps = Array.from({length: 30}, (_, i) => stepper.step(x, labels, random, 1, i + 1).loss);
    x.dispose();
    stepper.dispose();
    learner.dispose();
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
    return steps;
  });
  const [single, narrow] = losses;
  assert.notDeepEqual(narrow, single);
  assert.ok(single[29] < 0.2 * single[0], `float32 went from ${single[0]} to ${single[29]}`);
  assert.ok(narrow[29] < 0.2 * narrow[0], `bfloat16 went from ${narrow[0]} to ${narrow[29]}`);
});
