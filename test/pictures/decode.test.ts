import assert from 'node:assert/strict';
import {readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import sharp, {type Sharp} from 'sharp';
import {denormalise} from '../../lib/batches';
import {LabError} from '../../lib/errors';
import {type View, imagenet, photoAugmentation, PhotoFile, thumbnail} from '../../lib/pictures';
import {temporaryFolder, wholeFile} from '../ending';
import {draw, texture} from './photos';
import {seen} from './seen';
import reference from './torchvision-views.json';

const folder = temporaryFolder(wholeFile);
const small = imagenet({resize: 32, crop: 32});
const plain = photoAugmentation({brightness: 0, contrast: 0, saturation: 0, hue: 0});

/** The pixels `[y, x]` of a view of the file, as 8-bit RGB. */
async function look(file: string, places: number[][], view: View = 'evaluation', preprocessing = small) {
  const pixels = denormalise(await seen(new PhotoFile(file), preprocessing, view), 0, preprocessing);
  return places.map(([y, x]) => [...pixels.subarray((y * preprocessing.crop + x) * 3).subarray(0, 3)]);
}

function assertNear(actual: number[], expected: number[], tolerance: number, message: string) {
  const furthest = Math.max(...actual.map((value, i) => Math.abs(value - expected[i])));
  assert.ok(furthest <= tolerance, `${message}: ${actual.join()} instead of ${expected.join()}`);
}

for (const {interpolation, width, height, resize, values} of reference.cases) {
  test(`an evaluation view is torchvision's: ${width}x${height} to ${resize}, ${interpolation}`, async () => {
    const file = join(folder, `${width}x${height}.png`);
    await draw(width, height, 3, texture).png().toFile(file);
    const preprocessing = {...imagenet({resize, crop: 32}), interpolation: interpolation as 'bilinear'};
    const looked = await look(file, reference.pixels, 'evaluation', preprocessing);
    if (Math.min(width, height) <= 2 * resize) {
      assert.deepEqual(looked, values);
      return;
    }
    const differences = looked.flat().map((value, i) => Math.abs(value - values.flat()[i]));
    assert.ok(differences.reduce((sum, difference) => sum + difference) / differences.length < 1);
    assert.ok(Math.max(...differences) <= 5);
  });
}

for (const {interpolation, width, height, values} of reference.squeezed) {
  test(`an augmented view enlarges as Pillow does: ${width}x${height}, ${interpolation}`, async () => {
    const file = join(folder, `squeezed ${width}x${height}.png`);
    await draw(width, height, 3, texture).png().toFile(file);
    const ratio: [number, number] = [width / height, width / height];
    const whole = photoAugmentation({...plain, scale: [1, 1], ratio, horizontalFlip: 0});
    const preprocessing = {...small, interpolation: interpolation as 'bilinear'};
    assert.deepEqual(
      await look(file, reference.pixels, {augmentation: whole, seed: 1}, preprocessing),
      values,
    );
  });
}

test('pixels are normalised by mean and std', async () => {
  const file = join(folder, 'brown.png');
  await draw(40, 40, 3, (channel) => [200, 100, 50][channel])
    .png()
    .toFile(file);
  const pixels = await seen(
    new PhotoFile(file),
    {...small, mean: [0.5, 0.25, 0], std: [0.5, 0.25, 2]},
    'evaluation',
  );
  assert.equal(pixels.length, 32 * 32 * 3);
  for (const [channel, expected] of [
    (200 / 255 - 0.5) / 0.5,
    (100 / 255 - 0.25) / 0.25,
    50 / 255 / 2,
  ].entries()) {
    assert.ok(Math.abs(pixels[300 + channel] - expected) < 1e-6);
  }
});

const brown = draw(60, 40, 3, (channel) => [200, 100, 50][channel]);
const oddities: [name: string, picture: Sharp, colour: number[], tolerance: number][] = [
  [
    'grey.png',
    draw(60, 40, 1, () => 100)
      .toColourspace('b-w')
      .png(),
    [100, 100, 100],
    0,
  ],
  [
    'grey.jpg',
    draw(60, 40, 1, () => 100)
      .toColourspace('b-w')
      .jpeg(),
    [100, 100, 100],
    1,
  ],
  [
    'grey-16-bit.png',
    draw(60, 40, 1, () => 100)
      .toColourspace('grey16')
      .png(),
    [100, 100, 100],
    1,
  ],
  ['colour-16-bit.png', brown.clone().toColourspace('rgb16').png(), [200, 100, 50], 1],
  ['palette.png', brown.clone().png({palette: true}), [200, 100, 50], 1],
  ['cmyk.jpg', brown.clone().toColourspace('cmyk').jpeg(), [200, 100, 50], 40],
  ['half-transparent.png', draw(60, 40, 4, (channel) => (channel < 3 ? 0 : 128)).png(), [127, 127, 127], 1],
  [
    'half-transparent-grey.png',
    draw(60, 40, 2, (channel) => (channel < 1 ? 0 : 128)).png(),
    [127, 127, 127],
    1,
  ],
  ['3x5.png', brown.clone().resize(3, 5).png(), [200, 100, 50], 1],
  ['2000x4.png', brown.clone().resize(2000, 4, {fit: 'fill'}).png(), [200, 100, 50], 1],
  ['1x3000.png', brown.clone().resize(1, 3000, {fit: 'fill'}).png(), [200, 100, 50], 1],
  ['large.jpg', brown.clone().resize(3000, 2000).jpeg(), [200, 100, 50], 2],
  ['webp.webp', brown.clone().webp({lossless: true}), [200, 100, 50], 1],
];

for (const [name, picture, colour, tolerance] of oddities) {
  test(`${name} becomes three 8-bit channels, shrunk and enlarged, in either view`, async () => {
    const file = join(folder, name);
    await picture.toFile(file);
    for (const side of [32, 80]) {
      for (const view of ['evaluation', {augmentation: plain, seed: 1}] as const) {
        const corners = [
          [0, 0],
          [0, side - 1],
          [side - 1, 0],
          [side - 1, side - 1],
        ];
        for (const corner of await look(file, corners, view, imagenet({resize: side, crop: side}))) {
          assertNear(corner, colour, tolerance, name);
        }
      }
    }
    assert.match(await thumbnail(new PhotoFile(file)), /^data:image\/jpeg;base64,\/9j\//);
  });
}

test('an animation shows its first frame', async () => {
  const file = join(folder, 'animation.gif');
  const frames = [250, 10].map((value) =>
    draw(40, 40, 3, () => value)
      .png()
      .toBuffer(),
  );
  await sharp(await Promise.all(frames), {join: {animated: true}})
    .gif()
    .toFile(file);
  assert.equal((await sharp(file).metadata()).pages, 2);
  assertNear((await look(file, [[16, 16]]))[0], [250, 250, 250], 2, 'first frame');
});

test('a photo is turned upright before it is cut', async () => {
  const file = join(folder, 'turned.jpg');
  // Red on the right; orientation 6 asks for a quarter turn clockwise, so red comes to lie at the bottom.
  const halves = draw(60, 40, 3, (channel, x) => (channel === 0 && x >= 30 ? 255 : 0));
  await halves.withMetadata({orientation: 6}).jpeg({quality: 95}).toFile(file);
  const augmentation = photoAugmentation({...plain, scale: [1, 1], horizontalFlip: 0});
  for (const side of [32, 96]) {
    const places = [
      [2, 2],
      [2, side - 3],
      [side - 3, 2],
      [side - 3, side - 3],
    ];
    for (const view of ['evaluation', {augmentation, seed: 3}] as const) {
      const looked = await look(file, places, view, imagenet({resize: side, crop: side}));
      assertNear(
        looked.map(([red]) => red),
        [0, 0, 255, 255],
        3,
        'red',
      );
    }
  }
});

test('flips mirror the view', async () => {
  const file = join(folder, 'quarters.png');
  await draw(40, 40, 1, (_, x, y) => (x < 20 ? 0 : 100) + (y < 20 ? 0 : 50))
    .png()
    .toFile(file);
  const quarters = [
    [4, 4],
    [4, 27],
    [27, 4],
    [27, 27],
  ];
  const flipped = async (horizontalFlip: number, verticalFlip: number) => {
    const augmentation = photoAugmentation({
      ...plain,
      scale: [1, 1],
      ratio: [1, 1],
      horizontalFlip,
      verticalFlip,
    });
    return (await look(file, quarters, {augmentation, seed: 1})).map(([grey]) => grey);
  };
  assert.deepEqual(await flipped(0, 0), [0, 100, 50, 150]);
  assert.deepEqual(await flipped(1, 0), [100, 0, 150, 50]);
  assert.deepEqual(await flipped(0, 1), [50, 150, 0, 100]);
  assert.deepEqual(await flipped(1, 1), [150, 50, 100, 0]);
});

test('an augmented view depends on seed and key alone', async () => {
  const [file, copy] = [join(folder, 'texture.png'), join(folder, 'copy of texture.png')];
  await draw(90, 60, 3, texture).png().toFile(file);
  writeFileSync(copy, readFileSync(file));
  const view = (seed: number, key: string, from = file) =>
    seen(new PhotoFile(from, from, key), small, {augmentation: photoAugmentation(), seed});
  const first = await view(1, 'a');
  assert.deepEqual(await view(1, 'a', copy), first);
  assert.notDeepEqual(await view(2, 'a'), first);
  assert.notDeepEqual(await view(1, 'b'), first);
});

test('what cannot be read is named', async () => {
  const [text, cut, missing] = ['text.jpg', 'cut.jpg', 'missing.jpg'].map((name) => join(folder, name));
  writeFileSync(text, 'not an image');
  await draw(200, 200, 3, texture).jpeg().toFile(cut);
  truncateSync(cut, 3000);
  for (const file of [text, cut, missing]) {
    const named = (error: unknown) =>
      error instanceof LabError && error.message.startsWith(`${file}: not a readable`);
    await assert.rejects(seen(new PhotoFile(file), small, 'evaluation'), named);
    await assert.rejects(thumbnail(new PhotoFile(file)), named);
  }
});

test('preprocessing and augmentation that cannot be are refused, with the value', () => {
  assert.throws(() => imagenet({resize: 200, crop: 224}), /crop 224 is larger than resize 200/);
  assert.throws(() => imagenet({crop: 0}), /crop is 0/);
  assert.throws(() => imagenet({interpolation: 'nearest' as 'bilinear'}), /interpolation is 'nearest'/);
  assert.throws(
    () => photoAugmentation({horizontalFlip: -0.5}),
    /horizontalFlip is -0.5; give a number from 0 to 1/,
  );
  assert.throws(() => photoAugmentation({brightness: 1.5}), /brightness is 1.5/);
  assert.throws(() => photoAugmentation({hue: 0.6}), /hue is 0.6; give a number from 0 to 0.5/);
  assert.throws(() => photoAugmentation({saturation: NaN}), /saturation is NaN/);
  assert.throws(() => photoAugmentation({scale: [0.9, 0.5]}), /scale is \[0.9, 0.5\]/);
  assert.throws(() => photoAugmentation({scale: [0.5, 2]}), LabError);
});

test('a thumbnail is a small square JPEG', async () => {
  const address = await thumbnail(new Uint8Array(50 * 50 * 3).fill(90), 64);
  const jpeg = await sharp(Buffer.from(address.split(',')[1], 'base64')).metadata();
  assert.deepEqual([jpeg.format, jpeg.width, jpeg.height], ['jpeg', 64, 64]);
});
