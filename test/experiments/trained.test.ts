/** The network of a run that was interrupted: with the best weights so far, unless a kernel is still training it. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {openCheckpoint} from '../../lib/checkpoints';
import {tf} from '../../lib/engine';
import {
  experimentParts,
  type ExperimentOptions,
  featureExtraction,
  trainedParts,
} from '../../lib/experiments';
import {LabError} from '../../lib/errors';
import {drawnWorkspace, run} from './workspace';

test('an interrupted run gives its best weights so far, one that is being trained none', async () => {
  const workspace = await drawnWorkspace();
  const options: ExperimentOptions = {
    backbone: 'squeezenet1_1',
    regime: featureExtraction(),
    epochs: 50,
    batchSize: 8,
  };
  const refused = (wanted: RegExp) =>
    assert.rejects(
      trainedParts(options, workspace),
      (error) => error instanceof LabError && wanted.test(error.message),
    );
  await refused(/has not been trained yet, so there are no weights of it/);
  const stop = new AbortController();
  const {record} = await run(options, workspace, {
    signal: stop.signal,
    onEpoch: ({epoch}) => epoch === 2 && stop.abort(),
  });
  assert.equal(record.status, 'interrupted');
  const {numTensors} = tf.memory();
  const trained = await trainedParts(options, workspace);
  const checkpoint = openCheckpoint(workspace.runs.bestWeights(record.id)!);
  for (const {name, values} of trained.learner.state()) {
    assert.deepEqual(values, checkpoint.tensors.get(name)!.values(), name);
  }
  checkpoint.close();
  const untrained = await experimentParts(options, workspace);
  assert.notDeepEqual(untrained.learner.state(), trained.learner.state());

  const open = workspace.runs.open(trained.experiment);
  await refused(/is still being trained by a kernel.* Wait for it/);
  open.release();
  trained.dispose();
  untrained.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  assert.equal(workspace.runs.bestWeights('squeezenet1_1-00000000'), null);
});
