import assert from 'node:assert/strict';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {before} from 'node:test';
import {setImmediate, setTimeout as sleep} from 'node:timers/promises';
import {
  type Batch,
  type BatchItem,
  type BatchOptions,
  batches,
  batchValues,
  denormalise,
  describeBatch,
} from '../../lib/batches';
import {LabError} from '../../lib/errors';
import {type View, imagenet, photoAugmentation, PhotoFile} from '../../lib/pictures';
import {temporaryFolder, wholeFile} from '../ending';
import {draw, texture} from '../pictures/photos';
import {seen} from '../pictures/seen';

const folder = temporaryFolder(wholeFile);
const preprocessing = imagenet({resize: 36, crop: 32});
const augmentation = photoAugmentation();
const items: BatchItem[] = Array.from({length: 23}, (_, i) => ({
  picture: new PhotoFile(join(folder, `${i}.jpg`), `${i}.jpg`, `photo ${i}`),
  label: i % 3,
}));
const evaluation = {preprocessing, view: (): View => 'evaluation', batchSize: 5};

before(async () => {
  await Promise.all(
    items.map(({picture}, i) =>
      draw(48 + i, 60, 3, (channel, x, y) => (texture(channel, x, y) >> 1) + 5 * i)
        .jpeg()
        .toFile(picture.place),
    ),
  );
});

type Collected = Omit<Batch, 'tensor'> & {images: Float32Array};

async function collect(options: BatchOptions, pause = 0): Promise<Collected[]> {
  const all: Collected[] = [];
  for await (const batch of batches(items, options)) {
    all.push({images: batchValues(batch), labels: batch.labels, items: batch.items});
    if (pause > 0) await sleep(pause);
  }
  return all;
}

test('every photo comes once, in the order given, the last batch smaller', async () => {
  const all = await collect(evaluation);
  assert.deepEqual(
    all.map((batch) => batch.items.length),
    [5, 5, 5, 5, 3],
  );
  assert.deepEqual(
    all.flatMap((batch) => batch.items),
    items.map((_, i) => i),
  );
  assert.deepEqual(
    all.flatMap((batch) => [...batch.labels]),
    items.map(({label}) => label),
  );
  const length = 32 * 32 * 3;
  assert.equal(all[4].images.length, 3 * length);
  const photo = await seen(items[7].picture, preprocessing, 'evaluation');
  assert.deepEqual(all[1].images.slice(2 * length, 3 * length), photo);
});

test('a smaller last batch can be dropped', async () => {
  const all = await collect({...evaluation, dropLast: true});
  assert.deepEqual(
    all.map((batch) => batch.items.length),
    [5, 5, 5, 5],
  );
});

test('an order may pick and repeat items; a shuffle is a permutation that its seed decides', async () => {
  const picked = await collect({...evaluation, order: [4, 1, 4]});
  assert.deepEqual(
    picked.flatMap((batch) => batch.items),
    [4, 1, 4],
  );
  const order = async (shuffle: number) =>
    (await collect({...evaluation, order: {shuffle}})).flatMap((batch) => batch.items);
  const first = await order(1);
  assert.deepEqual(await order(1), first);
  assert.notDeepEqual(await order(2), first);
  assert.deepEqual(
    [...first].sort((a, b) => a - b),
    items.map((_, i) => i),
  );
});

test('the same seeds give the same bytes, whatever the timing', async () => {
  const view = (item: number): View => ({augmentation, seed: item % 2});
  const options = {preprocessing, view, batchSize: 4, order: {shuffle: 3}};
  const expected = await collect({...options, ahead: 1});
  assert.deepEqual(await collect({...options, ahead: 6}), expected);
  assert.deepEqual(await collect({...options, ahead: 2}, 10), expected);
});

test('no more than the asked number of batches is decoded ahead', async () => {
  let begun = 0;
  let taken = 0;
  const view = (): View => {
    begun++;
    return 'evaluation';
  };
  for await (const batch of batches(items, {...evaluation, view, batchSize: 2, ahead: 3})) {
    taken += batch.items.length;
    await sleep(5);
    assert.ok(begun - taken <= 3 * 2, `${begun - taken} photos ahead`);
  }
  assert.equal(begun, items.length);
});

