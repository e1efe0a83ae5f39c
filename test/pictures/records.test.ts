import assert from 'node:assert/strict';
import {truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {
  decodeView,
  greyOf,
  imagenet,
  interleaved,
  photoAugmentation,
  PhotoFile,
  RecordFile,
  RecordPicture,
  separate,
  sharp,
  thumbnail,
  type View,
} from '../../lib/pictures';
import {temporaryFolder, wholeFile} from '../ending';
import {texture} from './photos';

const folder = temporaryFolder(wholeFile);
const planesOf = (record: number) =>
  Uint8Array.from({length: 3072}, (_, i) => texture(Math.floor(i / 1024) + record, i % 32, (i >> 5) % 32));

/** A file of 1,203 records of one label each. */
async function someRecords(name: string): Promise<RecordFile> {
  const records = Array.from({length: 1203}, (_, i) => Buffer.concat([Buffer.from([i % 10]), planesOf(i)]));
  writeFileSync(join(folder, name), Buffer.concat(records));
  return RecordFile.open(join(folder, name), 1);
}

test('records are read by their position, one alone as all in their order', async () => {
  const file = await someRecords('some.bin');
  assert.equal(file.count, 1203);
  assert.deepEqual(new Uint8Array(await file.planes(1201)), planesOf(1201));
  const sizes: number[] = [];
  for await (const {first, labels, planes} of file.blocks()) {
    sizes.push(planes.length);
    assert.equal(labels[2], (first + 2) % 10);
    assert.deepEqual(new Uint8Array(planes[2]), planesOf(first + 2));
  }
  assert.deepEqual(sizes, [1000, 203]);
});

test('planes become pixels and pixels planes', () => {
  const planes = planesOf(3);
  const pixels = interleaved(planes);
  assert.deepEqual([...pixels.subarray(0, 3)], [planes[0], planes[1024], planes[2048]]);
  const back = new Uint8Array(3072);
  separate(pixels, back);
  assert.deepEqual(back, planes);
});

test('a record decodes as a PNG of the same pixels, in every view', async () => {
  const file = await someRecords('views.bin');
  const png = join(folder, 'record.png');
  await sharp(interleaved(planesOf(17)), {raw: {width: 32, height: 32, channels: 3}})
    .png()
    .toFile(png);
  const [record, photo] = [new RecordPicture(file, 17, 'record', 'key'), new PhotoFile(png, 'photo', 'key')];
  const augmented: View = {augmentation: photoAugmentation(), seed: 2};
  for (const side of [24, 64]) {
    for (const view of ['evaluation', augmented] as const) {
      const preprocessing = imagenet({resize: side, crop: side});
      assert.deepEqual(
        await decodeView(record, preprocessing, view),
        await decodeView(photo, preprocessing, view),
      );
    }
  }
  assert.equal(await thumbnail(record), await thumbnail(photo));
});

test("grey levels are libvips', to one of them", async () => {
  const planes = planesOf(5);
  const raw = {width: 32, height: 32, channels: 3 as const};
  const theirs = await sharp(interleaved(planes), {raw}).toColourspace('b-w').raw().toBuffer();
  const ours = greyOf(planes);
  assert.ok(ours.every((level, i) => Math.abs(level - theirs[i]) <= 1));
});

test('a file that became shorter is named with its record', async () => {
  const file = await someRecords('short.bin');
  truncateSync(file.path, 5000);
  const picture = new RecordPicture(file, 9, 'record', 'key');
  assert.match(picture.place, /short\.bin, record 9$/);
  await assert.rejects(
    decodeView(picture, imagenet(), 'evaluation'),
    /^LabError: .*short\.bin has become shorter/,
  );
});
