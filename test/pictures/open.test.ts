import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import sharp from 'sharp';

import {openPicture, uprightRgb} from '../../lib/pictures';
import {bitmap, pixelMap, tiff} from './odd-files';

const [width, height] = [6, 4];
const count = width * height;

/** RGB with another colour at each pixel. */
const rgb = Uint8Array.from({length: 3 * count}, (_, i) => (i * 37) % 251);
const each = <T>(values: (i: number) => T[]) => Array.from({length: count}, (_, i) => values(i)).flat();
const colour = (i: number) => [...rgb.subarray(3 * i, 3 * i + 3)];

async function pixelsOf(bytes: Buffer): Promise<number[]> {
  const picture = await openPicture(bytes);
  assert.deepEqual(picture.size, {width, height});
  return [...(await uprightRgb(await picture.image()).toBuffer())];
}

async function assertClose(bytes: Buffer, expected: ArrayLike<number>, tolerance = 0.5): Promise<void> {
  const pixels = await pixelsOf(bytes);
  assert.equal(pixels.length, expected.length);
  pixels.forEach((value, i) =>
    assert.ok(Math.abs(value - expected[i]) <= tolerance, `${value}, ${expected[i]} at ${i}`),
  );
}

describe('TIFFs', () => {
  const samples = {width, height};

  test('with bands beyond the colours that are no transparency are their RGB', async () => {
    for (const extra of [[0], [0, 0]]) {
      const data = Uint8Array.from(each((i) => [...colour(i), ...extra.map(() => 90)]));
      await assertClose(tiff({...samples, bands: 3 + extra.length, extra, data}), rgb, 0.2);
    }
    const wide = Uint16Array.from(each((i) => [...colour(i).map((value) => 257 * value), 30_000]));
    await assertClose(tiff({...samples, bands: 4, extra: [0], data: wide}), rgb);
  });

  test('with bands that the file says nothing of are their RGB, too', async () => {
    for (const bands of [4, 5]) {
      const data = Uint8Array.from(each((i) => [...colour(i), ...Array<number>(bands - 3).fill(90)]));
      await assertClose(tiff({...samples, bands, data}), rgb);
    }
    const data = Uint8Array.from(each((i) => [...colour(i), 90, 90]));
    await assert.rejects(
      openPicture(tiff({...samples, bands: 5, photometric: 1, data})),
      /TIFF of 5 bands does not say which are red, green and blue: save these as RGB/,
    );
  });

  test('with transparency lie on white, also where another band stands beside it', async () => {
    for (const extra of [[2], [2, 0], [0, 2]]) {
      const beside = extra.map((value) => (value === 2 ? 51 : 90));
      const data = Uint8Array.from(each(() => [200, 100, 50, ...beside]));
      await assertClose(
        tiff({...samples, bands: 3 + extra.length, extra, data}),
        each(() => [244, 224, 214]),
        1,
      );
    }
  });

  test('of integers that fill no range are stretched; floats of other lengths are named', async () => {
    const levels = Array.from({length: count}, (_, i) => 1000 * i);
    const expected = levels.flatMap((level) => Array<number>(3).fill((255 * level) / (1000 * (count - 1))));
    const [signed, long] = [Int16Array.from(levels), Uint32Array.from(levels)];
    await assertClose(tiff({...samples, bands: 1, format: 2, data: signed}), expected);
    await assertClose(tiff({...samples, bands: 1, data: long}), expected);
    await assert.rejects(
      openPicture(tiff({...samples, bands: 1, format: 3, data: new Float64Array(count)})),
      /TIFF of 64-bit floats is not read here: convert it to 32-bit floats, or to PNG/,
    );
  });

  test('of floats are taken from 0...1, from 0...255, or from their own range', async () => {
    const of = (values: (level: number) => number) => {
      const data = Float32Array.from(rgb, values);
      return tiff({...samples, bands: 3, format: 3, data});
    };
    await assertClose(
      of((level) => level / 255),
      rgb,
    );
    await assertClose(
      of((level) => level),
      rgb,
    );
    const [least, most] = [Math.min(...rgb), Math.max(...rgb)];
    const stretched = Array.from(rgb, (level) => (255 * (level - least)) / (most - least));
    await assertClose(
      of((level) => 1000 * level - 5),
      stretched,
    );
    const grey = Float32Array.from({length: count}, (_, i) => i / count);
    const expected = each((i) => Array<number>(3).fill((255 * i) / count));
    await assertClose(tiff({...samples, bands: 1, format: 3, data: grey}), expected);
  });

  test('of 12 bits in 16 are as bright as they were', async () => {
    const twelve = Uint16Array.from(rgb, (level) => Math.round((4095 * level) / 255));
    await assertClose(tiff({...samples, bands: 3, data: twelve}), rgb);
    const sixteen = Uint16Array.from(rgb, (level) => 257 * level);
    await assertClose(tiff({...samples, bands: 3, data: sixteen}), rgb);
    const png = sharp(twelve, {raw: {width, height, channels: 3}})
      .toColourspace('rgb16')
      .png();
    await assertClose(await png.toBuffer(), rgb, 1);
  });

  test('stand upright', async () => {
    const upright = Float32Array.from(rgb, (level) => level / 255);
    const turned = new Float32Array(upright.length);
    for (let i = 0; i < count; i++) turned.set(upright.subarray(3 * i, 3 * i + 3), 3 * (count - 1 - i));
    await assertClose(tiff({...samples, bands: 3, format: 3, orientation: 3, data: turned}), rgb);
  });
});

