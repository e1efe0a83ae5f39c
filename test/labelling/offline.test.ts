/** Labels by the original head of a pretrained network, here a small one with seeded random weights. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Backbone, smallRelative} from '../../lib/backbones';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {WholeNetwork} from '../../lib/heads';
import {
  imagenetClasses,
  imagenetPlaces,
  labelOffline,
  type OfflineOptions,
  pretrainedNetwork,
} from '../../lib/labelling';
import {judge} from '../../lib/labelling/offline';
import {atEnd} from '../ending';
import {drawnWorkspace} from '../experiments/workspace';

test('118 breeds of dogs and five domestic cats, whatever the class is called', () => {
  assert.deepEqual([imagenetClasses.cat.length, imagenetClasses.dog.length], [5, 118]);
  assert.deepEqual(
    [imagenetPlaces('Cats'), imagenetPlaces('dog')],
    [imagenetClasses.cat, imagenetClasses.dog],
  );
  assert.throws(
    () => imagenetPlaces('glass'),
    (error: Error) =>
      error instanceof LabError &&
      /"glass" is known for cat and dog alone.*places: \{"glass"/.test(error.message),
  );
});

test('the label has the largest sum, and its share is the confidence; ImageNet has more dogs than cats', () => {
  const sets = [[0], [1, 2, 3, 4]];
  const said = [0.3, 0.1, 0.1, 0.2, 0.1, 0.2];
  const how = {classes: ['cat', 'dog'], least: 0.1};
  const rounded = (judgement: ReturnType<typeof judge>) =>
    judgement && [judgement.label, Number(judgement.confidence.toFixed(6))];
  assert.deepEqual(rounded(judge(said, sets, {...how, frequencies: 'as in ImageNet'})), ['dog', 0.625]);
  assert.deepEqual(rounded(judge(said, sets, {...how, frequencies: 'equal'})), ['cat', 0.705882]);
  assert.equal(judge(said, sets, {...how, frequencies: 'equal', least: 0.81}), null);
  assert.equal(
    judge([NaN, 0, 0, 0, 0], sets, {...how, frequencies: 'equal', least: 0}),
    null,
    'no number is no label',
  );
});

test('photos are labelled in batches with progress; what the network does not believe in is left to a person', async () => {
  const {numTensors} = tf.memory();
  const {split} = await drawnWorkspace();
  const architecture = smallRelative('squeezenet1_1');
  const learner = WholeNetwork.original(Backbone.random(architecture, 1, 'whole'));
  const network = {preprocessing: architecture.preprocessing, learner};
  const photos = split.parts.train;
  const half = (first: number) => Array.from({length: learner.classes / 2}, (_, i) => first + i);
  const label = (options: Partial<OfflineOptions> = {}) =>
    labelOffline(photos, network, {
      classes: ['low', 'high'],
      places: {low: half(0), high: half(learner.classes / 2)},
      batchSize: 8,
      ...options,
    });
  try {
    const done: number[] = [];
    const found = await label({onProgress: (count) => done.push(count)});
    assert.deepEqual(
      [...found.labels.keys()],
      photos.map(({picture}) => picture.key),
    );
    assert.equal(done.at(-1), photos.length);
    assert.equal(done.length, Math.ceil(photos.length / 8));
    for (const {label, confidence} of found.labels.values()) {
      assert.ok(['low', 'high'].includes(label) && confidence >= 0.5 && confidence <= 1);
    }
    const unsure = await label({least: 1.01});
    assert.deepEqual([unsure.labels.size, unsure.left.length], [0, photos.length]);
    const controller = new AbortController();
    await assert.rejects(label({signal: controller.signal, onProgress: () => controller.abort()}), {
      name: 'AbortError',
    });
    await assert.rejects(
      label({places: {low: [learner.classes], high: [0]}}),
      (error: Error) =>
        error instanceof LabError && /low is to be class \d+, but the network knows 0 to/.test(error.message),
    );
  } finally {
    learner.dispose();
  }
  assert.equal(tf.memory().numTensors, numTensors);
});

test('drawings are labelled by no network, and photos by none where no weights can be had', async (t) => {
  const workspace = await drawnWorkspace();
  assert.equal(await pretrainedNetwork(workspace), null);
  process.env.LAB_OFFLINE = '1';
  atEnd(t, () => delete process.env.LAB_OFFLINE);
  const photos = {...workspace, dataset: {...workspace.dataset, standIn: null}};
  assert.equal(await pretrainedNetwork(photos), null);
});
