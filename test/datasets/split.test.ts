import assert from 'node:assert/strict';
import {describe, test} from 'node:test';

import {
  hashDistance,
  nearDuplicateBits,
  partNames,
  splitPhotos,
  subsetSplit,
  verifySplit,
  type Dataset,
  type Photo,
} from '../../lib/datasets';
import {PhotoFile} from '../../lib/pictures';
import {mulberry32, shuffled} from '../../lib/random';

/** Photos with random hashes (so none are near-duplicates), `sizes[label]` of each class. */
function photosOf(sizes: number[], seed = 1): Photo[] {
  const random = mulberry32(seed);
  const digits = (count: number) =>
    Array.from({length: count}, () => Math.floor(16 * random()).toString(16)).join('');
  return sizes.flatMap((size, label) =>
    Array.from({length: size}, (_, index) => ({
      picture: new PhotoFile(
        `${'abcdef'[label]}/${index}.jpg`,
        `${'abcdef'[label]}/${index}.jpg`,
        digits(64),
      ),
      label,
      hash: digits(16),
      part: null,
    })),
  );
}

function datasetOf(photos: Photo[], conflicts: Dataset['conflicts'] = []) {
  const classes = [...'abcdef'].slice(0, Math.max(...photos.map(({label}) => label)) + 1);
  return {classes, photos, conflicts};
}

/** Gives a photo a hash that differs from another's in `bits` bits. */
function makeSimilar(photo: Photo, to: Photo, bits: number): void {
  const flipped = BigInt(`0x${to.hash}`) ^ ((1n << BigInt(bits)) - 1n);
  photo.hash = flipped.toString(16).padStart(16, '0');
}

function counts(split: ReturnType<typeof splitPhotos>): number[][] {
  return split.classes.map((_, label) =>
    partNames.map((part) => split.parts[part].filter((photo) => photo.label === label).length),
  );
}

describe('splitPhotos', () => {
  test('has the fractions in every class, every photo once', () => {
    const photos = photosOf([100, 60, 137]);
    const split = splitPhotos(datasetOf(photos), {seed: 1});
    assert.deepEqual(counts(split), [
      [70, 15, 15],
      [42, 9, 9],
      [96, 21, 20],
    ]);
    const paths = partNames.flatMap((part) => split.parts[part].map(({picture}) => picture.name));
    assert.deepEqual(paths.sort(), photos.map(({picture}) => picture.name).sort());
    verifySplit(split);
  });

  test('repeats with its seed whatever the order, and changes with another', () => {
    const photos = photosOf([50, 50]);
    const split = splitPhotos(datasetOf(photos), {seed: 42});
    assert.deepEqual(splitPhotos(datasetOf(shuffled(photos, mulberry32(9))), {seed: 42}), split);
    const other = splitPhotos(datasetOf(photos), {seed: 43});
    assert.notEqual(other.id, split.id);
    assert.notDeepEqual(other.parts.test, split.parts.test);
  });

  test('keeps near-duplicates together, across classes too, and the counts all the same', () => {
    const photos = photosOf([100, 100]);
    for (let i = 0; i < 90; i += 3) {
      makeSimilar(photos[i + 1], photos[i], nearDuplicateBits);
      makeSimilar(photos[i + 2], photos[i], 2);
    }
    makeSimilar(photos[150], photos[99], 4);
    for (let seed = 0; seed < 10; seed++) {
      const split = splitPhotos(datasetOf(photos), {seed});
      verifySplit(split);
      assert.deepEqual(counts(split), [
        [70, 15, 15],
        [70, 15, 15],
      ]);
      const partOf = (photo: Photo) => partNames.find((part) => split.parts[part].includes(photo));
      assert.equal(partOf(photos[150]), partOf(photos[99]));
    }
  });

  test('draws every part without favour: groups reach validation and test too', () => {
    const photos = photosOf([60]);
    makeSimilar(photos[1], photos[0], 1);
    const drawn = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const {parts} = splitPhotos(datasetOf(photos), {seed});
      drawn.add(partNames.find((part) => parts[part].includes(photos[0]))!);
    }
    assert.equal(drawn.size, 3);
  });

  test('has every class in every part, down to three photos and with a large group', () => {
    for (let seed = 0; seed < 20; seed++) {
      assert.deepEqual(counts(splitPhotos(datasetOf(photosOf([3, 4, 7])), {seed})).slice(0, 2), [
        [1, 1, 1],
        [2, 1, 1],
      ]);
      const photos = photosOf([12, 20]);
      for (let i = 1; i < 10; i++) makeSimilar(photos[i], photos[0], i % 3);
      const split = splitPhotos(datasetOf(photos), {seed});
      verifySplit(split);
      assert.deepEqual(counts(split)[0], [10, 1, 1]);
    }
  });

  test('trains on pictures that stand under two labels, and never tests on them', () => {
    const photos = photosOf([30, 30]);
    photos[45].hash = photos[5].hash;
    const conflicts = [{paths: [photos[5].picture.name, photos[45].picture.name], labels: ['a', 'b']}];
    for (let seed = 0; seed < 10; seed++) {
      const {parts} = splitPhotos(datasetOf(photos, conflicts), {seed});
      assert.ok(parts.train.includes(photos[5]) && parts.train.includes(photos[45]));
    }
  });

  test('says which class has too few distinct pictures', () => {
    const photos = photosOf([5, 20]);
    for (const photo of photos.slice(1, 4)) photo.hash = photos[0].hash;
    assert.throws(
      () => splitPhotos(datasetOf(photos), {seed: 1}),
      /^LabError: The class a .* 2 distinct pictures/,
    );
  });

  test('refuses fractions that are no shares', () => {
    const dataset = datasetOf(photosOf([10, 10]));
    for (const fractions of [
      {train: 0.7, val: 0.2, test: 0.2},
      {train: 1, val: 0, test: 0},
      {train: 1.2, val: -0.1, test: -0.1},
      {train: NaN, val: 0.5, test: 0.5},
    ]) {
      assert.throws(() => splitPhotos(dataset, {seed: 1, fractions}), /^LabError: The fractions/);
    }
    assert.throws(() => splitPhotos(dataset, {seed: NaN}), /^LabError: The split's seed is NaN/);
  });
});

