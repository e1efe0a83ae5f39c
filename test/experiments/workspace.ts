/** Drawn photos and empty folders, in which tiny experiments run without weights and without a network. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {openDrawings, storedSplit} from '../../lib/datasets';
import {tf} from '../../lib/engine';
import {
  type ExperimentHooks,
  type ExperimentOptions,
  featureExtraction,
  runExperiment,
  type Workspace,
} from '../../lib/experiments';
import {type EpochRecord, RunStore} from '../../lib/runs';
import {temporaryFolder, wholeFile} from '../ending';

export const root = temporaryFolder(wholeFile, 'lab-experiments-');

/** A workspace on the drawings that all tests of a file share, with runs and features of its own. */
export async function drawnWorkspace(): Promise<Workspace> {
  const dataFolder = join(root, 'data');
  const dataset = await openDrawings({dataFolder, perClass: 7});
  const models = fs.mkdtempSync(join(root, 'models-'));
  return {
    dataset,
    split: await storedSplit(dataset, {seed: 1, folder: dataFolder}),
    runs: new RunStore(join(models, 'runs'), (warning) => {
      throw new Error(warning);
    }),
    weightsFolder: join(models, 'weights'),
    featuresFolder: join(models, 'features'),
    mirror: '',
    standIns: [],
  };
}

/** One that takes moments. */
export const small: ExperimentOptions = {
  backbone: 'squeezenet1_1',
  regime: featureExtraction(),
  epochs: 1,
  batchSize: 8,
};

/** Runs an experiment and counts what it does; asserts that no tensor is left behind. */
export async function run(options: ExperimentOptions, workspace: Workspace, hooks: ExperimentHooks = {}) {
  const {numTensors} = tf.memory();
  const counts = {batches: 0, epochs: 0, features: 0};
  const record = await runExperiment(options, workspace, {
    ...hooks,
    onFeatures: (done, total) => {
      counts.features++;
      hooks.onFeatures?.(done, total);
    },
    onBatch: (progress) => {
      counts.batches++;
      hooks.onBatch?.(progress);
    },
    onEpoch: (epoch, end) => {
      counts.epochs++;
      hooks.onEpoch?.(epoch, end);
    },
  });
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  return {record, counts};
}

/** What of an epoch does not depend on the clock. */
export const timeless = (history: EpochRecord[]) =>
  history.map(({seconds: _, valSeconds: __, imagesPerSecond: ___, ...epoch}) => epoch);
