/** Every architecture against what PyTorch computes (fixtures/make.py), forward and backward. */
import assert from 'node:assert/strict';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {Backbone, findArchitecture, pretrainedWeights} from '../../lib/backbones';
import {batches, type BatchItem} from '../../lib/batches';
import {formulaInput} from '../../lib/checkpoints';
import {unzip} from '../../lib/datasets';
import {gradients, tf, type Tensor} from '../../lib/engine';
import {WholeNetwork} from '../../lib/heads';
import {crossEntropy} from '../../lib/training';
import expected from './fixtures/pytorch.json';

const labels = Int32Array.from(expected.labels);

function formulaPhotos(size: number): Tensor {
  return tf.tidy(() => {
    const values = new Float32Array(formulaInput([2, 3, size, size], expected.salt));
    return tf.transpose(tf.tensor(values, [2, 3, size, size]), [0, 2, 3, 1]);
  });
}

/** Every n-th value of each row, as the fixture has them. */
function thinned(matrix: Tensor, every: number): number[] {
  const [, columns] = matrix.shape;
  return [...matrix.dataSync()].filter((_, i) => (i % columns) % every === 0);
}

function relativeError(actual: number[], wanted: number[]): number {
  assert.equal(actual.length, wanted.length);
  return Math.hypot(...actual.map((value, i) => value - wanted[i])) / Math.hypot(...wanted);
}

for (const [name, wanted] of Object.entries(expected.networks)) {
  test(`${name}: logits, loss and gradients as PyTorch's`, () => {
    const {numTensors} = tf.memory();
    const architecture = findArchitecture(name);
    assert.equal(architecture.cost().parameters, wanted.parameters);
    const backbone = Backbone.formula(architecture, expected.salt);
    const x = formulaPhotos(wanted.size);
    const learner = WholeNetwork.original(backbone);
    const inference = learner.forInference();
    const logits = tf.tidy(() => thinned(inference.logits(x), 97));
    inference.dispose();
    const logitsError = relativeError(logits, wanted.logits);
    assert.ok(logitsError < 1e-4, `logits differ by ${logitsError}`);

    const pass = learner.forTraining({});
    const {value, grads} = gradients(
      () => pass.loss(x, (output) => crossEntropy(output, labels)).loss,
      [...learner.trainable().values()].map(({variable}) => variable),
    );
    pass.applyUpdates();
    const squares = Object.values(grads).map((slope) =>
      tf.tidy(() => tf.sum(tf.square(slope)).dataSync()[0]),
    );
    const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    const loss = value.dataSync()[0];
    assert.ok(Math.abs(loss / wanted.loss - 1) < 1e-4, `loss ${loss}, PyTorch has ${wanted.loss}`);
    // Near a ReLU's kink float32 falls on another side than PyTorch's float64, and gradients jump there.
    assert.ok(
      Math.abs(norm / wanted.gradientNorm - 1) < 1e-2,
      `gradients of norm ${norm}, PyTorch has ${wanted.gradientNorm}`,
    );
    tf.dispose([x, value, grads]);
    learner.dispose();
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
  const folder = mkdtempSync(join(tmpdir(), 'weights-'));
  t.after(() => rmSync(folder, {recursive: true}));
  for (const [name, {size, features}] of Object.entries(expected.pretrained)) {
    const backbone = await pretrained(name, folder);
    const x = formulaPhotos(size);
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
  return names.map((name) => ({file: join(dogs, name), label: 0, key: name}));
}

test('DeiT-Tiny sees dogs in photos of dogs', {skip: needsMirror}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dogs-'));
  t.after(() => rmSync(folder, {recursive: true}));
  const architecture = findArchitecture('deit_tiny_patch16_224');
  const {path} = await pretrainedWeights(architecture, {folder});
  const backbone = Backbone.load(architecture, path, {extent: 'whole'});
  const photos = await dogPhotos(folder);
  const net = backbone.inference();
  const {preprocessing} = architecture;
  let dogs = 0;
  const order = {preprocessing, view: () => 'evaluation' as const, batchSize: 20};
  for await (const {images, labels: batch} of batches(photos, order)) {
    const {crop} = preprocessing;
    const classes = tf.tidy(() => {
      const x = tf.tensor4d(images, [batch.length, crop, crop, 3]);
      return [...backbone.logits(net, x).logits.argMax(1).dataSync()];
    });
    dogs += classes.filter((found) => found >= 151 && found <= 268).length;
  }
  net.dispose();
  backbone.dispose();
  t.diagnostic(`${dogs} of ${photos.length}`);
  assert.equal(photos.length, 200);
  assert.ok(dogs >= 190, `${dogs} of 200 are dogs to it`);
});