test('while the caller is busy the next batches get ready', async () => {
  const stream = batches(items, evaluation);
  await stream.next();
  await sleep(300);
  for (const next of [stream.next(), stream.next()]) {
    assert.notEqual(await Promise.race([next, setImmediate('not ready')]), 'not ready');
  }
  await stream.return();
});

test('an unreadable photo is named when its batch is due, and the batches before it are given', async () => {
  const broken = {picture: new PhotoFile(join(folder, 'broken.jpg')), label: 0};
  writeFileSync(broken.picture.place, 'no photo');
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', listen);
  let given = 0;
  const stream = batches([...items.slice(0, 8), broken, broken], {...evaluation, batchSize: 3});
  await assert.rejects(
    async () => {
      for await (const batch of stream) {
        given += batch.items.length;
        await sleep(20);
      }
    },
    (error) =>
      error instanceof LabError && error.message.startsWith(`${broken.picture.place}: not a readable image`),
  );
  await sleep(20);
  process.off('unhandledRejection', listen);
  assert.equal(given, 6);
  assert.deepEqual(unhandled, []);
});

test('after a break nothing more is begun', async () => {
  let begun = 0;
  const view = (): View => {
    begun++;
    return 'evaluation';
  };
  for await (const batch of batches(items, {...evaluation, view, batchSize: 2, ahead: 2})) {
    assert.equal(batch.items.length, 2);
    break;
  }
  const after = begun;
  await sleep(30);
  assert.equal(begun, after);
  assert.equal(begun, 6);
});

test('an abort ends the loop with its reason', async () => {
  const reason = new Error('stopped by hand');
  const controller = new AbortController();
  let given = 0;
  await assert.rejects(async () => {
    for await (const batch of batches(items, {...evaluation, signal: controller.signal})) {
      given += batch.items.length;
      controller.abort(reason);
    }
  }, reason);
  assert.equal(given, 5);
  await assert.rejects(collect({...evaluation, signal: AbortSignal.abort(reason)}), reason);

  const waiting = new AbortController();
  const stream = batches(items, {...evaluation, signal: waiting.signal});
  const first = stream.next();
  waiting.abort(reason);
  await assert.rejects(first, reason);
});

test('options that cannot be are refused, with the value', async () => {
  await assert.rejects(collect({...evaluation, batchSize: 0}), /batchSize is 0/);
  await assert.rejects(collect({...evaluation, ahead: 1.5}), /ahead is 1.5/);
  await assert.rejects(
    collect({...evaluation, order: [0, 23]}),
    /order names item 23, but there are 23 items/,
  );
  const wild = {...augmentation, saturation: -1};
  await assert.rejects(
    collect({...evaluation, view: () => ({augmentation: wild, seed: 1})}),
    /saturation is -1/,
  );
});

test('no photos, no batches', async () => {
  assert.deepEqual(await batches([], evaluation).next(), {value: undefined, done: true});
});

test('a batch is described, and its pictures come back as they were', async () => {
  const file = join(folder, 'flat.png');
  await draw(40, 40, 3, (channel) => [255, 100, 0][channel])
    .png()
    .toFile(file);
  const {value: batch} = await batches([{picture: new PhotoFile(file), label: 0}], evaluation).next();
  assert.ok(batch);
  const images = batchValues(batch);
  const {shape, minimum, maximum, mean} = describeBatch(images, preprocessing);
  assert.deepEqual(shape, [1, 32, 32, 3]);
  const [red, green, blue] = [(1 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, -0.406 / 0.225];
  for (const [actual, expected] of [
    [minimum, blue],
    [maximum, red],
    [mean, (red + green + blue) / 3],
  ]) {
    assert.ok(Math.abs(actual - expected) < 1e-5);
  }
  assert.deepEqual([...denormalise(images, 0, preprocessing).slice(-3)], [255, 100, 0]);
});
