import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {smallRelative} from '../../lib/backbones';
import type {BatchItem} from '../../lib/batches';
import {tf} from '../../lib/engine';
import {openWorkspace} from '../../lib/experiments';
import {featureSource, photoSource} from '../../lib/experiments/sources';
import {FeatureStore} from '../../lib/features';
import {photoAugmentation, PhotoFile} from '../../lib/pictures';
import type {Source} from '../../lib/training';
import {drawnWorkspace, root} from './workspace';

/** What a source gives for an epoch: the numbers of each batch, the size of each, and all labels. */
async function drain(source: Source, epoch: number | 'evaluation') {
  const {numTensors} = tf.memory();
  const batches: number[][] = [];
  const sizes: number[] = [];
  const labels: number[] = [];
  for await (const batch of source.batches(epoch)) {
    batches.push([...batch.x.dataSync()]);
    sizes.push(batch.x.shape[0]);
    labels.push(...batch.labels);
    batch.x.dispose();
  }
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  return {batches, sizes, labels};
}

test('photos: an epoch is the same whenever it is run, and no two are alike', async () => {
  const workspace = await drawnWorkspace();
  const photos = workspace.split.parts.val;
  const {preprocessing} = smallRelative('mobilenet_v2');
  const options = {preprocessing, augmentation: photoAugmentation(), batchSize: 4, seed: 1};
  const source = photoSource(photos, options);
  const first = await drain(source, 1);
  assert.deepEqual(first, await drain(photoSource(photos, options), 1));
  assert.equal(first.sizes.length, source.batchesPerEpoch);
  assert.notDeepEqual(first.batches, (await drain(source, 2)).batches);
  assert.notDeepEqual(first.batches, (await drain(photoSource(photos, {...options, seed: 2}), 1)).batches);

  const evaluation = await drain(source, 'evaluation');
  assert.deepEqual(
    evaluation.labels,
    photos.map(({label}) => label),
  );
  assert.deepEqual([...first.labels].sort(), [...evaluation.labels].sort());
});

/** A store in which photo i has the record [view, i]. */
async function storeOf(parent: string, view: number, photos: BatchItem[]): Promise<FeatureStore> {
  const store = await FeatureStore.open(parent, {key: {view}, shape: [2]});
  store.append(
    photos.map(({picture}) => picture.key),
    Float32Array.from(photos.flatMap((_, i) => [view, i])),
  );
  return store;
}

test('frozen features: each photo once an epoch, shuffled, the views in turn', async () => {
  const parent = fs.mkdtempSync(join(root, 'views-'));
  const photos = Array.from({length: 10}, (_, i) => ({picture: new PhotoFile(`photo ${i}`), label: i % 3}));
  const views = await Promise.all([0, 1, 2].map((view) => storeOf(parent, view, photos)));
  const source = featureSource(photos, views, {batchSize: 4, seed: 1});
  const epochs: Awaited<ReturnType<typeof drain>>[] = [];
  for (const epoch of [1, 2, 3, 4]) epochs.push(await drain(source, epoch));
  for (const [index, {batches, sizes, labels}] of epochs.entries()) {
    assert.deepEqual(sizes, [4, 4, 2]);
    const records = batches.flat();
    const order = records.filter((_, i) => i % 2 === 1);
    assert.ok(records.every((value, i) => i % 2 === 1 || value === index % 3));
    assert.deepEqual(
      order.toSorted((a, b) => a - b),
      photos.map((_, i) => i),
    );
    assert.notDeepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.deepEqual(
      labels,
      order.map((i) => i % 3),
    );
  }
  assert.notDeepEqual(epochs[0].labels, epochs[3].labels, 'the same view in another order');
  const {batches} = await drain(source, 'evaluation');
  assert.deepEqual(
    batches.flat(),
    photos.flatMap((_, i) => [0, i]),
  );
  for (const store of views) store.close();
});

test('a photo left alone joins the batch before it, in photos as in features', async () => {
  const workspace = await drawnWorkspace();
  const photos = workspace.split.parts.val.slice(0, 5);
  const {preprocessing} = smallRelative('mobilenet_v2');
  const augmentation = photoAugmentation();
  const store = await storeOf(fs.mkdtempSync(join(root, 'views-')), 0, photos);
  for (const [count, batchSize, expected] of [
    [5, 4, [5]],
    [5, 2, [2, 3]],
    [4, 2, [2, 2]],
    [5, 3, [3, 2]],
    [3, 1, [1, 1, 1]],
    [1, 4, [1]],
  ] as const) {
    const some = photos.slice(0, count);
    const options = {preprocessing, augmentation, batchSize, seed: 1};
    for (const source of [photoSource(some, options), featureSource(some, [store], {batchSize, seed: 1})]) {
      assert.equal(source.batchesPerEpoch, expected.length);
      assert.deepEqual((await drain(source, 1)).sizes, expected);
    }
  }
  store.close();
});

test("a workspace on a user's folder: photos split and folders laid out, nothing stands in", async () => {
  const {dataset} = await drawnWorkspace();
  const folder = fs.mkdtempSync(join(root, 'project-'));
  const photos = join(root, 'data', 'drawings', 'photos');
  const options = {dataset: photos, seed: 3, folder, mirror: ''};
  const workspace = await openWorkspace(options);
  const {train, val, test: testPart} = workspace.split.parts;
  assert.deepEqual(workspace.standIns, []);
  assert.equal(train.length + val.length + testPart.length, dataset.photos.length);
  assert.equal(workspace.featuresFolder, join(folder, 'models', 'features'));
  assert.equal(workspace.weightsFolder, join(folder, 'models', 'weights'));
  assert.deepEqual((await openWorkspace(options)).split, workspace.split, 'the split is kept');

  const {split: few} = await openWorkspace({...options, photosPerClass: 6});
  for (const label of dataset.classes.keys()) {
    const counts = [few.parts.train, few.parts.val, few.parts.test].map(
      (part) => part.filter((photo) => photo.label === label).length,
    );
    counts.forEach((count, i) => assert.ok(count >= 1 && count <= [4, 2, 2][i], counts.join()));
  }
});
