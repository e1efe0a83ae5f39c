/** What is collected, from an API that works. */
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {
  type CollectOptions,
  collectPhotos,
  type CollectProgress,
  hasKeys,
  manifestName,
  theCatApi,
} from '../../lib/collecting';
import {openDataset} from '../../lib/datasets';
import {LockHeld} from '../../lib/storage';
import {atEnd} from '../ending';
import {manifestOf, newFolder, photosIn, quick, withKey} from './folder';
import {jpegOf, photosFrom, pictureOf, servePhotos} from './server';

delete process.env.LAB_OFFLINE;

test('with a key: page after page, each photo once, with its record; another call fetches nothing', async (t) => {
  withKey(t, 'secret-1');
  const [cats, dogs] = [await photosFrom(100, 9), await photosFrom(200, 9)];
  cats[2].licence = 'CC BY 4.0';
  const [cat, dog] = [
    await servePhotos(t, {photos: cats, key: 'secret-1', perPage: 4}),
    await servePhotos(t, {photos: dogs, key: 'secret-1', perPage: 4}),
  ];
  const folder = newFolder(t);
  const progress: CollectProgress[] = [];
  const options = {
    ...quick,
    folder,
    classes: {cats: cat.api, dogs: dog.api},
    perClass: 6,
    onProgress: (step: CollectProgress) => progress.push(step),
  };
  const {photos, skipped} = await collectPhotos(options);

  assert.equal(photos.length, 12);
  assert.deepEqual(skipped, []);
  assert.deepEqual(photosIn(folder), photos.map(({file}) => file).sort());
  assert.deepEqual(manifestOf(folder), photos);
  for (const photo of photos) {
    const bytes = fs.readFileSync(join(folder, photo.file));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    assert.equal(photo.file, `${photo.class}/${sha256}.jpg`);
    assert.deepEqual([photo.bytes, photo.width, photo.height], [bytes.length, 96, 96]);
    assert.ok(Math.abs(Date.now() - Date.parse(photo.time)) < 600_000);
    assert.match(photo.source, /^http:\/\/127\.0\.0\.1:\d+\/\d+$/);
    assert.equal(photo.licence, photo.id === 'p102' ? 'CC BY 4.0' : 'not stated');
    assert.equal(photo.api, photo.class === 'cats' ? cat.api.address : dog.api.address);
  }
  assert.deepEqual([progress[0].photos, progress.at(-1)!.photos, progress.at(-1)!.of], [0, 12, 12]);
  assert.ok(progress.at(-1)!.imagesPerSecond > 0);

  assert.deepEqual(
    cat.searches.map(({path}) => new URL(path, 'http://x').searchParams.get('page')),
    ['0', '1'],
  );
  assert.ok(cat.searches.every(({path, key}) => /limit=100&.*order=ASC/.test(path) && key === 'secret-1'));
  assert.ok(
    [...cat.fetches, ...dog.fetches].every(({key}) => key === undefined),
    'photo hosts get no key',
  );
  assert.ok(!fs.readFileSync(join(folder, manifestName), 'utf8').includes('secret-1'));
  assert.ok(cat.most() <= 4);

  const asked = cat.searches.length + cat.fetches.length;
  assert.deepEqual((await collectPhotos(options)).photos, photos);
  assert.equal(cat.searches.length + cat.fetches.length, asked);

  const more = await collectPhotos({...options, perClass: 8});
  assert.equal(more.photos.length, 16);
  assert.equal(cat.fetches.length, 8, 'only what is missing is fetched');

  const dataset = await openDataset(folder, {dataFolder: newFolder(t), mirror: ''});
  assert.deepEqual(dataset.classes, ['cats', 'dogs']);
  assert.equal(dataset.photos.length, 16);
  assert.deepEqual([dataset.leftAside, dataset.skipped, dataset.conflicts], [[manifestName], [], []]);
});

test('without a key: ten at a time by chance, until nothing new is offered', async (t) => {
  withKey(t, undefined);
  const server = await servePhotos(t, {photos: await photosFrom(300, 25)});
  assert.ok(!hasKeys({cats: server.api}));
  const warnings: string[] = [];
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 30};
  const {photos} = await collectPhotos({...options, onWarning: (message) => warnings.push(message)});
  assert.equal(photos.length, 25);
  assert.deepEqual(warnings, ['cats: 25 of 30 photos; TestAPI offers no more that are new.']);
  assert.ok(server.searches.every(({path, key}) => path.includes('limit=10&') && key === undefined));
  assert.ok(server.searches.length < 20);
  assert.equal(server.fetches.length, 25);
});