test('verifySplit names the pair that leaks and the class that is missing', () => {
  const photos = photosOf([40, 40]);
  const split = splitPhotos(datasetOf(photos), {seed: 1});
  const [inTrain] = split.parts.train;
  const inTest = {...split.parts.test[0]};
  makeSimilar(inTest, inTrain, 3);
  assert.equal(hashDistance(inTest.hash, inTrain.hash), 3);
  const leaking = {...split, parts: {...split.parts, test: [inTest, ...split.parts.test.slice(1)]}};
  assert.throws(
    () => verifySplit(leaking),
    new RegExp(`${inTrain.picture.name} \\(train\\) and ${inTest.picture.name} \\(test\\)`),
  );
  const twice = {...split, parts: {...split.parts, test: [inTrain, ...split.parts.test]}};
  assert.throws(() => verifySplit(twice), /leaks/);
  const lacking = {...split, parts: {...split.parts, val: split.parts.val.filter(({label}) => label === 0)}};
  assert.throws(() => verifySplit(lacking), /no photo of b in val/);
});

describe('given parts', () => {
  /** Photos of two classes, so many of each in each part. */
  function givenPhotos(sizes: Partial<Record<'train' | 'val' | 'test', number>>): Photo[] {
    return Object.entries(sizes).flatMap(([part, size], seed) =>
      photosOf([size, size], seed + 1).map((photo) => {
        const name = `${part}/${photo.picture.name}`;
        return {...photo, picture: new PhotoFile(name, name, photo.picture.key), part: part as 'train'};
      }),
    );
  }

  test('stay as they are; a missing validation part is drawn from training', () => {
    const dataset = datasetOf(givenPhotos({train: 40, test: 10}));
    const split = splitPhotos(dataset, {seed: 1});
    verifySplit(split);
    assert.deepEqual(counts(split), [
      [36, 4, 10],
      [36, 4, 10],
    ]);
    assert.deepEqual(split.given, ['train', 'test']);
    assert.ok(split.parts.test.every(({part}) => part === 'test'));
    assert.ok(split.parts.val.every(({part}) => part === 'train'));
    assert.notEqual(splitPhotos(dataset, {seed: 2}).id, split.id);
    assert.deepEqual(counts(splitPhotos(dataset, {seed: 1, validation: 0.25}))[0], [30, 10, 10]);
  });

  test('need no test part and no seed', () => {
    const dataset = datasetOf(givenPhotos({train: 20, val: 5}));
    const split = splitPhotos(dataset, {seed: 1});
    verifySplit(split);
    assert.equal(split.parts.test.length, 0);
    assert.equal(splitPhotos(dataset, {seed: 2}).id, split.id);
    assert.equal(subsetSplit(split, 6).parts.test.length, 0);
  });

  test('are no place for fractions, and validation is a share', () => {
    const dataset = datasetOf(givenPhotos({train: 20, test: 5}));
    const fractions = {train: 0.7, val: 0.15, test: 0.15};
    assert.throws(
      () => splitPhotos(dataset, {seed: 1, fractions}),
      /is split by its authors \(train, test\)/,
    );
    assert.throws(() => splitPhotos(dataset, {seed: 1, validation: 1}), /validation is 1\. Give a share/);
  });

  test('may share near-duplicates, which are counted and named; none are drawn into validation', () => {
    const photos = givenPhotos({train: 40, test: 10});
    const [first, second, other] = [photos[0], photos[1], photos[85]];
    makeSimilar(other, first, 3);
    makeSimilar(second, first, 2);
    for (let seed = 0; seed < 10; seed++) {
      const split = splitPhotos(datasetOf(photos), {seed});
      verifySplit(split);
      assert.equal(split.crossing.count, 1);
      assert.equal(split.crossing.examples[0][1], other.picture.name);
      assert.equal(split.parts.val.includes(first), split.parts.val.includes(second));
    }
  });
});
