/** Two kernels that run one experiment. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type ExperimentOptions, featureExtraction, runExperiment} from '../../lib/experiments';
import {type Run, type RunIdentity, RunStore} from '../../lib/runs';
import {drawnWorkspace, run} from './workspace';

const options: ExperimentOptions = {
  backbone: 'squeezenet1_1',
  regime: featureExtraction(),
  epochs: 1,
  batchSize: 8,
  name: 'once',
};

/** A store as a kernel sees it that looks for a run just before another completes it, and opens it just after. */
class Overtaken extends RunStore {
  private opened = false;

  override find(configuration: RunIdentity) {
    return this.opened ? super.find(configuration) : null;
  }

  override open(configuration: RunIdentity, how?: {redo?: boolean}): Run {
    this.opened = true;
    return super.open(configuration, how);
  }
}

test('an experiment that another kernel completes just before its run is opened gives the stored result', async () => {
  const workspace = await drawnWorkspace();
  const stored = await runExperiment(options, workspace);
  let finished = 0;
  const overtaken = {...workspace, runs: new Overtaken(workspace.runs.folder, assert.fail)};
  const {record, counts} = await run({...options, name: 'later'}, overtaken, {
    onFinish: () => void finished++,
  });
  assert.deepEqual(record, {...stored, name: 'later', title: 'later'});
  assert.deepEqual([counts.epochs, finished], [0, 1]);
  workspace.runs.open(record.configuration as RunIdentity, {redo: true}).release();
});