test('the same photo twice is kept once: by content, re-encoded, smaller, and under another class', async (t) => {
  const first = await jpegOf(1);
  const again = [
    first,
    await pictureOf(1).jpeg({quality: 40}).toBuffer(),
    await pictureOf(1).webp().toBuffer(),
    await pictureOf(1, 70).png().toBuffer(),
  ];
  const cat = await servePhotos(t, {
    photos: [first, ...again, await jpegOf(2)].map((content, id) => ({id, content})),
  });
  const dog = await servePhotos(t, {photos: [first, await jpegOf(3)].map((content, id) => ({id, content}))});
  const folder = newFolder(t);
  const options = {...quick, concurrency: 1, folder, classes: {cats: cat.api, dogs: dog.api}, perClass: 5};
  const {photos, skipped} = await collectPhotos(options);
  assert.deepEqual(
    photos.map((photo) => [photo.class, photo.id]),
    [
      ['cats', '0'],
      ['cats', '5'],
      ['dogs', '1'],
    ],
  );
  assert.match(skipped[0].skipped, /^the same file as cats\/[0-9a-f]{64}\.jpg$/);
  assert.deepEqual(
    skipped.map(({skipped: reason}) => reason.replace(/ cats.*/, '')),
    ['the same file as', 'looks the same as', 'looks the same as', 'looks the same as', 'the same file as'],
  );
  const fetched = cat.fetches.length;
  await collectPhotos(options);
  assert.equal(cat.fetches.length, fetched, 'what was left out for good is not fetched again');
});

test('a photo that somebody removed does not come back', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(400, 5)});
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 3};
  const [removed] = (await collectPhotos(options)).photos;
  fs.rmSync(join(options.folder, removed.file));
  const {photos} = await collectPhotos(options);
  assert.equal(photos.length, 3);
  assert.ok(photos.every(({id}) => id !== removed.id));
  assert.equal(server.fetches.length, 4);
});

test('so many requests a second and so many at once, not more', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(500, 12)});
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 12};
  const began = performance.now();
  await collectPhotos({...options, requestsPerSecond: 40, concurrency: 2});
  const times = server.fetches.map(({at}) => at - began);
  assert.ok(
    times.every((time, i) => time >= 25 * i),
    times.join(', '),
  );
  assert.ok(server.most() <= 2);
});

test('stopped by its signal and begun again: nothing is lost, nothing twice', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(600, 20)});
  const controller = new AbortController();
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 20};
  const stopAtFive = ({photos}: CollectProgress) => photos === 5 && controller.abort(new Error('stop'));
  await assert.rejects(
    collectPhotos({...options, signal: controller.signal, onProgress: stopAtFive}),
    /^Error: stop$/,
  );
  assert.equal(photosIn(options.folder).length, 5);
  const {photos} = await collectPhotos(options);
  assert.equal(new Set(photos.map(({id}) => id)).size, 20);
  assert.ok(server.fetches.length <= 24, `${server.fetches.length} fetched`);
});

test('of two that collect into one folder the second is told of the first', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(700, 3)});
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 3};
  const first = collectPhotos(options);
  await assert.rejects(collectPhotos(options), (error: Error) => {
    assert.ok(error instanceof LockHeld);
    return /^Photos are being collected into .* by this very kernel.*Wait for it/.test(error.message);
  });
  assert.equal((await first).photos.length, 3);
  assert.ok(!fs.existsSync(join(options.folder, '.collecting.lock')));
});

for (const [what, changes, message] of [
  ['no classes', {classes: {}}, /There are no classes to collect\. Give some/],
  ['a class with a slash', {classes: {'a/b': theCatApi}}, /class 'a\/b' is no name of a folder/],
  ['a hidden class', {classes: {'.x': theCatApi}}, /class '\.x' is no name of a folder/],
  ['half a photo', {perClass: 0.5}, /perClass is 0\.5\. Give a whole number/],
  ['no time', {timeLimit: 0}, /timeLimit is 0\. .* its default is 60000/],
  ['no rate', {requestsPerSecond: NaN}, /requestsPerSecond is NaN\. .* its default is 5/],
  [
    'no web address',
    {classes: {cats: {title: 'X', address: 'thecatapi'}}},
    /address of X is 'thecatapi'\. Give/,
  ],
] as [string, Partial<CollectOptions>, RegExp][]) {
  test(`${what} is refused before anything is asked`, async (t) => {
    const options = {...quick, folder: newFolder(t), classes: {cats: theCatApi}, perClass: 1, ...changes};
    await assert.rejects(collectPhotos(options), message);
  });
}

test('nothing is asked while LAB_OFFLINE is set', async (t) => {
  process.env.LAB_OFFLINE = '1';
  atEnd(t, () => delete process.env.LAB_OFFLINE);
  const options = {...quick, folder: newFolder(t), classes: {cats: theCatApi}, perClass: 1};
  await assert.rejects(collectPhotos(options), /LAB_OFFLINE is set\. Unset it, or open a set/);
});
