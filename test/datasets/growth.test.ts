import assert from 'node:assert/strict';
import {mkdtemp, readdir, readFile, rename, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {beforeEach, describe, test} from 'node:test';

import {
  type Dataset,
  type Part,
  partNames,
  type Photo,
  type Split,
  storedSplit,
  subsetSplit,
  verifySplit,
} from '../../lib/datasets';
import {PhotoFile} from '../../lib/pictures';
import {mulberry32} from '../../lib/random';
import {temporaryFolder, wholeFile} from '../ending';

const root = temporaryFolder(wholeFile, 'growing ');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(root, 'data-'));
});

const random = mulberry32(7);
const digits = (count: number) =>
  Array.from({length: count}, () => Math.floor(16 * random()).toString(16)).join('');

/** Photos of a class that resemble no others, with the names `<class>/<prefix><number>`. */
function photosOf(label: number, count: number, prefix = '', part: Part | null = null): Photo[] {
  return Array.from({length: count}, (_, i) => {
    const name = `${part === null ? '' : `${part}/`}${'abc'[label]}/${prefix}${String(i).padStart(3, '0')}`;
    return {picture: new PhotoFile(name, name, digits(64)), label, hash: digits(16), part};
  });
}

function datasetOf(photos: Photo[], skipped: Dataset['skipped'] = []): Dataset {
  const classes = [...'abc'].slice(0, Math.max(...photos.map(({label}) => label)) + 1);
  return {
    ...{classes, photos, skipped, conflicts: [], leftAside: [], notes: [], groups: null},
    ...{name: 'pets', home: 'pets', licence: '', source: '', standIn: null, largestSize: null},
    nearDuplicates: 'together',
  };
}

/** Opens the split of these photos; what it tells of a new state is in `told`. */
const told: string[] = [];
const opened = (photos: Photo[], skippedLimit?: number, skipped?: Dataset['skipped']): Promise<Split> => {
  told.length = 0;
  const onNote = (note: string) => told.push(note);
  return storedSplit(datasetOf(photos, skipped), {seed: 42, folder, skippedLimit, onNote});
};

const partOf = ({parts}: Split, {picture}: Photo): Part | undefined =>
  partNames.find((part) => parts[part].some((photo) => photo.picture.name === picture.name));
const files = async () => (await readdir(path.join(folder, 'pets'))).sort();
const alike = (photo: Photo, name: string): Photo => ({
  ...photo,
  picture: new PhotoFile(name, name, digits(64)),
  hash: photo.hash.slice(0, 15) + (photo.hash.endsWith('0') ? '1' : '0'),
});

