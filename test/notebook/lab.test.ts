/** Which of the stored runs a lab shows, and under which names; outside a kernel it prints what it would show. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import * as charts from '../../lib/charts';
import {storedSplit} from '../../lib/datasets';
import {type ExperimentOptions, featureExtraction, lastStages} from '../../lib/experiments';
import {Lab} from '../../lib/notebook';
import {adamw} from '../../lib/training';
import {drawnWorkspace, root} from '../experiments/workspace';

const frozen: ExperimentOptions = {
  backbone: 'squeezenet1_1',
  regime: featureExtraction(),
  epochs: 1,
  batchSize: 8,
};
const rate = (learningRate: number) => ({optimizer: adamw({learningRate})});
const titles = (lab: Lab) => lab.runs().map(({title}) => title.replace(/^.* for /, ''));

test('runs stand side by side by their names, the latest of each; without a name by backbone and kind of regime', async () => {
  const workspace = await drawnWorkspace();
  const lab = new Lab(workspace);
  await lab.run({...frozen, ...rate(1e-3), name: 'high'});
  await lab.run({...frozen, ...rate(1e-4), name: 'low'});
  await lab.run({...frozen, regime: lastStages(2)});
  assert.deepEqual(titles(lab), ['high', 'low', 'squeezenet1_1, last 2 stages']);

  const third = await lab.run({...frozen, ...rate(1e-2), name: 'high'});
  const fourth = await lab.run({...frozen, regime: lastStages(1)});
  assert.deepEqual(titles(lab), ['high', 'low', 'squeezenet1_1, last stage']);
  assert.deepEqual([lab.runs()[0].id, lab.runs()[2].id], [third.id, fourth.id]);

  const afterRestart = new Lab(workspace);
  assert.deepEqual(titles(afterRestart).sort(), titles(lab).sort());
  const [kept] = afterRestart.runs().filter(({name}) => name === 'high');
  assert.equal(kept.id, third.id);

  await afterRestart.run({...frozen, ...rate(1e-4), name: 'slow'});
  assert.deepEqual(titles(afterRestart)[0], 'slow', 'what this session ran comes first');
  assert.ok(!titles(afterRestart).includes('low'), 'a run has one name');
  assert.equal(workspace.runs.list().length, 5);
});

test('runs on earlier states of a set that grew are shown beside the others, each named with its state', async () => {
  const workspace = await drawnWorkspace();
  const {dataset} = workspace;
  const stored = (photos: typeof dataset.photos) =>
    storedSplit({...dataset, photos}, {seed: 2, folder: join(root, 'data')});
  const before = new Lab({...workspace, split: await stored(dataset.photos.slice(1))});
  const early = await before.run(frozen);
  assert.deepEqual(titles(before), ['squeezenet1_1, feature extraction']);

  const after = new Lab({...workspace, split: await stored(dataset.photos)});
  const late = await after.run(frozen);
  assert.notEqual(late.id, early.id);
  assert.deepEqual(titles(after), [
    'squeezenet1_1, feature extraction (state 2)',
    'squeezenet1_1, feature extraction (state 1)',
  ]);
  assert.equal(after.best().id, late.id, 'the validation part of another state chooses nothing');
  assert.match(charts.resultsTable(after.runs()), /\(state 2\).*\(state 1\)/s);
});
