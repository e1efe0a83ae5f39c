import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {before, beforeEach} from 'node:test';
import {Backbone, smallRelative} from '../../lib/backbones';
import {type BatchItem, batches} from '../../lib/batches';
import {openDrawings} from '../../lib/datasets';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {featureFolders, type FeatureStore, frozenFeatures, type FrozenOptions} from '../../lib/features';
import {photoAugmentation, PhotoFile, type View} from '../../lib/pictures';
import {temporaryFolder, wholeFile} from '../ending';

const root = temporaryFolder(wholeFile, 'lab-frozen-');

let photos: BatchItem[];
let folder: string;

before(async () => {
  ({photos} = await openDrawings({dataFolder: join(root, 'data'), perClass: 3}));
});
beforeEach(() => {
  folder = fs.mkdtempSync(join(root, 'features-'));
});

/** The backbones' small relatives have few photos' worth of work, and their features are 64 pixels wide. */
const architecture = smallRelative('mobilenet_v2');
const all = architecture.stages.length;
const augmented: View = {augmentation: photoAugmentation(), seed: 5};

type Settings = Partial<Omit<FrozenOptions, 'folder' | 'backbone'>> & {name?: string; items?: BatchItem[]};

interface Outcome {
  /** What each stage's store holds of the photos, in their order. */
  values: Float32Array[];
  /** What `onProgress` was told. */
  progress: number[];
}

/** Computes frozen features, reads them and closes the stores; asserts that no tensor is left behind. */
async function compute({
  name = 'mobilenet_v2',
  items = photos,
  ...settings
}: Settings = {}): Promise<Outcome> {
  const {numTensors} = tf.memory();
  const backbone = Backbone.random(smallRelative(name), 1);
  const progress: number[] = [];
  let stores: FeatureStore[] = [];
  try {
    stores = await frozenFeatures(items, {
      backbone,
      weights: 'random',
      preprocessing: backbone.architecture.preprocessing,
      view: 'evaluation',
      stages: [backbone.architecture.stages.length],
      folder,
      batchSize: 4,
      onProgress: (done, total) => {
        assert.equal(total, items.length);
        progress.push(done);
      },
      ...settings,
    });
    return {values: stores.map((store) => store.read(items.map(({picture}) => picture.key))), progress};
  } finally {
    for (const store of stores) store.close();
    backbone.dispose();
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  }
}

/** The output of the first `stage` stages, computed in one go without a store; pooled when these are all. */
async function direct(name: string, stage: number, view: View): Promise<Float32Array> {
  const backbone = Backbone.random(smallRelative(name), 1);
  const {preprocessing, stages} = backbone.architecture;
  const [batch] = await fromAsync(
    batches(photos, {preprocessing, view: () => view, batchSize: photos.length}),
  );
  const net = backbone.inference();
  const output = tf.tidy(() => {
    const map = backbone.run(net, batch.tensor(), {to: stage});
    return stage === stages.length ? backbone.pool(net, map) : map;
  });
  const values = output.dataSync() as Float32Array;
  output.dispose();
  net.dispose();
  backbone.dispose();
  return values;
}

async function fromAsync<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of iterable) found.push(item);
  return found;
}

function assertClose(actual: Float32Array, expected: Float32Array): void {
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(largest > 0);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-5 * largest, `value ${i}`));
}

for (const name of ['mobilenet_v2', 'squeezenet1_1', 'efficientnet_b4', 'deit_tiny_patch16_224']) {
  test(`${name}: what is stored is what the stages compute, in front of the last and pooled`, async () => {
    const {stages} = smallRelative(name);
    const {values} = await compute({name, stages: [stages.length - 1, stages.length]});
    assertClose(values[0], await direct(name, stages.length - 1, 'evaluation'));
    assertClose(values[1], await direct(name, stages.length, 'evaluation'));
  });
}

test('an augmented view is the one that its seed draws', async () => {
  const [values, expected] = [
    (await compute({view: augmented})).values[0],
    await direct('mobilenet_v2', all, augmented),
  ];
  assertClose(values, expected);
  assert.notDeepEqual(values, (await compute()).values[0]);
});

test('what is computed once is not computed again', async () => {
  const first = await compute();
  assert.deepEqual(first.progress, [4, 8, 12, 16, 18]);
  const files = new Map(photos.map(({picture: {place}}) => [place, fs.readFileSync(place)]));
  for (const file of files.keys()) fs.rmSync(file);
  try {
    assert.deepEqual(await compute(), {...first, progress: []}, 'no photo is read');
  } finally {
    for (const [file, bytes] of files) fs.writeFileSync(file, bytes);
  }
});

