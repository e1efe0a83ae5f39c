/** Every architecture against what PyTorch computes (fixtures/make.py), forward and backward. */
import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Backbone, findArchitecture, pretrainedWeights} from '../../lib/backbones';
import {batches, type BatchItem} from '../../lib/batches';
import {formulaBackbone, formulaPhotos} from '../../bench/formula';
import {formulaProbe} from '../../lib/checkpoints';
import {PhotoFile} from '../../lib/pictures';
import {unzip} from '../../lib/datasets';
import {gradients, inDoublePrecision, tf, type Tensor} from '../../lib/engine';
import {WholeNetwork} from '../../lib/heads';
import {crossEntropy} from '../../lib/training';
import {temporaryFolder} from '../ending';

/** L2 norm of a gradient, and its dot product with a probe. */
type Fingerprint = [norm: number, probe: number];

interface Network {
  size: number;
  logits: number[];
  loss: number;
  parameters: number;
  gradients: Record<string, Fingerprint>;
}

interface Fixture {
  salt: string;
  labels: number[];
  networks: Record<string, Network>;
  pretrained: Record<string, {size: number; features: number[]}>;
}

const expected = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'pytorch.json'), 'utf8')) as Fixture;
const labels = Int32Array.from(expected.labels);

/** Every n-th value of each row, as the fixture has them. */
function thinned(matrix: Tensor, every: number): number[] {
  const [, columns] = matrix.shape;
  return [...matrix.dataSync()].filter((_, i) => (i % columns) % every === 0);
}

function relativeError(actual: number[], wanted: number[]): number {
  assert.equal(actual.length, wanted.length);
  return Math.hypot(...actual.map((value, i) => value - wanted[i])) / Math.hypot(...wanted);
}

function fingerprint(gradient: Float32Array, probe: Float64Array): Fingerprint {
  let [squares, product] = [0, 0];
  gradient.forEach((value, i) => {
    squares += value ** 2;
    product += value * probe[i];
  });
  return [Math.sqrt(squares), product];
}

/** How far a gradient is from PyTorch's, by that one's norm; one that is nothing but rounding is measured by the largest. */
function gradientError(actual: Fingerprint, wanted: Fingerprint, largest: number): number {
  const scale = wanted[0] < 1e-6 * largest ? largest : wanted[0];
  return Math.max(...actual.map((value, i) => Math.abs(value - wanted[i]) / scale));
}

interface Differences {
  logits: number;
  loss: number;
  /** Of the gradient that is furthest off, and which that is. */
  gradient: number;
  furthest: string;
}

/** How far a network of formula weights is from PyTorch's, forward and backward. */
function compare(backbone: Backbone, wanted: Network): Differences {
  const {weights} = backbone;
  const x = formulaPhotos([2, 3, wanted.size, wanted.size], expected.salt);
  const learner = WholeNetwork.original(backbone);
  const inference = learner.forInference();
  const logits = tf.tidy(() => thinned(inference.logits(x), 97));
  inference.dispose();

  const pass = learner.forTraining({});
  const trainable = [...learner.trainable().keys()];
  const {value, grads} = gradients(
    () => pass.loss(x, (output) => crossEntropy(output, labels)).loss,
    trainable.map((tensor) => weights.get(tensor)),
  );
  pass.applyUpdates();
  const loss = value.dataSync()[0];

  assert.deepEqual(Object.keys(wanted.gradients).sort(), trainable.toSorted());
  const largest = Math.max(...Object.values(wanted.gradients).map(([norm]) => norm));
  let [gradient, furthest] = [0, ''];
  for (const tensor of trainable) {
    const slope = weights.inPyTorchLayout(tensor, grads[weights.get(tensor).name]);
    const probe = formulaProbe(tensor, weights.specs.get(tensor)!.shape, expected.salt);
    const error = gradientError(fingerprint(slope, probe), wanted.gradients[tensor], largest);
    if (!(error <= gradient)) [gradient, furthest] = [error, tensor];
  }
  tf.dispose([x, value, grads]);
  learner.dispose();
  return {
    logits: relativeError(logits, wanted.logits),
    loss: Math.abs(loss / wanted.loss - 1),
    gradient,
    furthest,
  };
}

