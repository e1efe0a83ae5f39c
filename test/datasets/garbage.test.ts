import assert from 'node:assert/strict';
import {test} from 'node:test';

import {
  duplicateGroups,
  nearDuplicateBits,
  openDataset,
  partNames,
  splitPhotos,
  verifySplit,
} from '../../lib/datasets';
import {temporaryFolder} from '../ending';

test('the real garbage photos: all read, three under two labels, split without leaks', async (t) => {
  if (!process.env.LAB_MIRROR) return t.skip('LAB_MIRROR names no mirror with datasets/dataset-resized.zip');
  const dataFolder = temporaryFolder(t, 'garbage-');
  const dataset = await openDataset('garbage', {dataFolder});
  const perClass = dataset.classes.map(
    (_, label) => dataset.photos.filter((photo) => photo.label === label).length,
  );
  assert.deepEqual(dataset.classes, ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash']);
  assert.deepEqual(perClass, [403, 501, 410, 594, 482, 137]);
  assert.deepEqual(dataset.skipped, []);
  assert.deepEqual(
    dataset.conflicts.map(({paths}) => paths),
    [
      ['glass/glass115.jpg', 'metal/metal91.jpg'],
      ['glass/glass176.jpg', 'plastic/plastic152.jpg'],
      ['glass/glass389.jpg', 'plastic/plastic332.jpg'],
    ],
  );
  const groups = duplicateGroups(
    dataset.photos.map(({hash}) => hash),
    nearDuplicateBits,
  );
  const large = groups.filter(({length}) => length > 1);
  assert.ok(large.length >= 25 && large.length <= 40, `${large.length} groups of near-duplicates`);
  assert.ok(large.every(({length}) => length <= 4));

  for (const seed of [1, 42]) {
    const split = splitPhotos(dataset, {seed});
    verifySplit(split);
    perClass.forEach((count, label) => {
      for (const part of partNames) {
        const inPart = split.parts[part].filter((photo) => photo.label === label).length;
        assert.ok(Math.abs(inPart - split.fractions[part] * count) < 1, `${inPart} of ${count} in ${part}`);
      }
    });
  }

  const start = performance.now();
  assert.deepEqual(await openDataset('garbage', {dataFolder}), dataset);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds < 2, `a second look took ${seconds.toFixed(2)} s`);
});

test('CIFAR-100 and the ants and bees of a mirror: as their authors split them', async (t) => {
  const mirror = process.env.LAB_MIRROR;
  if (!mirror) return t.skip('LAB_MIRROR names no mirror');
  const dataFolder = temporaryFolder(t, 'given-');
  const cifar = await openDataset('cifar100', {dataFolder});
  assert.deepEqual([cifar.classes.length, cifar.groups!.names.length], [100, 20]);
  assert.equal(cifar.groups!.names[cifar.groups!.ofClass[cifar.classes.indexOf('bee')]], 'insects');
  const {parts, crossing} = splitPhotos(cifar, {seed: 42});
  assert.equal(parts.val.length / (parts.train.length + parts.val.length), 0.1);
  assert.ok(parts.test.length > 0 && crossing.count < 0.02 * parts.test.length);

  const insects = await openDataset('hymenoptera', {dataFolder});
  assert.deepEqual(insects.classes, ['ants', 'bees']);
  assert.deepEqual(insects.leftAside, ['train/ants/imageNotFound.gif']);
  const given = splitPhotos(insects, {seed: 42});
  verifySplit(given);
  assert.deepEqual(
    partNames.map((part) => given.parts[part].length),
    [244, 153, 0],
  );
});
