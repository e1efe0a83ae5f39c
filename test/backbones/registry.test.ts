/** One harness over the whole registry: what every backbone must do, whatever its architecture. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import {
  architectureNames,
  Backbone,
  findArchitecture,
  type ParameterSpec,
  Weights,
} from '../../lib/backbones';
import {openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {tf, type Tensor} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {Classifier, Head} from '../../lib/heads';
import {fnv1a, mulberry32} from '../../lib/random';
import {sgd, Stepper} from '../../lib/training';
import {temporaryFolder} from '../ending';

const classes = 3;
const labels = Int32Array.from([0, 2]);

/** Two sizes of photos for each network; those whose sequences are as long as their position embeddings take one alone. */
const sizes: Record<string, number[]> = {
  alexnet: [64, 96],
  inception_v3: [96, 128],
  vit_b_16: [224],
  deit_tiny_patch16_224: [224],
};
const sizesOf = (name: string) => sizes[name] ?? [64, 96];

/** Weights near those that networks begin with, drawn quickly: the largest network has 86 million. */
function quickValues({name, shape}: ParameterSpec): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1);
  if (shape.length === 1) return new Float32Array(size).fill(/(weight|running_var)$/.test(name) ? 1 : 0);
  const random = mulberry32(fnv1a(name));
  const some = Float32Array.from({length: Math.min(size, 4099)}, () => 2 * random() - 1);
  const bound = Math.sqrt(6 / (size / shape[0]));
  return Float32Array.from({length: size}, (_, i) => bound * some[i % some.length]);
}

const made = (name: string) => {
  const architecture = findArchitecture(name);
  return new Backbone(architecture, new Weights(architecture.parameters(), quickValues));
};

function photos(size: number): Tensor {
  const random = mulberry32(size);
  return tf.tensor(
    Float32Array.from({length: 2 * size * size * 3}, () => 2 * random() - 1),
    [2, size, size, 3],
  );
}

/** Asserts that an action leaves no tensor behind. */
function withoutLeaks(action: () => void): void {
  const {numTensors} = tf.memory();
  action();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
}

/** The bits of the backbone's tensors by name. */
const bitsOf = ({weights}: Backbone) =>
  new Map(weights.names().map((name) => [name, Buffer.from(weights.read(name).values.buffer.slice(0))]));

function trainOneStep(classifier: Classifier, x: Tensor): void {
  const stepper = new Stepper(classifier, {optimizer: sgd({learningRate: 1, momentum: 0})});
  const {loss} = stepper.step(x, labels, mulberry32(1), 1, 1);
  stepper.dispose();
  assert.ok(Number.isFinite(loss), `loss ${loss}`);
}

for (const name of architectureNames) {
  const [size] = sizesOf(name);
  const architecture = findArchitecture(name);
  const {stages} = architecture;

  test(`${name}: every stage has the shapes that its summary states, at each size`, () => {
    withoutLeaks(() => {
      const backbone = made(name);
      const net = backbone.inference();
      for (const side of sizesOf(name)) {
        const summary = architecture.summary(side);
        tf.tidy(() => {
          let map = photos(side);
          for (const [i, {stage, output}] of summary.entries()) {
            map = backbone.run(net, map, {from: i, to: i + 1});
            assert.deepEqual(map.shape, [2, ...output], `${stage} at ${side}`);
          }
          const features = backbone.pool(net, map);
          assert.deepEqual(features.shape, [2, ...architecture.featureShape]);
          assert.ok(
            features.dataSync().every((value) => Number.isFinite(value)),
            'finite features',
          );
        });
      }
      net.dispose();
      backbone.dispose();
    });
  });

  test(`${name}: cut in the middle it computes what the whole computes up to there`, () => {
    withoutLeaks(() => {
      const middle = Math.floor(stages.length / 2);
      const whole = made(name);
      const part = made(`${name}:${stages[middle - 1].name}`);
      const [x, nets] = [photos(size), [whole.inference(), part.inference()]];
      tf.tidy(() => {
        const [expected, actual] = [whole.run(nets[0], x, {to: middle}), part.run(nets[1], x)];
        assert.deepEqual(actual.dataSync(), expected.dataSync());
        assert.deepEqual(part.pool(nets[1], actual).shape, [2, ...part.architecture.featureShape]);
      });
      nets.forEach((net) => net.dispose());
      [whole, part].forEach((backbone) => backbone.dispose());
      x.dispose();
    });
  });

  test(`${name}: a new head; frozen stages stand still to the bit, the others move; saved and loaded it is the same`, (t) => {
    withoutLeaks(() => {
      const frozen = stages.length - Math.min(2, stages.length - 1);
      const head = () => new Head(architecture.featureShape, classes, {dropout: 0.1}, 1);
      const classifier = new Classifier(made(name), head(), frozen);
      const x = photos(size);
      const net = classifier.backbone.inference();
      const map = tf.tidy(() => classifier.backbone.run(net, x, {to: frozen}));
      net.dispose();
      const before = bitsOf(classifier.backbone);
      trainOneStep(classifier, map);

      const still = new Set(
        architecture
          .summary()
          .slice(0, frozen)
          .flatMap(({tensors}) => tensors),
      );
      for (const [tensor, bits] of bitsOf(classifier.backbone)) {
        const moved = !bits.equals(before.get(tensor)!);
        if (still.has(tensor)) assert.ok(!moved, `${tensor} is frozen and has moved`);
        else if (!/relative_position_index|attn_mask/.test(tensor) && /weight$|running/.test(tensor))
          assert.ok(moved, `${tensor} is not frozen and stands still`);
      }

      const file = join(temporaryFolder(t), 'classifier.safetensors');
      const other = new Classifier(made(name), head(), frozen);
      writeSafetensors(file, classifier.state());
      const checkpoint = openCheckpoint(file);
      other.restore(
        [...checkpoint.tensors.values()].map((tensor) => ({name: tensor.name, values: tensor.values()})),
      );
      checkpoint.close();
      const logits = [classifier, other].map((each) => {
        const inference = each.forInference();
        const output = inference.logits(map);
        const values = output.dataSync();
        assert.deepEqual(output.shape, [2, classes]);
        output.dispose();
        inference.dispose();
        return values;
      });
      assert.deepEqual(logits[1], logits[0]);
      tf.dispose([x, map]);
      [classifier, other].forEach((each) => each.dispose());
    });
  });

  test(`${name}: unfrozen, all of it moves`, () => {
    withoutLeaks(() => {
      const classifier = new Classifier(made(name), new Head(architecture.featureShape, classes, {}, 1), 0);
      const x = photos(size);
      const before = bitsOf(classifier.backbone);
      trainOneStep(classifier, x);
      const after = bitsOf(classifier.backbone);
      const standing = classifier.backbone
        .trainable()
        .filter((tensor) => /weight$/.test(tensor) && after.get(tensor)!.equals(before.get(tensor)!));
      assert.deepEqual(standing, []);
      x.dispose();
      classifier.dispose();
    });
  });
}

test('a misspelt name is answered with the nearest, an unknown stage with all', () => {
  assert.throws(() => findArchitecture('mobilnet_v2'), /Did you mean mobilenet_v2/);
  assert.throws(
    () => findArchitecture('resnet18:layer9'),
    (error) => error instanceof LabError && /layer4/.test(error.message),
  );
});