for (const [name, wanted] of Object.entries(expected.networks)) {
  test(`${name}: logits, loss and every gradient as PyTorch's`, (t) => {
    const {numTensors} = tf.memory();
    const architecture = findArchitecture(name);
    assert.equal(architecture.cost().parameters, wanted.parameters);
    const tell = ({gradient, furthest}: Differences, precision: string) =>
      t.diagnostic(
        `in ${precision} the furthest gradient, ${furthest}, is off by ${gradient.toExponential(1)}`,
      );
    const single = compare(Backbone.formula(architecture, expected.salt), wanted);
    tell(single, 'float32');
    assert.ok(single.logits < 1e-4, `logits differ by ${single.logits}`);
    assert.ok(single.loss < 1e-4, `the loss differs by ${single.loss}`);
    // Near a ReLU's kink float32 falls on another side than PyTorch's float64, and gradients jump there.
    assert.ok(single.gradient < 0.1, `the gradient of ${single.furthest} is off by ${single.gradient}`);
    if (single.gradient >= 5e-3) {
      const double = inDoublePrecision(() => compare(formulaBackbone(architecture, expected.salt), wanted));
      tell(double, 'float64');
      assert.ok(double.gradient < 1e-4, `the gradient of ${double.furthest} is off by ${double.gradient}`);
    }
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  });
}

const needsMirror = process.env.LAB_MIRROR ? false : 'needs LAB_MIRROR with the weights';

/** The pretrained backbone; what the mirror has only a part of is cut where it ends. */
async function pretrained(name: string, folder: string): Promise<Backbone> {
  const architecture = findArchitecture(name === 'inception_v3' ? 'inception_v3:Mixed_7a' : name);
  const {path} = await pretrainedWeights(architecture, {folder});
  return Backbone.load(architecture, path);
}

test('pretrained weights give the features that they give in PyTorch', {skip: needsMirror}, async (t) => {
  const folder = temporaryFolder(t, 'weights-');
  for (const [name, {size, features}] of Object.entries(expected.pretrained)) {
    const backbone = await pretrained(name, folder);
    const x = formulaPhotos([2, 3, size, size], expected.salt);
    const error = relativeError(
      tf.tidy(() => thinned(backbone.features(x), 31)),
      features,
    );
    assert.ok(error < 1e-3, `${name} differs by ${error}`);
    x.dispose();
    backbone.dispose();
  }
});

/** The first 200 dogs of the mirror, unpacked. */
async function dogPhotos(folder: string): Promise<BatchItem[]> {
  await unzip(join(process.env.LAB_MIRROR!, 'datasets', 'cats-dogs.zip'), join(folder, 'photos'));
  const dogs = join(folder, 'photos', 'cats-dogs', 'dogs');
  const names = readdirSync(dogs).sort().slice(0, 200);
  return names.map((name) => ({picture: new PhotoFile(join(dogs, name)), label: 0}));
}

test('DeiT-Tiny sees dogs in photos of dogs', {skip: needsMirror}, async (t) => {
  const folder = temporaryFolder(t, 'dogs-');
  const architecture = findArchitecture('deit_tiny_patch16_224');
  const {path} = await pretrainedWeights(architecture, {folder});
  const backbone = Backbone.load(architecture, path, {extent: 'whole'});
  const photos = await dogPhotos(folder);
  const net = backbone.inference();
  const {preprocessing} = architecture;
  let dogs = 0;
  const order = {preprocessing, view: () => 'evaluation' as const, batchSize: 20};
  for await (const batch of batches(photos, order)) {
    const classes = tf.tidy(() => [...backbone.logits(net, batch.tensor()).logits.argMax(1).dataSync()]);
    dogs += classes.filter((found) => found >= 151 && found <= 268).length;
  }
  net.dispose();
  backbone.dispose();
  t.diagnostic(`${dogs} of ${photos.length}`);
  assert.equal(photos.length, 200);
  assert.ok(dogs >= 190, `${dogs} of 200 are dogs to it`);
});