describe('a set that grows', () => {
  test('keeps every photo in its part and the test part as drawn; new ones are divided by the fractions', async () => {
    const photos = [...photosOf(0, 60), ...photosOf(1, 40)];
    const first = await opened(photos);
    assert.deepEqual([first.state, first.earlier, first.notes, told], [1, [], [], []]);
    const more = [...photos, ...photosOf(0, 30, 'new'), ...photosOf(1, 3, 'new')];
    const second = await opened(more);
    verifySplit(second);
    for (const photo of photos) assert.equal(partOf(second, photo), partOf(first, photo));
    assert.deepEqual(second.parts.test, first.parts.test);
    const train = second.parts.train.filter(({label}) => label === 0).length;
    assert.equal(train, Math.round(((60 + 30 - 9) * 0.7) / 0.85));
    assert.equal(second.id.split('@')[1], '2');
    assert.deepEqual(
      second.earlier.map(({id, state}) => [id, state]),
      [[first.id, 1]],
    );
    assert.match(
      told[0],
      /photos of pets have changed; this is state 2 of their split\.\nNew photos: \d+ in the training part, \d+ in the validation part\.\nThe test part is that of state 1\.$/,
    );
    assert.deepEqual(await files(), ['split-42-70-15-15.json', 'split-42-70-15-15.state-2.json']);
    assert.deepEqual(await opened(more), second);
    assert.deepEqual(told, []);
    const third = await opened([...more, ...photosOf(1, 1, 'newer')]);
    assert.deepEqual([third.state, third.earlier.map(({state}) => state)], [3, [1, 2]]);
    assert.deepEqual(third.parts.test, first.parts.test);
    assert.equal((await opened(photos)).id, first.id, 'and what it was before is still there');
  });

  test('is the same split whichever of two kernels stores it', async () => {
    const photos = [...photosOf(0, 20), ...photosOf(1, 20)];
    await opened(photos);
    const more = [...photos, ...photosOf(0, 9, 'new')];
    const [one, two] = await Promise.all([opened(more), opened(more)]);
    assert.deepEqual(one, two);
    assert.equal((await files()).length, 2);
  });

  test('puts what looks like a training photo beside it, and leaves out what looks like a test photo', async () => {
    const photos = [...photosOf(0, 40), ...photosOf(1, 40)];
    const first = await opened(photos);
    const {train, val, test: tested} = first.parts;
    const like = [alike(train[0], 'a/x1'), alike(val[0], 'a/x2'), alike(tested[0], 'a/x3')];
    const copy = {...tested[1], picture: new PhotoFile('a/x4', 'a/x4', tested[1].picture.key)};
    const second = await opened([...photos, ...like, copy]);
    verifySplit(second);
    assert.deepEqual(
      [...like, copy].map((photo) => partOf(second, photo)),
      ['train', 'val', undefined, undefined],
    );
    assert.deepEqual(
      second.leftOut.map(({path, reason}) => [path, reason]),
      [
        ['a/x3', `it looks like ${tested[0].picture.name} of the test part`],
        ['a/x4', `it looks like ${tested[1].picture.name} of the test part`],
      ],
    );
    assert.match(told[0], /Left out of all parts: a\/x3 \(it looks like .* of the test part\), a\/x4/);
    assert.equal((await opened([...photos, ...like, copy])).id, second.id);
    assert.deepEqual(told, []);
  });

  test('divides a new class into all parts, beside the test photos of the others', async () => {
    const photos = [...photosOf(0, 20), ...photosOf(1, 20)];
    const first = await opened(photos);
    const second = await opened([...photos, ...photosOf(2, 20), ...photosOf(0, 5, 'new')]);
    verifySplit(second);
    const ofClass = (part: Part, label: number) =>
      second.parts[part].filter((photo) => photo.label === label);
    assert.deepEqual(
      partNames.map((part) => ofClass(part, 2).length),
      [14, 3, 3],
    );
    assert.deepEqual([...ofClass('test', 0), ...ofClass('test', 1)], first.parts.test);
    assert.deepEqual(second.earlier, []);
    assert.match(
      told[0],
      /New classes, divided into all parts: c\..*\n.*test scores before and after cannot/,
    );
  });

  test('goes on with the photos of given parts where their folders say', async () => {
    const photos = [0, 1].flatMap((label) => [
      ...photosOf(label, 30, '', 'train'),
      ...photosOf(label, 8, '', 'test'),
    ]);
    const first = await opened(photos);
    const fresh = [...photosOf(0, 20, 'new', 'train'), ...photosOf(1, 20, 'new', 'train')];
    const second = await opened([...photos, ...fresh]);
    for (const photo of photos) assert.equal(partOf(second, photo), partOf(first, photo));
    assert.deepEqual([second.parts.val.length, second.earlier.length], [10, 1]);
    const third = await opened([...photos, ...fresh, ...photosOf(0, 2, 'new', 'test')]);
    assert.deepEqual([third.parts.test.length, third.earlier.length], [18, 0]);
  });

  test('takes its split along when its folder is moved', async () => {
    const photos = [...photosOf(0, 20), ...photosOf(1, 20)];
    await opened(photos);
    const more = [...photos, ...photosOf(0, 9, 'new')];
    const second = await opened(more);
    const moved = {...datasetOf(more), home: 'pets-elsewhere'};
    assert.equal((await storedSplit(moved, {seed: 42, folder})).id, second.id);
    const other = {...datasetOf(more.slice(1)), home: 'others'};
    assert.equal((await storedSplit(other, {seed: 42, folder})).state, 1);
  });

  test('names the states whose subsets have the same test part', async () => {
    const photos = [...photosOf(0, 60), ...photosOf(1, 60)];
    const first = subsetSplit(await opened(photos), 20);
    const second = subsetSplit(await opened([...photos, ...photosOf(0, 9, 'new')]), 20);
    assert.deepEqual(second.parts.test, first.parts.test);
    assert.deepEqual(
      second.earlier.map(({id}) => id),
      [first.id],
    );
  });
});