test('bitmaps are read in 24 and 32 bits, both ways up, and with palettes', async () => {
  for (const bits of [24, 32] as const) {
    for (const topDown of [false, true]) {
      assert.deepEqual(await pixelsOf(bitmap(rgb, {width, height, bits, topDown})), [...rgb]);
    }
  }
  const palette = Buffer.alloc(54 + 8 + 4 * height);
  bitmap(new Uint8Array(0), {width: 0, height: 0}).copy(palette);
  palette.writeUInt32LE(62, 10);
  palette.writeInt32LE(width, 18);
  palette.writeInt32LE(height, 22);
  palette.writeUInt16LE(1, 28);
  palette.set([10, 20, 30, 0, 200, 210, 220, 0], 54);
  palette[62] = 0b01000000; // the lowest row: its second pixel has the second colour
  const pixels = await pixelsOf(palette);
  assert.deepEqual(pixels.slice(-18, -12), [30, 20, 10, 220, 210, 200]);
});

test('portable maps are read, binary and as text, in up to 16 bits', async () => {
  assert.deepEqual(await pixelsOf(pixelMap(rgb, {width, height})), [...rgb]);
  assert.deepEqual(await pixelsOf(Buffer.from(`P3 ${width} ${height} 255\n${[...rgb].join(' ')}\n`)), [
    ...rgb,
  ]);
  const levels = each((i) => [10 * i]);
  const grey = levels.flatMap((level) => [level, level, level]);
  assert.deepEqual(await pixelsOf(Buffer.from(`P2\n${width} ${height}\n255\n${levels.join('\n')}`)), grey);
  const wide = Buffer.alloc(2 * count);
  levels.forEach((level, i) => wide.writeUInt16BE(257 * level, 2 * i));
  assert.deepEqual(await pixelsOf(Buffer.concat([Buffer.from(`P5 ${width} ${height} 65535\n`), wide])), grey);
  const bits = Buffer.from(`P4 ${width} ${height}\n\x7c\x7c\x7c\x7c`, 'latin1');
  assert.deepEqual((await pixelsOf(bits)).slice(0, 6), [255, 255, 255, 0, 0, 0]);
});

test('a bitmap or portable map that is cut short, or of a kind that is not read, says so', async () => {
  const whole = bitmap(rgb, {width, height});
  await assert.rejects(openPicture(whole.subarray(0, 100)), /BMP of 6 x 4 pixels is cut short/);
  const packed = Buffer.from(whole);
  packed.writeUInt32LE(1, 30);
  await assert.rejects(openPicture(packed), /BMP of 24 bits, compression 1, is not read: convert it to PNG/);
  const map = pixelMap(rgb, {width, height});
  await assert.rejects(openPicture(map.subarray(0, map.length - 1)), /portable map is cut short/);
});
