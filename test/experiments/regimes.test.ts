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
import {accuracy, macroF1} from '../../lib/metrics';
import {PhotoFile} from '../../lib/pictures';
import {regimeName, type RunRecord} from '../../lib/runs';
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
  const {network, backbone, regime} = configuration;
  assert.equal(title, `${network} for ${backbone}, ${regimeName(regime)}`);
  assert.deepEqual(configuration.standIns, ['drawings', 'small networks with random weights']);
  assert.deepEqual(configuration.classes, workspace.dataset.classes);
  assert.deepEqual(
    history.map(({epoch}) => epoch),
    [1, 2, 3],
  );
  const {test: photos} = workspace.split.parts;
  const {bestEpoch, val, test: tested, confusion, predictions} = result!;
  const best = Math.max(...history.map((epoch) => epoch.val.macroF1));
  assert.equal(bestEpoch, history.find((epoch) => epoch.val.macroF1 === best)!.epoch);
  assert.deepEqual(val, history[bestEpoch - 1].val);
  assert.equal(tested!.macroF1, macroF1(confusion));
  assert.equal(tested!.accuracy, accuracy(confusion));
  assert.equal(tested!.top5 === null, configuration.classes.length <= 5);
  assert.deepEqual(
    predictions.map(({path, truth}) => [path, truth]),
    photos.map(({picture, label}) => [picture.name, label]),
  );
  const right = predictions.filter(({truth, predicted}) => truth === predicted).length;
  assert.equal(tested!.accuracy, right / photos.length);
  for (const [truth, row] of confusion.entries()) {
    for (const [predicted, count] of row.entries()) {
      const found = predictions.filter((photo) => photo.truth === truth && photo.predicted === predicted);
      assert.equal(found.length, count);
    }
  }
}

/** Whole rows of probabilities are stored, each with its sum of 1 and the prediction as its largest. */
function assertProbabilities({id, result, configuration}: RunRecord, {runs}: Workspace): void {
  const {shape, values} = runs.probabilities(id)!;
  const {classes} = configuration;
  assert.deepEqual(shape, [result!.predictions.length, classes.length]);
  result!.predictions.forEach(({predicted, probability}, item) => {
    const row = [...values.subarray(item * classes.length, (item + 1) * classes.length)];
    assert.ok(Math.abs(row.reduce((sum, value) => sum + value) - 1) < 1e-5);
    assert.equal(row.indexOf(Math.max(...row)), predicted);
    assert.equal(row[predicted], probability);
  });
}

for (const [name, options] of Object.entries(experiments)) {
  test(`${name}: from photos to a result that is given at once the second time, interrupted or not`, async () => {
    const workspace = await drawnWorkspace();
    const {record, counts} = await run(options, workspace);
    assert.equal(regimeName(record.configuration.regime), name);
    assertProbabilities(record, workspace);
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
