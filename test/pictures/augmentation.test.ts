import assert from 'node:assert/strict';
import test from 'node:test';
import {drawView, photoAugmentation} from '../../lib/pictures/augmentation';
import {changeColours, colourChange, type ColourJitter} from '../../lib/pictures/colours';
import {centreWindow, cropWindow} from '../../lib/pictures/windows';
import {mulberry32} from '../../lib/random';

const random = mulberry32(1);
const draws = 4000;
const views = (width: number, height: number, changes = {}) =>
  Array.from({length: draws}, () => drawView(photoAugmentation(changes), width, height, random));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** `rounding` is how far whole pixels may move a value. */
function assertUniform(values: number[], least: number, most: number, rounding = 0) {
  assert.ok(values.every((value) => value >= least - rounding && value <= most + rounding));
  const tolerance = (4 * (most - least)) / Math.sqrt(12 * values.length);
  assert.ok(Math.abs(mean(values) - (least + most) / 2) < tolerance, `mean ${mean(values)}`);
  assert.ok(Math.max(...values) - Math.min(...values) > 0.98 * (most - least));
}

test('crops lie inside the photo, with the areas and ratios asked for', () => {
  const regions = views(512, 384, {scale: [0.2, 0.4]}).map(({region}) => region);
  for (const {left, top, width, height} of regions) {
    assert.ok(left >= 0 && top >= 0 && left + width <= 512 && top + height <= 384);
  }
  assertUniform(
    regions.map(({width, height}) => (width * height) / (512 * 384)),
    0.2,
    0.4,
    0.002,
  );
  assertUniform(
    regions.map(({width, height}) => Math.log(width / height)),
    Math.log(3 / 4),
    Math.log(4 / 3),
    0.01,
  );
  assertUniform(
    regions.map(({left, width}) => left / (512 - width)),
    0,
    1,
  );
});

test('where no crop fits, the largest centred one of an allowed ratio is taken', () => {
  const [{region}] = views(1000, 10, {scale: [0.9, 1], ratio: [0.5, 2]});
  assert.deepEqual(region, {left: 490, top: 0, width: 20, height: 10});
  const [{region: upright}] = views(10, 1001, {scale: [0.9, 1], ratio: [0.5, 2]});
  assert.deepEqual(upright, {left: 0, top: 490, width: 10, height: 20});
  for (const view of views(1, 1)) assert.deepEqual(view.region, {left: 0, top: 0, width: 1, height: 1});
});

test('flips and colours come as often and as strong as asked', () => {
  const drawn = views(100, 100, {
    horizontalFlip: 0.25,
    verticalFlip: 0,
    brightness: 0.4,
    contrast: 0,
    saturation: 1,
    hue: 0.1,
  });
  const share = mean(drawn.map(({flipHorizontal}) => Number(flipHorizontal)));
  assert.ok(Math.abs(share - 0.25) < 4 * Math.sqrt((0.25 * 0.75) / draws), `flipped ${share}`);
  assert.ok(drawn.every(({flipVertical}) => !flipVertical));
  assertUniform(
    drawn.map(({jitter}) => jitter.brightness),
    0.6,
    1.4,
  );
  assertUniform(
    drawn.map(({jitter}) => jitter.saturation),
    0,
    2,
  );
  assertUniform(
    drawn.map(({jitter}) => jitter.hue),
    -0.1,
    0.1,
  );
  assert.ok(drawn.every(({jitter}) => jitter.contrast === 1));
});

test('windows lie inside the resized photo', () => {
  assert.deepEqual(centreWindow(512, 384, 256, 224), {width: 341, height: 256, left: 58, top: 16});
  assert.deepEqual(centreWindow(384, 512, 256, 224), {width: 256, height: 341, left: 16, top: 58});
  for (const [width, height] of [
    [512, 384],
    [7, 100],
    [1, 1],
    [33, 2000],
  ]) {
    for (const {region} of views(width, height).slice(0, 300)) {
      const window = cropWindow(width, height, region, 224);
      assert.ok(window.left >= 0 && window.left + 224 <= window.width);
      assert.ok(window.top >= 0 && window.top + 224 <= window.height);
    }
  }
});

function jittered(pixels: number[], changes: Partial<ColourJitter>): number[] {
  const result = Uint8ClampedArray.from(pixels);
  changeColours(result, colourChange({brightness: 1, contrast: 1, saturation: 1, hue: 0, ...changes}));
  return [...result];
}

test('colours change as torchvision defines it', () => {
  const pixels = [200, 100, 50, 10, 60, 90];
  const greys = [124.2, 48.47]; // 0.299 R + 0.587 G + 0.114 B
  assert.deepEqual(jittered(pixels, {}), pixels);
  assert.deepEqual(jittered(pixels, {brightness: 1.5}), [255, 150, 75, 15, 90, 135]);
  const middle = (greys[0] + greys[1]) / 2;
  assert.deepEqual(
    jittered(pixels, {contrast: 0.5}),
    pixels.map((value) => Math.round((value + middle) / 2)),
  );
  const desaturated = pixels.map((value, i) => Math.round((value + greys[Math.floor(i / 3)]) / 2));
  assert.deepEqual(jittered(pixels, {saturation: 0.5}), desaturated);
});

test('hue turns red towards yellow and green, and leaves grey alone', () => {
  assert.deepEqual(jittered([77, 77, 77], {hue: 0.3}), [77, 77, 77]);
  assert.deepEqual(jittered([90, 100, 110], {hue: 1}), [90, 100, 110]);
  const [red, green, blue] = jittered([180, 60, 60], {hue: 0.1});
  assert.ok(green > blue && red > blue);
  const back = jittered(jittered([150, 100, 90], {hue: 0.07}), {hue: -0.07});
  assert.ok(back.every((value, i) => Math.abs(value - [150, 100, 90][i]) <= 1));
});
