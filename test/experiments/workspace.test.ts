import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {afterEach} from 'node:test';
import {featureExtraction, openWorkspace} from '../../lib/experiments';
import {FeatureStore} from '../../lib/features';
import {draw, texture} from '../pictures/photos';
import {drawnWorkspace, root, run} from './workspace';

afterEach(() => delete process.env.LAB_FEATURES_LIMIT);

async function fillStore(folder: string, stage: number): Promise<FeatureStore> {
  const store = await FeatureStore.open(folder, {key: {stage}, shape: [1000]});
  store.append(['photo'], new Float32Array(1000).fill(stage));
  return store;
}

test('opening a workspace removes frozen features beyond the limit, none that is in use', async () => {
  const folder = fs.mkdtempSync(join(root, 'home-'));
  const features = join(folder, 'models', 'features');
  const [old, recent, used] = [
    await fillStore(features, 1),
    await fillStore(features, 2),
    await fillStore(features, 3),
  ];
  for (const [index, store] of [used, old, recent].entries()) {
    fs.utimesSync(join(store.folder, 'key.json'), 1e9 + index, 1e9 + index);
  }
  old.close();
  recent.close();
  const warnings: string[] = [];
  const open = async (limit: string) => {
    process.env.LAB_FEATURES_LIMIT = limit;
    await openWorkspace({
      dataset: 'drawings',
      seed: 1,
      folder,
      onWarning: (message) => warnings.push(message),
    });
  };
  await open('');
  assert.deepEqual(warnings, []);
  await open('0.00001');
  assert.ok(!fs.existsSync(old.folder));
  assert.ok(fs.existsSync(recent.folder) && fs.existsSync(used.folder));
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0],
    /^1 of the folders of frozen features, .*: 0\.0000\d+ GB\. .*LAB_FEATURES_LIMIT.*now 0\.00001 GB/,
  );
  await open('0');
  assert.ok(!fs.existsSync(recent.folder) && fs.existsSync(used.folder));
  used.close();
  await assert.rejects(open('much'), /LAB_FEATURES_LIMIT is "much"\. Give a number of gigabytes/);
});

test('the same photos under another path give the stored result', async () => {
  const {runs, featuresFolder} = await drawnWorkspace();
  const options = {backbone: 'squeezenet1_1', regime: featureExtraction(), epochs: 1, batchSize: 8};
  const trained: number[] = [];
  for (const name of ['here', 'there']) {
    const photos = join(fs.mkdtempSync(join(root, 'moved-')), name);
    fs.cpSync(join(root, 'data', 'drawings', 'photos'), photos, {recursive: true});
    const folder = fs.mkdtempSync(join(root, 'project-'));
    const opened = await openWorkspace({dataset: photos, seed: 1, folder, mirror: ''});
    const {record, counts} = await run(options, {
      ...opened,
      dataset: {...opened.dataset, standIn: 'drawings'},
      runs,
      featuresFolder,
    });
    assert.equal(record.status, 'complete');
    trained.push(counts.epochs);
  }
  assert.deepEqual(trained, [1, 0]);
});

test('where colour tells the classes apart, near-duplicates can be ignored', async () => {
  const photos = fs.mkdtempSync(join(root, 'lamps-'));
  for (const [channel, name] of ['red', 'green'].entries()) {
    fs.mkdirSync(join(photos, name));
    for (let i = 0; i < 20; i++) {
      const lamp = draw(64, 48, 3, (c, x, y) =>
        Math.hypot(x - 20, y - 20) < 8 && c === channel ? 200 + i : (texture(0, x >> 3, y >> 3) >> 2) + 20,
      );
      await lamp.png().toFile(join(photos, name, `${i}.png`));
    }
  }
  const options = {dataset: photos, seed: 1, folder: fs.mkdtempSync(join(root, 'project-')), mirror: ''};
  await assert.rejects(
    openWorkspace(options),
    /cannot be split: .*nearDuplicates: 'ignore' where colour or light/,
  );
  const {dataset, split} = await openWorkspace({...options, nearDuplicates: 'ignore'});
  assert.deepEqual(dataset.conflicts, []);
  assert.deepEqual([split.parts.train.length, split.parts.val.length, split.parts.test.length], [28, 6, 6]);
});
