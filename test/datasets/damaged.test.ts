/** What the scan accepts, training decodes: files of many codecs, damaged in many places. */
import assert from 'node:assert/strict';
import {mkdir, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import test from 'node:test';
import sharp, {type Sharp} from 'sharp';

import {scanFolder} from '../../lib/datasets';
import {renderDrawing} from '../../lib/datasets/drawings';
import {decodeView, imagenet, photoAugmentation} from '../../lib/pictures';
import {mulberry32} from '../../lib/random';
import {temporaryFolder} from '../ending';
import {bitmap, pixelMap} from '../pictures/odd-files';

const size = {width: 100, height: 85};

const encoders: Record<string, (image: Sharp) => Sharp> = {
  jpeg: (image) => image.jpeg(),
  'progressive.jpeg': (image) => image.jpeg({progressive: true}),
  'turned.jpeg': (image) => image.withMetadata({orientation: 6}).jpeg(),
  png: (image) => image.png(),
  'interlaced.png': (image) => image.png({progressive: true}),
  '16.png': (image) => image.toColourspace('rgb16').png(),
  webp: (image) => image.webp(),
  'lossless.webp': (image) => image.webp({lossless: true}),
  gif: (image) => image.gif(),
  tiff: (image) => image.tiff({compression: 'none'}),
  'lzw.tiff': (image) => image.tiff({compression: 'lzw'}),
  'deflate.tiff': (image) => image.tiff({compression: 'deflate'}),
  'jpeg.tiff': (image) => image.tiff({compression: 'jpeg'}),
  avif: (image) => image.avif({effort: 0}),
};

/** The bytes with one kind of damage: a byte changed, a run of zeros, a piece taken out, the end cut off. */
function damaged(bytes: Buffer, kind: number, share: number): Buffer {
  const at = Math.floor(share * (bytes.length - 1));
  const copy = Buffer.from(bytes);
  if (kind === 0) copy[at] ^= 0x55;
  else if (kind === 1) copy.fill(0, at, Math.min(at + 40, copy.length));
  else if (kind === 2) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 7)]);
  else return bytes.subarray(0, at);
  return copy;
}

test('every damaged file that passes the scan is decoded in every view', async (t) => {
  const root = temporaryFolder(t, 'damaged ');
  const drawing = sharp(await renderDrawing('metal', 3)).resize({...size, fit: 'fill'});
  const rgb = await drawing.clone().raw().toBuffer();
  const files: [string, Buffer][] = [
    ['bmp', bitmap(rgb, size)],
    ['ppm', pixelMap(rgb, size)],
  ];
  for (const [name, encode] of Object.entries(encoders)) {
    files.push([name, await encode(drawing.clone()).toBuffer()]);
  }
  for (const name of ['whole', 'damaged']) await mkdir(path.join(root, name));
  const random = mulberry32(11);
  for (const [name, bytes] of files) {
    for (let i = 0; i < 3; i++) await writeFile(path.join(root, 'whole', `${i}.${name}`), bytes);
    for (let i = 0; i < 16; i++) {
      await writeFile(path.join(root, 'damaged', `${i}.${name}`), damaged(bytes, i % 4, random()));
    }
  }
  const {photos, skipped} = await scanFolder(root, {skippedLimit: 1});
  assert.equal(photos.filter(({label}) => label === 1).length, 3 * files.length, 'the whole ones');
  assert.ok(skipped.length > 3 * files.length, `${skipped.length} skipped`);
  assert.ok(photos.length > 4 * files.length, `${photos.length} accepted`);
  const views = [
    [imagenet({resize: 40, crop: 32}), 'evaluation'],
    [imagenet({resize: 150, crop: 128}), 'evaluation'],
    [imagenet({resize: 40, crop: 32}), {augmentation: photoAugmentation(), seed: 1}],
  ] as const;
  for (const {picture} of photos) {
    for (const [preprocessing, view] of views) await decodeView(picture, preprocessing, view);
  }
});
