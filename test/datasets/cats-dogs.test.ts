/** The cats and dogs by name, from each of their archives: the parts of the official one are put together. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {test} from 'node:test';
import {catalogued, type Dataset, openDataset, partNames, splitPhotos, verifySplit} from '../../lib/datasets';
import {jpegOf} from '../collecting/server';
import {serve} from '../downloads/server';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {zip} from './zip-writer';

const [ofMirror, official] = catalogued('cats-dogs')!.archives;
const root = temporaryFolder(wholeFile, 'cats-dogs-');

/** `folders` of an archive with `count` photos each. */
async function archive(folders: string[], count: number): Promise<Buffer> {
  const entries = folders.flatMap((folder, i) =>
    Array.from({length: count}, async (_, j) => ({
      name: `${folder}/${path.basename(folder).slice(0, -1)}.${1000 * i + j}.jpg`,
      content: await jpegOf(1000 * i + j),
    })),
  );
  return zip([
    {name: `${folders[0].split('/')[0]}/vectorize.py`, content: 'pass'},
    ...(await Promise.all(entries)),
  ]);
}

function sizes(dataset: Dataset): number[][] {
  const split = splitPhotos(dataset, {seed: 42});
  verifySplit(split);
  assert.deepEqual(split.given, []);
  return partNames.map((part) =>
    split.classes.map((_, label) => split.parts[part].filter((photo) => photo.label === label).length),
  );
}

test('the official archive: training and validation put together, and three parts drawn', async (t) => {
  const folders = ['train/cats', 'train/dogs', 'validation/cats', 'validation/dogs'];
  const bytes = await archive(
    folders.map((folder) => `cats_and_dogs_filtered/${folder}`),
    20,
  );
  const server = await serve((_, response) => response.end(bytes));
  atEnd(t, server.close);
  const {addresses} = official;
  Object.assign(official, {addresses: [`${server.url}/${official.file}`]});
  atEnd(t, () => Object.assign(official, {addresses}));

  const dataset = await openDataset('cats-dogs', {dataFolder: path.join(root, 'official'), mirror: ''});
  assert.deepEqual([dataset.classes, dataset.photos.length], [['cats', 'dogs'], 80]);
  assert.ok(dataset.photos.every(({part}) => part === null));
  assert.match(dataset.source, /^http:\/\/127\.0\.0\.1:\d+\/cats_and_dogs_filtered\.zip /);
  assert.deepEqual(sizes(dataset), [
    [28, 28],
    [6, 6],
    [6, 6],
  ]);
});

test("a mirror's archive comes first", async () => {
  const mirror = path.join(root, 'mirror');
  fs.mkdirSync(path.join(mirror, 'datasets'), {recursive: true});
  const bytes = await archive(['cats-dogs/cats', 'cats-dogs/dogs'], 20);
  fs.writeFileSync(path.join(mirror, 'datasets', ofMirror.file), bytes);
  const dataset = await openDataset('cats-dogs', {dataFolder: path.join(root, 'mirrored'), mirror});
  assert.match(dataset.source, /^cats-dogs\.zip from a local mirror/);
  assert.deepEqual(sizes(dataset), [
    [14, 14],
    [3, 3],
    [3, 3],
  ]);
});

test("a real mirror's cats and dogs: 1,050 of each, all read, in parts of 70, 15 and 15 %", async (t) => {
  if (!process.env.LAB_MIRROR) return t.skip('LAB_MIRROR names no mirror with datasets/cats-dogs.zip');
  const dataset = await openDataset('cats-dogs', {dataFolder: path.join(root, 'real')});
  assert.deepEqual([dataset.photos.length, dataset.skipped, dataset.conflicts], [2100, [], []]);
  const [train, val, test] = sizes(dataset);
  assert.deepEqual(train, [735, 735]);
  for (const count of [...val, ...test]) assert.ok(Math.abs(count - 157.5) < 1);
});