test('only photos that are new are computed, each once though it come twice', async () => {
  await compute({items: photos.slice(0, 10)});
  const {progress} = await compute({items: [...photos.slice(4), photos[17], photos[12]]});
  assert.deepEqual(progress, [10, 14, 16]);
});

test('another view, size, set of weights or stage has a store of its own', async () => {
  const {preprocessing} = architecture;
  const others: Settings[] = [
    {},
    {view: augmented},
    {view: {...augmented, seed: 6}},
    {preprocessing: {...preprocessing, crop: 48}},
    {weights: 'f00d'},
    {stages: [all - 1]},
  ];
  for (const [index, settings] of others.entries()) {
    const {progress} = await compute({...settings, items: photos.slice(0, 2)});
    assert.deepEqual(progress, [2]);
    assert.equal(featureFolders(folder).length, index + 1);
  }
});

const shared = [5, 12, all];

test('several stages in one pass are the same as each in a pass of its own', async () => {
  const {values, progress} = await compute({stages: shared});
  assert.deepEqual(progress, [4, 8, 12, 16, 18]);
  folder = fs.mkdtempSync(join(root, 'features-'));
  for (const [index, stage] of shared.entries()) {
    const alone = await compute({stages: [stage]});
    assertClose(values[index], alone.values[0]);
    assertClose(values[index], await direct('mobilenet_v2', stage, 'evaluation'));
  }
});

test('later stages continue from the deepest store in front of them, without the photos', async () => {
  const expected = (await compute({stages: shared})).values;
  folder = fs.mkdtempSync(join(root, 'features-'));
  await compute({stages: shared.slice(0, 1)});
  await compute({stages: shared.slice(0, 2), items: photos.slice(0, 7)});
  const unread = photos.map(({picture: {place, name, key}, label}) => ({
    picture: new PhotoFile(`${place}.gone`, name, key),
    label,
  }));
  const {values, progress} = await compute({stages: shared, items: unread});
  values.forEach((value, index) => assertClose(value, expected[index]));
  assert.equal(progress.at(-1), photos.length);
});

test('a later store that is filled already leaves only the earlier one to compute', async () => {
  const last = await compute({stages: [all]});
  const both = await compute({stages: [12, all]});
  assert.deepEqual(both.values[1], last.values[0]);
  assertClose(both.values[0], await direct('mobilenet_v2', 12, 'evaluation'));
});

test('an abort keeps what was stored, gives the stores back, and the rest is computed later', async () => {
  const controller = new AbortController();
  const aborted = compute({
    stages: [12, all],
    signal: controller.signal,
    onProgress: (done) => {
      if (done === 8) controller.abort();
    },
  });
  await assert.rejects(aborted, {name: 'AbortError'});
  const {progress, values} = await compute({stages: [12, all]});
  assert.deepEqual(progress, [12, 16, 18]);
  assertClose(values[1], await direct('mobilenet_v2', all, 'evaluation'));
});

test('two experiments on the same stores at once both get all of it, and share the work', async () => {
  const alone = await compute({stages: [12, all]});
  folder = fs.mkdtempSync(join(root, 'features-'));
  const options = {
    weights: 'random',
    preprocessing: architecture.preprocessing,
    view: 'evaluation',
    folder,
    batchSize: 4,
  } as const;
  const backbone = Backbone.random(architecture, 1);
  const both = await Promise.all(
    [1, 2].map(() => frozenFeatures(photos, {backbone, stages: [12, all], ...options})),
  );
  for (const stores of both) {
    stores.forEach((store, i) =>
      assertClose(store.read(photos.map(({picture}) => picture.key)), alone.values[i]),
    );
  }
  const bytes = featureFolders(folder).reduce((sum, folder) => sum + folder.bytes, 0);
  const numbers = alone.values.reduce((sum, {length}) => sum + length, 0);
  assert.ok(bytes < 1.5 * 4 * numbers, `${bytes} bytes for ${numbers} numbers`);
  for (const store of both.flat()) store.close();
  backbone.dispose();
});

test('an unreadable photo is named, and what came before it is kept', async () => {
  const broken = join(root, 'broken.jpg');
  fs.writeFileSync(broken, fs.readFileSync(photos[0].picture.place).subarray(0, 2000));
  const items = photos.map((photo, i) => (i === 10 ? {...photo, picture: new PhotoFile(broken)} : photo));
  await assert.rejects(
    compute({items}),
    (error) => error instanceof LabError && error.message.includes(broken),
  );
  assert.deepEqual((await compute()).progress[0], 12);
});
