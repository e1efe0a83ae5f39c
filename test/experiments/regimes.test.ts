import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {
  everything,
  type ExperimentOptions,
  featureExtraction,
  lastStages,
  type Workspace,
} from '../../lib/experiments';
import {macroF1} from '../../lib/metrics';
import {PhotoFile} from '../../lib/pictures';
import type {RunRecord} from '../../lib/runs';
import {adamw, sgd} from '../../lib/training';
import {drawnWorkspace, root, run, timeless} from './workspace';

const nothing = {batches: 0, epochs: 0, features: 0};

/** One experiment under each regime. */
const experiments: Record<string, ExperimentOptions> = {
  'feature extraction': {
    backbone: 'mobilenet_v2',
    regime: featureExtraction(),
    head: {dropout: 0.3, hidden: [16]},
    epochs: 3,
    batchSize: 8,
    views: 2,
  },
  'last 2 stages': {
    backbone: 'efficientnet_b4',
    regime: lastStages(2),
    optimizer: adamw({learningRate: {backbone: 1e-4, head: 1e-3}}),
    labelSmoothing: 0.1,
    balanced: true,
    epochs: 3,
    batchSize: 8,
  },
  everything: {
    backbone: 'deit_tiny_patch16_224',
    regime: everything(),
    optimizer: sgd({learningRate: 1e-3}),
    clipNorm: 1,
    epochs: 3,
    batchSize: 8,
  },
};

function assertComplete(
  {status, title, configuration, history, result}: RunRecord,
  workspace: Workspace,
): void {
  assert.equal(status, 'complete');
  assert.equal(title, `${configuration.network} for ${configuration.backbone}, ${configuration.regime}`);
  assert.deepEqual(configuration.standIns, ['drawings', 'small networks with random weights']);
  assert.deepEqual(configuration.classes, workspace.dataset.classes);
  assert.deepEqual(
    history.map(({epoch}) => epoch),
    [1, 2, 3],
  );
  const {test: photos} = workspace.split.parts;
  const {bestEpoch, valMacroF1, testMacroF1, testAccuracy, confusion, predictions} = result!;
  const best = Math.max(...history.map((epoch) => epoch.valMacroF1));
  assert.equal(bestEpoch, history.find((epoch) => epoch.valMacroF1 === best)!.epoch);
  assert.equal(valMacroF1, best);
  assert.equal(testMacroF1, macroF1(confusion));
  assert.deepEqual(
    predictions.map(({path, truth}) => [path, truth]),
    photos.map(({picture, label}) => [picture.name, label]),
  );
  const right = predictions.filter(({truth, predicted}) => truth === predicted).length;
  assert.equal(testAccuracy, right / photos.length);
  for (const [truth, row] of confusion.entries()) {
    for (const [predicted, count] of row.entries()) {
      const found = predictions.filter((photo) => photo.truth === truth && photo.predicted === predicted);
      assert.equal(found.length, count);
    }
  }
}

for (const [name, options] of Object.entries(experiments)) {
  test(`${name}: from photos to a result that is given at once the second time, interrupted or not`, async () => {
    const workspace = await drawnWorkspace();
    const {record, counts} = await run(options, workspace);
    assert.equal(record.configuration.regime, name);
    assertComplete(record, workspace);
    assert.equal(counts.epochs, 3);
    assert.equal(counts.features > 0, name !== 'everything');

    const away = {...workspace, dataset: {...workspace.dataset, folder: join(root, 'nowhere')}};
    assert.deepEqual(await run(options, away), {record, counts: nothing}, 'no photo is looked at again');

    await assertInterruptionIsHarmless(options, record);
  });
}

/** Interrupts the experiment in a workspace of its own, goes on, and compares with the run that was not interrupted. */
async function assertInterruptionIsHarmless(options: ExperimentOptions, whole: RunRecord): Promise<void> {
  const workspace = await drawnWorkspace();
  const controller = new AbortController();
  const interrupted = await run(options, workspace, {
    signal: controller.signal,
    onBatch: ({epoch, batch}) => {
      if (epoch === 2 && batch === 2) controller.abort();
    },
  });
  assert.deepEqual([interrupted.record.status, interrupted.record.result], ['interrupted', null]);
  assert.deepEqual(timeless(interrupted.record.history), timeless(whole.history.slice(0, 1)));

  const resumed = await run(options, workspace);
  assert.equal(resumed.counts.epochs, 2);
  assert.equal(resumed.record.id, whole.id);
  assert.deepEqual(timeless(resumed.record.history), timeless(whole.history));
  assert.deepEqual(resumed.record.result, whole.result);
}

test('forced, an experiment is trained anew, and the same comes of it', async () => {
  const workspace = await drawnWorkspace();
  const options = experiments['feature extraction'];
  const {record, counts} = await run(options, workspace);
  const again = await run({...options, force: true}, workspace);
  assert.deepEqual(again.counts, {...counts, features: 0});
  assert.deepEqual(again.record.result, record.result);
  assert.deepEqual(timeless(again.record.history), timeless(record.history));
});

test('the test part is not looked at before the last epoch', async () => {
  const workspace = await drawnWorkspace();
  const {split} = workspace;
  const folder = fs.mkdtempSync(join(root, 'photos-'));
  const test = split.parts.test.map((photo, i) => {
    const {name, key} = photo.picture;
    return {...photo, picture: new PhotoFile(join(folder, `${i}.jpg`), name, key)};
  });
  const later = {...workspace, split: {...split, parts: {...split.parts, test}}};
  const {record} = await run(experiments.everything, later, {
    onEpoch: ({epoch}) => {
      if (epoch < 3) return;
      test.forEach(({picture}, i) => fs.copyFileSync(split.parts.test[i].picture.place, picture.place));
    },
  });
  assertComplete(record, workspace);
});
