/** Photos of a folder and a file of labels become a data set. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {basename, join} from 'node:path';
import {before, test} from 'node:test';
import {openDataset, type PhotoLabels, withLabels} from '../../lib/datasets';
import {renderDrawing} from '../../lib/datasets/drawings';
import {openWorkspace} from '../../lib/experiments';
import {temporaryFolder, wholeFile} from '../ending';

const root = temporaryFolder(wholeFile, 'lab labelled ');
const folder = join(root, 'my photos');
const options = {dataFolder: join(root, 'data'), mirror: '', unlabelled: true};

/** Three flat photos of each of two kinds and two in sub-folders, which say nothing true. */
before(async () => {
  fs.mkdirSync(join(folder, 'train', 'cats'), {recursive: true});
  for (let i = 1; i <= 4; i++) {
    fs.writeFileSync(
      join(folder, i > 3 ? 'train/cats/glass4.jpg' : `glass${i}.jpg`),
      await renderDrawing('glass', i),
    );
    fs.writeFileSync(
      join(folder, i > 3 ? 'train/metal4.jpg' : `metal${i}.jpg`),
      await renderDrawing('metal', i),
    );
  }
  fs.writeFileSync(join(folder, 'broken.jpg'), 'no picture');
  fs.writeFileSync(join(folder, 'labels.txt'), 'notes');
});

/** Labels by the beginning of the files' names, but of those that are named. */
async function labelsOf(...without: string[]): Promise<PhotoLabels> {
  const {photos} = await openDataset(folder, options);
  const named = photos
    .map(({picture}) => [picture.key, basename(picture.name)])
    .filter(([, name]) => !without.includes(name));
  const of = new Map(named.map(([key, name]) => [key, name.replace(/\d.*/, '')]));
  return {of, source: join(root, 'labels.jsonl')};
}

test('a folder is opened whatever its folders say, all its photos unlabelled', async () => {
  const dataset = await openDataset(folder, options);
  assert.deepEqual(dataset.classes, ['unlabelled']);
  assert.deepEqual(
    dataset.photos.map(({picture}) => picture.name),
    [
      'glass1.jpg',
      'glass2.jpg',
      'glass3.jpg',
      'metal1.jpg',
      'metal2.jpg',
      'metal3.jpg',
      'train/cats/glass4.jpg',
      'train/metal4.jpg',
    ],
  );
  assert.deepEqual(
    dataset.skipped.map(({path}) => path),
    ['broken.jpg'],
  );
  assert.deepEqual(dataset.leftAside, ['labels.txt']);
  const empty = fs.mkdtempSync(join(root, 'empty-'));
  await assert.rejects(openDataset(empty, options), /^LabError: .* holds no photos\. Put some there/);
});

test('with labels it has their classes; photos without one are left aside, labels without a photo told', async () => {
  const {of, source} = await labelsOf('glass4.jpg', 'metal4.jpg');
  const unlabelled = await openDataset(folder, options);
  const dataset = withLabels(unlabelled, {of: new Map([...of, ['f'.repeat(64), 'metal']]), source});
  assert.deepEqual(dataset.classes, ['glass', 'metal']);
  assert.deepEqual(
    dataset.photos.map(({picture, label, part}) => [picture.name, label, part]),
    ['glass1', 'glass2', 'glass3', 'metal1', 'metal2', 'metal3'].map((name, i) => [
      `${name}.jpg`,
      i < 3 ? 0 : 1,
      null,
    ]),
  );
  assert.deepEqual(dataset.leftAside, ['labels.txt', 'train/cats/glass4.jpg', 'train/metal4.jpg']);
  assert.deepEqual(dataset.notes, [
    'Photos without a label in labels.jsonl, left aside: 2.',
    'Labels of labels.jsonl whose photos are not here: 1 (ffffffffffff). They stay in the file.',
  ]);
  assert.notEqual(dataset.home, unlabelled.home, 'its splits are its own');
});

test('too few labels are told with what there is', async () => {
  const unlabelled = await openDataset(folder, options);
  const {of, source} = await labelsOf('glass1.jpg', 'glass2.jpg', 'glass3.jpg', 'glass4.jpg');
  assert.throws(
    () => withLabels(unlabelled, {of, source}),
    /^LabError: Of the 8 photos of my photos .*labels\.jsonl labels 4 as metal\. At least two classes .* label more/,
  );
  assert.throws(() => withLabels(unlabelled, {of: new Map(), source}), /labels none\./);
  const few = await labelsOf('glass1.jpg', 'glass2.jpg');
  assert.throws(() => withLabels(unlabelled, few), /labels 2 as glass, 4 as metal\. .* 3 photos of each/);
});

test('a workspace is opened on labelled photos, of a folder as of a data set by name', async () => {
  const labels = await labelsOf();
  const workspace = await openWorkspace({dataset: folder, labels, seed: 1, folder: root, mirror: ''});
  const {parts} = workspace.split;
  assert.deepEqual(
    [parts.train, parts.val, parts.test].map(({length}) => length),
    [4, 2, 2],
  );

  const drawings = await openDataset('drawings', {...options, unlabelled: false});
  const twoKinds = drawings.photos.filter(({label}) => label < 2);
  const of = new Map(twoKinds.map(({picture, label}) => [picture.key, ['even', 'odd'][label]]));
  const named = await openWorkspace({
    dataset: 'drawings',
    labels: {...labels, of},
    seed: 1,
    folder: root,
    mirror: '',
  });
  assert.deepEqual(named.split.classes, ['even', 'odd']);
  assert.equal(named.dataset.photos.length, twoKinds.length);
  assert.equal(
    (await openWorkspace({dataset: 'drawings', seed: 1, folder: root, mirror: ''})).split.classes.length,
    6,
  );
});
