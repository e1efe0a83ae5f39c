/** Labelling as cells call it; outside a kernel it prints what it would show. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {before, test} from 'node:test';
import {renderDrawing} from '../../lib/datasets/drawings';
import {labelByModel, openLab, openLabels, openPhotos} from '../../lib/notebook';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {say, startModel} from '../labelling/model';
import {startOther} from '../processes';

const root = temporaryFolder(wholeFile, 'lab-by-hand-');
const folder = join(root, 'photos');
const classes = ['glass', 'metal'];
const earlier = {home: process.env.LAB_HOME, url: process.env.LABEL_API_URL, model: process.env.LABEL_MODEL};

before(async () => {
  process.env.LAB_HOME = join(root, 'home');
  fs.mkdirSync(folder);
  for (const name of ['glass', 'metal'] as const) {
    for (let i = 1; i <= 4; i++)
      fs.writeFileSync(join(folder, `${name}${i}.jpg`), await renderDrawing(name, i));
  }
});
atEnd(wholeFile, () => {
  const names = {LAB_HOME: earlier.home, LABEL_API_URL: earlier.url, LABEL_MODEL: earlier.model};
  for (const [name, value] of Object.entries(names)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

test('a flat folder is labelled and opened as a lab; one giver can be put before another', async () => {
  const photos = await openPhotos(folder);
  assert.equal(photos.length, 8);
  const file = join(root, 'labels.jsonl');
  await assert.rejects(
    openLab({dataset: folder, labels: file}),
    /^LabError: .*labels\.jsonl holds no labels\. Check/,
  );
  const labels = openLabels(file, classes);
  labels.add(...photos.map(({key, name}) => ({photo: key, label: name.slice(0, 5), by: 'Anna'})));
  labels.add({photo: photos[0].key, label: 'metal', by: 'model x'});
  const counts = async (choice: Parameters<typeof openLab>[0]['labels']) => {
    const {dataset} = (await openLab({dataset: folder, labels: choice, mirror: ''})).workspace;
    return classes.map((_, label) => dataset.photos.filter((photo) => photo.label === label).length);
  };
  assert.deepEqual(await counts({file, by: ['Anna', 'model x']}), [4, 4]);
  await assert.rejects(counts({file, by: ['Bert']}), /holds no labels by Bert\. Check its name/);
});

test('without a model nothing is asked; with one that the environment names its labels are written', async (t) => {
  const photos = await openPhotos(folder);
  const labels = openLabels(join(root, 'by-model.jsonl'), classes);
  delete process.env.LABEL_API_URL;
  delete process.env.LABEL_MODEL;
  assert.equal(await labelByModel({photos, classes, labels}), null);
  const model = await startModel((_, response) => say(response, {label: 'glass', confidence: 0.5}));
  atEnd(t, model.close);
  process.env.LABEL_API_URL = model.url;
  process.env.LABEL_MODEL = 'vision-1';
  const outcome = await labelByModel({photos, classes, labels});
  assert.equal(outcome?.labelled, 8);
  assert.equal(labels.standing(['model vision-1']).size, 8);
  assert.equal(fs.readdirSync(join(root, 'home', 'data', 'answers')).length, 1);
});

test('the stop button ends a page in good order', async (t) => {
  const file = join(root, 'stopped.jsonl');
  const other = startOther(t, join(__dirname, 'fixtures', 'by-hand.ts'), [folder, file]);
  let address: string | undefined;
  while (!address) address = /http:\/\/127\.0\.0\.1:\S+/.exec(await other.line())?.[0];
  const response = await fetch(`${address}label`, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: '{"photo":0,"label":"cat"}',
  });
  assert.equal(response.status, 200);
  process.kill(other.pid, 'SIGINT');
  await other.line();
  assert.deepEqual(JSON.parse(await other.line()), {ended: 'stopped', labelled: 1});
  await other.ended;
  assert.equal(openLabels(file).standing().size, 1);
});