describe('photos that are gone, changed or renamed', () => {
  test('leave the others where they are', async () => {
    const photos = [...photosOf(0, 40), ...photosOf(1, 40)];
    const first = await opened(photos);
    const [lost, kept] = [first.parts.train[0], first.parts.train.slice(1)];
    const left = photos.filter((photo) => photo !== lost);
    const second = await opened(left, undefined, [{path: lost.picture.name, reason: 'the file is empty'}]);
    assert.deepEqual(second.parts, {...first.parts, train: kept});
    assert.match(
      told[0],
      /Gone from their parts: a\/\d+ \(the file is empty\)\.\nThe test part is that of state 1/,
    );
    assert.equal((await opened(photos)).id, first.id, 'back in its place, it is state 1 again');
    const third = await opened([...photos, ...photosOf(1, 1, 'new')]);
    assert.equal(partOf(third, lost), 'train');
  });

  test('from the test part make scores that cannot be compared, which is said', async () => {
    const photos = [...photosOf(0, 40), ...photosOf(1, 40)];
    const {parts} = await opened(photos);
    const second = await opened(photos.filter((photo) => photo !== parts.test[0]));
    assert.deepEqual(second.earlier, []);
    assert.match(told[0], /not that of state 1: test scores before and after cannot be compared/);
  });

  test('keep their part under another name, another content and another label', async () => {
    const photos = [...photosOf(0, 40), ...photosOf(1, 40)];
    const first = await opened(photos);
    const [renamed, changed, relabelled] = [first.parts.test[0], first.parts.val[0], first.parts.train[0]];
    const others = photos.filter((photo) => ![renamed, changed, relabelled].includes(photo));
    const now = [
      {...renamed, picture: new PhotoFile('a/other', 'a/other', renamed.picture.key)},
      {...changed, picture: new PhotoFile(changed.picture.name, changed.picture.name, digits(64))},
      {...relabelled, label: 1},
    ];
    const second = await opened([...others, ...now]);
    assert.deepEqual(
      now.map((photo) => partOf(second, photo)),
      ['test', 'val', 'train'],
    );
    assert.match(
      told[0],
      /another content, in their parts as before: a\/\d+\.\nPhotos with another label, .*: a\/\d+\./,
    );
  });

  test('are an error when they are many, or a class, or the last of a part; its remedies work', async () => {
    const photos = [...photosOf(0, 40), ...photosOf(1, 40)];
    const first = await opened(photos);
    const fewer = photos.slice(4);
    await assert.rejects(
      opened(fewer),
      /^LabError: .*pets.* 4 of 80 are gone or cannot be read \(.*, \.\.\.; limit 1 %\)\. Put them back, open the data set with a larger skippedLimit to go on without them, or move .*split-42-70-15-15\*\.json away/,
    );
    assert.deepEqual(await files(), ['split-42-70-15-15.json']);
    assert.equal((await opened(fewer, 0.1)).state, 2);
    assert.equal((await opened(photos)).id, first.id);
    const renamed = photos.map((photo) => (photo.label === 1 ? {...photo, label: 2} : photo));
    const other: Dataset = {...datasetOf(renamed), classes: ['a', 'x', 'c']};
    await assert.rejects(
      storedSplit(other, {seed: 42, folder}),
      /the class b is gone\. Put its photos back into a folder of this name, or move/,
    );
    const tested = new Set(first.parts.test.filter(({label}) => label === 0));
    const untested = photos.filter((photo) => !tested.has(photo));
    await assert.rejects(
      opened(untested, 0.5),
      /without a photo of a in its test part\. Put one of those .* back, or move/,
    );
    for (const name of await files()) await rename(path.join(folder, 'pets', name), path.join(folder, name));
    assert.equal((await opened(untested)).state, 1);
  });
});

describe('a stored split', () => {
  test('of an early version, without labels and states, is read and grows', async () => {
    const photos = [...photosOf(0, 20), ...photosOf(1, 20)];
    const first = await opened(photos);
    const file = path.join(folder, 'pets', 'split-42-70-15-15.json');
    const early = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    for (const name of ['state', 'earlier', 'leftOut', 'notes', 'given']) delete early[name];
    const text = JSON.stringify(early, (name, value: unknown) => (name === 'label' ? undefined : value));
    await writeFile(file, text);
    assert.equal((await opened(photos)).id, first.id);
    const second = await opened([...photos, ...photosOf(0, 5, 'new')]);
    assert.deepEqual(second.parts.test, first.parts.test);
    assert.deepEqual(
      second.earlier.map(({id}) => id),
      [first.id],
    );
    assert.equal(await readFile(file, 'utf8'), text);
  });

  test('that was edited is refused, in any of its states', async () => {
    const photos = [...photosOf(0, 20), ...photosOf(1, 20)];
    await opened(photos);
    const more = [...photos, ...photosOf(0, 9, 'new')];
    await opened(more);
    const file = path.join(folder, 'pets', 'split-42-70-15-15.state-2.json');
    const state = JSON.parse(await readFile(file, 'utf8')) as {parts: Record<Part, unknown[]>};
    state.parts.train.push(state.parts.test.pop());
    await writeFile(file, JSON.stringify(state));
    await assert.rejects(opened(more), /state-2\.json was edited: .*Move .*state-2\.json away/);
    await rename(file, path.join(folder, 'edited.json'));
    assert.equal((await opened(more)).state, 2);
  });
});
