/** What cells show of a trained network: its embeddings, feature maps, kernels and BatchNorm, on drawn photos. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {network} from '../../lib/backbones';
import {type Embeddings, neighbours} from '../../lib/embeddings';
import {tf} from '../../lib/engine';
import {everything, type ExperimentOptions, featureExtraction} from '../../lib/experiments';
import {LabError} from '../../lib/errors';
import {neighbourGrids, separationTable} from '../../lib/notebook/embeddings';
import {
  batchNormHistograms,
  depths,
  featureMapGrids,
  kernelGrid,
  kernelOverChannels,
  photoMatrices,
} from '../../lib/notebook/inside';
import {Lab} from '../../lib/notebook';
import {drawnWorkspace} from '../experiments/workspace';

const own = network({
  name: 'own',
  size: 32,
  build: (net, x) => {
    const first = net.conv('c1', x, {out: 8, kernel: 3, padding: 1, norm: 'n1', activation: 'relu'});
    const second = net.conv('c2', net.maxPool(first, {kernel: 2, stride: 2}), {
      out: 12,
      kernel: 3,
      norm: 'n2',
      activation: 'relu',
    });
    return net.linear('out', net.globalAverage(second), {out: 6});
  },
});
const options: ExperimentOptions = {backbone: own, regime: everything(), epochs: 2, batchSize: 8};

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;

const rejects = (promise: Promise<unknown>, wanted: RegExp) =>
  assert.rejects(promise, (error) => error instanceof LabError && wanted.test(error.message));

test('a stored run can be looked into, and compared with a backbone as it comes', async (t) => {
  const workspace = await drawnWorkspace();
  const lab = new Lab(workspace);
  const {numTensors} = tf.memory();
  await rejects(lab.trained(options), /own, everything has not been trained yet.* Call lab\.run with these/);
  const run = await lab.run(options);
  const parts = await lab.trained(options);

  await t.test('it holds the best weights', async () => {
    const untrained = await lab.parts(options);
    assert.notDeepEqual(parts.learner.state(), untrained.learner.state());
    untrained.dispose();
    const [photo] = run.result!.predictions;
    const net = parts.learner.forInference();
    for await (const {x, labels} of parts.sources.test.batches('evaluation')) {
      const probabilities = tf.tidy(() => tf.softmax(net.logits(x)));
      const [[...first]] = probabilities.arraySync() as number[][];
      assert.equal(labels[0], photo.truth);
      assert.ok(Math.abs(first[photo.predicted] - photo.probability) < 1e-4);
      tf.dispose([x, probabilities]);
      break;
    }
    net.dispose();
  });

  const all: Embeddings[] = [
    await lab.embed(parts, {part: 'train', most: 20}),
    await lab.embed('squeezenet1_1', {part: 'train', most: 20}),
  ];

  await t.test('embeddings are of the same photos, of each network its own', async () => {
    const [ofOwn, ofBackbone] = all;
    assert.deepEqual([ofOwn.photos.length, ofOwn.width, ofOwn.vectors.length], [20, 12, 240]);
    assert.deepEqual(ofBackbone.photos, ofOwn.photos);
    assert.match(ofBackbone.standIns.join(), /drawings|random weights/);
    assert.equal(new Set(ofOwn.photos.map(({label}) => label)).size > 2, true, 'several classes');
    assert.deepEqual((await lab.embed(parts, {part: 'train', most: 20})).vectors, ofOwn.vectors);
    const {columns, values} = separationTable(all, 3);
    assert.deepEqual(columns, ['network', 'dimensions', '3-NN accuracy', 'silhouette']);
    assert.deepEqual(
      values.map((row) => [row].flat()[1]),
      [12, ofBackbone.width],
    );
    const html = await neighbourGrids(all, {photo: 3, count: 4});
    assert.equal(count(html, /<figure /g), 2 * 5);
    const [nearest] = neighbours(ofOwn, 3, 1);
    assert.match(html, new RegExp(`distance ${nearest.distance.toFixed(3)}`));
    const others = await lab.embed(parts, {part: 'val', most: 5});
    assert.throws(() => separationTable([ofOwn, others]), /embeddings of different photos/);
    await rejects(neighbourGrids([], {}), /There are no embeddings/);
    await rejects(lab.embed(parts, {most: 0}), /most is 0/);
    await lab.showEmbeddings([ofOwn], {methods: ['UMAP']});
  });

  await t.test('feature maps, kernels and BatchNorm', async () => {
    assert.deepEqual(depths(parts.learner), ['c1', 'c2']);
    const maps = await featureMapGrids(workspace, parts, {maps: 6});
    assert.equal(count(maps, /<img /g), 1 + 2 * 6);
    assert.match(maps, /c1: 8 maps of 32 x 32/);
    assert.match(maps, /c2: 12 maps of 14 x 14/);
    await rejects(
      featureMapGrids(workspace, parts, {layers: ['out']}),
      /out gives no feature maps but \[1, 6\]/,
    );
    await rejects(featureMapGrids(workspace, parts, {photo: 999}), /There is no photo 999 in the part "val"/);

    const kernels = await kernelGrid(parts, {});
    assert.equal(count(kernels, /<img /g), 8);
    assert.match(kernels, /repeat\(8,/, 'captions stay in one line');
    assert.match(await kernelGrid(parts, {layer: 'c2', kernels: 4}), /4 of 12 kernels of c2/);
    await rejects(kernelGrid(parts, {layer: 'out'}), /out has weights of shape \[6, 12\]/);
    assert.match(await kernelOverChannels(workspace, parts, {layer: 'c2'}), /sum over all 8 channels/);
    await rejects(kernelOverChannels(workspace, parts, {kernel: 8}), /c1 has no kernel 8. Give 0 to 7/);

    const {data} = await batchNormHistograms(workspace, parts, {photos: 8});
    assert.match(
      data.map((trace) => (trace as {name: string}).name).join('; '),
      /before: .*; after, in training .*mean 0\.00, deviation 1\.00/,
    );
  });

  await t.test('stages of a backbone', async () => {
    const frozen = await lab.parts({backbone: 'squeezenet1_1', regime: featureExtraction(), epochs: 1});
    const layers = depths(frozen.learner, 3);
    const html = await featureMapGrids(workspace, frozen, {layers, maps: 4});
    assert.equal(count(html, /<img /g), 1 + 4 * layers.length);
    frozen.dispose();
  });

  await t.test('a photo as numbers', async () => {
    const {grey, red} = await photoMatrices(workspace, {size: 16});
    assert.deepEqual([grey.length, grey[0].length, red.length], [16, 16, 16]);
    assert.ok(grey.flat().every((value) => value >= 0 && value <= 1));
  });

  parts.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});
