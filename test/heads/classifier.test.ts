import assert from 'node:assert/strict';
import test from 'node:test';
import {tf, type Tensor} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {Classifier} from '../../lib/heads';
import {constant, sgd, train} from '../../lib/training';
import {type ClassifierOptions, noisePhotos, tiny, tinyClassifier} from '../training/fixtures/tiny';

const stages = tiny.stages.length;

/** The network's tensors by name: all of the backbone's, and the head's. */
function tensorsOf({backbone, head}: Classifier): Map<string, number[]> {
  const all = [backbone.weights, head.weights].flatMap((weights) =>
    weights.names().map((name) => weights.read(name)),
  );
  return new Map(all.map(({name, values}) => [name, [...values]]));
}

async function withClassifier(
  options: ClassifierOptions,
  action: (classifier: Classifier) => Promise<void> | void,
): Promise<void> {
  const {numTensors} = tf.memory();
  const classifier = tinyClassifier(options);
  await action(classifier);
  classifier.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
}

/** What the frozen stages make of photos. */
function inputs({backbone, frozen}: Classifier, photos: Tensor): Tensor {
  const net = backbone.inference();
  const output = tf.tidy(() => {
    const map = backbone.run(net, photos, {to: frozen});
    return frozen === stages ? backbone.pool(net, map) : map.clone();
  });
  net.dispose();
  return output;
}

/** A source of what the frozen stages make of noise. */
function frozenNoise(classifier: Classifier, count: number) {
  const photos = noisePhotos(count);
  return {
    ...photos,
    async *batches(epoch: number | 'evaluation') {
      for await (const {x, labels} of photos.batches(epoch)) {
        const output = inputs(classifier, x);
        x.dispose();
        yield {x: output, labels};
      }
    },
  };
}

for (let frozen = 0; frozen <= stages; frozen++) {
  test(`with ${frozen} stages frozen these stand still to the last bit, running statistics included; the rest moves`, async () => {
    await withClassifier({frozen}, async (classifier) => {
      const before = tensorsOf(classifier);
      const data = {train: frozenNoise(classifier, 16), val: frozenNoise(classifier, 6)};
      const optimizer = sgd({learningRate: 0.1, weightDecay: 0.1});
      await train(classifier, data, {optimizer, schedule: constant(), epochs: 1, seed: 1});

      const still = new Set(
        tiny
          .summary()
          .slice(0, frozen)
          .flatMap((stage) => stage.tensors),
      );
      for (const [name, values] of tensorsOf(classifier)) {
        assert.equal(
          values.every((value, i) => value === before.get(name)![i]),
          still.has(name),
          name,
        );
      }
      assert.equal(classifier.isFrozen, frozen === stages);
      const trainable = [...classifier.trainable().keys()];
      assert.ok(trainable.every((name) => !still.has(name) && !name.includes('running_')));
    });
  });

  test(`with ${frozen} stages frozen the logits are the head's on the whole backbone's features`, async () => {
    await withClassifier({frozen}, (classifier) => {
      const {backbone, head} = classifier;
      const photos = tf.randomUniform([4, 8, 8, 3], 0, 1, 'float32', 1);
      const x = inputs(classifier, photos);
      const network = classifier.forInference();
      const logits = network.logits(x);
      const features = backbone.features(photos);
      tf.tidy(() => {
        const weight = tf.tensor(head.weights.read('head.0.weight').values, [3, tiny.featureShape[0]]);
        const product = tf.matMul(features, tf.transpose(weight));
        const expected = tf.add(product, tf.tensor(head.weights.read('head.0.bias').values));
        const difference = tf.max(tf.abs(tf.sub(logits, expected))).dataSync()[0];
        assert.ok(difference < 1e-5, `${difference}`);
      });
      network.dispose();
      tf.dispose([photos, x, logits, features]);
    });
  });
}

test('state holds what differs from the pretrained weights, and restore puts it back', async () => {
  await withClassifier({frozen: 1, seed: 1}, async (classifier) => {
    const state = classifier.state();
    assert.deepEqual(
      state.map(({name}) => name),
      [
        'middle.weight',
        'middle.norm.weight',
        'middle.norm.bias',
        'middle.norm.running_mean',
        'middle.norm.running_var',
        'last.weight',
        'last.bias',
        'head.0.weight',
        'head.0.bias',
      ],
    );
    assert.deepEqual(state[0].shape, [6, 4, 3, 3], "PyTorch's layout");
    await withClassifier({frozen: 1, seed: 2}, (other) => {
      assert.notDeepEqual(other.state(), state);
      other.restore(state);
      assert.deepEqual(other.state(), state);
    });
  });
});

test('a tensor of another network is named', async () => {
  await withClassifier({}, (classifier) => {
    assert.throws(
      () => classifier.restore([{name: 'layer9.weight', values: new Float32Array(1)}]),
      (error) => error instanceof LabError && /no tensor named layer9\.weight/.test(error.message),
    );
  });
});

test('a number of frozen stages that the backbone does not have is named', () => {
  const {numTensors} = tf.memory();
  for (const frozen of [-1, 1.5, stages + 1]) {
    const classifier = tinyClassifier();
    assert.throws(
      () => new Classifier(classifier.backbone, classifier.head, frozen),
      (error) =>
        error instanceof LabError && error.message === `tiny: cannot freeze ${frozen} stages. Give 0 to 3.`,
    );
    classifier.dispose();
  }
  assert.equal(tf.memory().numTensors, numTensors);
});
