/** Each error about an experiment or a stored run that a machine can obey: what it says is done, and the run comes of it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {
  everything,
  experimentParts,
  type ExperimentOptions,
  featureExtraction,
  lastStages,
  runExperiment,
} from '../../lib/experiments';
import {PhotoFile} from '../../lib/pictures';
import {cosine, sgd} from '../../lib/training';
import {told} from '../told';
import {drawnWorkspace} from './workspace';

const good: ExperimentOptions = {
  backbone: 'squeezenet1_1',
  regime: featureExtraction(),
  epochs: 1,
  batchSize: 8,
  size: 64,
};

/** What is wrong, what the error says, and what is done about it. */
const remedies: [
  string,
  Partial<ExperimentOptions>,
  RegExp,
  (found: string) => Partial<ExperimentOptions>,
][] = [
  ['a misspelt backbone', {backbone: 'squeeznet1_1'}, /Did you mean (\w+)/, (name) => ({backbone: name})],
  [
    'more stages than there are',
    {regime: lastStages(99)},
    /Give 1 to (\d+)\./,
    (most) => ({regime: lastStages(Number(most))}),
  ],
  ['photos too small', {size: 16}, /from (\d+) to/, (least) => ({size: Number(least)})],
  [
    'photos too large',
    {size: 9999},
    /Give a whole number from (32) to 4096/,
    (least) => ({size: Number(least)}),
  ],
  [
    'a size that a transformer cannot take',
    {backbone: 'deit_tiny_patch16_224', size: 65},
    /a multiple of (\d+) pixels/,
    (patch) => ({size: 5 * Number(patch)}),
  ],
  ['an empty name', {name: ' '}, /or leave it out/, () => ({name: undefined})],
  [
    'a warm-up that leaves nothing',
    {schedule: cosine({warmup: 3})},
    /Shorten the warm-up or train for longer/,
    () => ({epochs: 4}),
  ],
  [
    'an auxiliary classifier that is not there',
    {auxiliary: true, weights: 'random'},
    /Leave auxiliary out/,
    () => ({auxiliary: undefined}),
  ],
  [
    'a training that diverges',
    {regime: everything(), optimizer: sgd({learningRate: 1e12}), epochs: 2},
    /Lower the learning rate/,
    () => ({optimizer: sgd({learningRate: 1e-3})}),
  ],
  [
    'weights that do not exist',
    {weights: join(__dirname, 'no such file.pth')},
    /Check its name/,
    () => ({weights: 'random'}),
  ],
];

for (const [fault, wrong, says, obey] of remedies) {
  test(`${fault}: what the error says works`, async () => {
    const workspace = await drawnWorkspace();
    const options = {...good, ...wrong};
    const found = await told(() => runExperiment(options, workspace), says);
    const {status} = await runExperiment({...options, ...obey(found)}, workspace);
    assert.equal(status, 'complete');
  });
}

test('a photo that cannot be read: put there again, and the run goes on', async () => {
  const workspace = await drawnWorkspace();
  const {split} = workspace;
  const [first, ...rest] = split.parts.train;
  const place = join(workspace.weightsFolder, '..', 'photo.jpg');
  const gone = {...first, picture: new PhotoFile(place, first.picture.name, first.picture.key)};
  const spoilt = {...workspace, split: {...split, parts: {...split.parts, train: [gone, ...rest]}}};
  const options = {...good, regime: everything()};
  await told(() => runExperiment(options, spoilt), /Put a readable one in its place/);
  fs.copyFileSync(first.picture.place, place);
  assert.equal((await runExperiment(options, spoilt)).status, 'complete');
});

test('a complete run: opened again with redo; one that was released: opened again', async () => {
  const workspace = await drawnWorkspace();
  await runExperiment(good, workspace);
  const {experiment, dispose} = await experimentParts(good, workspace);
  dispose();
  const done = workspace.runs.open(experiment);
  await told(() => done.saveBest([], 1), /Open it with \{redo: true\} to train it again/);
  done.release();
  const run = workspace.runs.open(experiment, {redo: true});
  run.release();
  await told(() => run.saveBest([], 1), /has been released\. Open it again to train on/);
  workspace.runs.open(experiment, {redo: true}).release();
});

test('damaged probabilities of a run: trained again, they are there', async () => {
  const workspace = await drawnWorkspace();
  const {id} = await runExperiment(good, workspace);
  const folder = workspace.runs
    .list()
    .map((record) => join(workspace.weightsFolder, '../runs', record.id))[0];
  const file = fs.readdirSync(folder).find((name) => name.startsWith('probabilities'))!;
  const weights = fs.readdirSync(folder).find((name) => name.startsWith('best'))!;
  fs.copyFileSync(join(folder, weights), join(folder, file));
  await told(() => workspace.runs.probabilities(id), /Train the run again with \{force: true\}/);
  await runExperiment({...good, force: true}, workspace);
  assert.ok(workspace.runs.probabilities(id)!.values.length > 0);
});
