/** What a cell calls to label without a person, to choose what a person labels, and to see what the labels are worth. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {partNames} from '../../lib/datasets';
import {tf} from '../../lib/engine';
import {agreementWith, type Judgement, truthOf} from '../../lib/labelling';
import {Lab, plainText} from '../../lib/notebook';
import {disagreementGrid} from '../../lib/notebook/grids';
import {agreementsHtml} from '../../lib/notebook/offlineLabels';
import {drawnWorkspace} from '../experiments/workspace';

test('without a pretrained network every photo is left to a person', async () => {
  const workspace = await drawnWorkspace();
  const lab = new Lab(workspace);
  const photos = partNames.flatMap((part) => workspace.split.parts[part]);
  const {network, labels, left} = await lab.labelOffline();
  assert.deepEqual([network, labels.size, left.length], [null, 0, photos.length]);
});

test('ways of labelling side by side, one that looks at nothing named, and its disagreements as photos', async () => {
  const workspace = await drawnWorkspace();
  const {classes, parts} = workspace.split;
  const sample = new Map(parts.train.map(({picture, label}) => [picture.key, classes[label]]));
  const always = new Map(
    [...sample.keys()].map((key): [string, Judgement] => [key, {label: classes[0], confidence: 0.9}]),
  );
  const agreement = agreementWith(sample, always, {way: 'a model', classes});
  const text = plainText(agreementsHtml([agreement], workspace));
  assert.match(text, /stand-in: drawings/);
  assert.match(text, new RegExp(`a model\\t${sample.size}\\t0\\t0\\.\\d+\\t0\\.\\d+ to 0\\.\\d+\\t0\\.000`));
  assert.match(text, new RegExp(`a model says "${classes[0]}" of every photo.*do not use its labels`));
  const html = await disagreementGrid(workspace, agreement, 5);
  assert.equal(html.match(/<img /g)?.length, 5);
  assert.match(html, new RegExp(`✗ ${classes[0]} \\(90\u00a0%\\)`));
  assert.match(html, new RegExp(`by hand: ${classes[1]}`));
});

test('a session and a comparison on frozen photos', async () => {
  const lab = new Lab(await drawnWorkspace());
  const frozen = await lab.frozenPhotos({backbone: 'mobilenet_v2'});
  const {numTensors} = tf.memory();
  const budget = 12;
  const session = await lab.learnActively(frozen, {oracle: truthOf(frozen.train), start: 6, step: 6, budget});
  assert.deepEqual(
    session.rounds.map(({labelled}) => labelled),
    [6, 12],
  );
  const curves = await lab.compareStrategies(frozen, {
    part: 'test',
    strategies: ['least margin', 'random'],
    seeds: [1, 2],
    start: 6,
    step: 6,
    budget,
  });
  assert.deepEqual(
    curves.map(({name, labelled}) => [name, labelled]),
    [
      ['least margin', [6, 12]],
      ['random', [6, 12]],
    ],
  );
  assert.equal(tf.memory().numTensors, numTensors);
});
