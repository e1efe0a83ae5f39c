import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {after} from 'node:test';
import {openWorkspace} from '../../lib/experiments';
import {FeatureStore} from '../../lib/features';
import {root} from './workspace';

after(() => delete process.env.LAB_FEATURES_LIMIT);

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
