import assert from 'node:assert/strict';
import {join} from 'node:path';
import test, {before} from 'node:test';
import {viewsTensor} from '../../lib/batches/views';
import {engineReport, inDoublePrecision, photoViews, type RawView, tf} from '../../lib/engine';
import {
  composeView,
  decodeView,
  imagenet,
  normalisedLevels,
  photoAugmentation,
  PhotoFile,
  type Preprocessing,
  type View,
} from '../../lib/pictures';
import {axisResampling} from '../../lib/pictures/resample';
import {temporaryFolder, wholeFile} from '../ending';
import {withoutLeaks} from '../engine/compare';
import {draw, texture} from '../pictures/photos';

const skip = engineReport().device === 'CPU' ? false : "this project's kernels run on the CPU";
const folder = temporaryFolder(wholeFile);
const sizes = [
  [90, 60],
  [40, 120],
  [37, 41],
  [300, 200],
  [8, 9],
];
const pictures = sizes.map(([width, height]) => new PhotoFile(join(folder, `${width}x${height}.jpg`)));

before(() =>
  Promise.all(
    sizes.map(([width, height], i) => draw(width, height, 3, texture).jpeg().toFile(pictures[i].place)),
  ),
);

const strong = photoAugmentation({
  scale: [0.1, 1],
  ratio: [0.3, 3],
  verticalFlip: 0.5,
  brightness: 0.9,
  contrast: 0.9,
  saturation: 1,
  hue: 0.5,
});

test(
  "the kernel's views are those of JavaScript to the bit, shrunk, enlarged, coloured and mirrored",
  {skip},
  async () => {
    const views: View[] = ['evaluation', ...[1, 2, 3, 4].map((seed) => ({augmentation: strong, seed}))];
    for (const [crop, interpolation] of [
      [32, 'bilinear'],
      [61, 'bicubic'],
      [97, 'bilinear'],
    ] as const) {
      const preprocessing: Preprocessing = imagenet({resize: crop + 3, crop, interpolation});
      const decoded = await Promise.all(
        views.flatMap((view) => pictures.map((picture) => decodeView(picture, preprocessing, view))),
      );
      const grows = decoded.filter(
        ({window: {resampling}}) => resampling && resampling.rows.shrinks < 0,
      ).length;
      assert.ok(grows > 0 && grows < decoded.length);
      const length = crop * crop * 3;
      const expected = new Float32Array(decoded.length * length);
      const levels = normalisedLevels(preprocessing);
      decoded.forEach((view, i) =>
        composeView(view, levels, crop, expected.subarray(i * length, (i + 1) * length)),
      );
      withoutLeaks(() =>
        tf.tidy(() => {
          const views = viewsTensor(decoded, preprocessing);
          assert.deepEqual(views.shape, [decoded.length, crop, crop, 3]);
          assert.deepEqual(views.dataSync(), expected);
        }),
      );
      // Where no kernels run, JavaScript does it.
      assert.deepEqual(
        inDoublePrecision(() => tf.tidy(() => viewsTensor(decoded, preprocessing).dataSync())),
        expected,
      );
    }
  },
);

test('a plan that leaves its pixels is refused, and nothing stays', {skip}, () => {
  const [columns, rows] = [axisResampling(10, 16, 0, 16, 'bicubic'), axisResampling(9, 16, 0, 16, 'bicubic')];
  const good: RawView = {
    pixels: new Uint8Array(10 * 9 * 3),
    resampling: {columns, rows, rowsFirst: false},
    colours: [1, 0, 1, 0, 0],
    flipHorizontal: false,
    flipVertical: false,
  };
  const view = (changes: Partial<typeof columns>): RawView => ({
    ...good,
    resampling: {columns: {...columns, ...changes}, rows, rowsFirst: true},
  });
  const levels = new Float32Array(3 * 256);
  const shortened = {...rows, weights: rows.weights.slice(1)};
  const refused: [RegExp, RawView][] = [
    [/an axis leaves the pixels/, view({starts: columns.starts.map((start) => start + 1)})],
    [/an axis leaves the pixels/, view({starts: columns.starts.map(() => -1)})],
    [
      /an axis does not begin with its first weight/,
      view({offsets: columns.offsets.map((offset) => offset + 4)}),
    ],
    [/a plan is cut short/, {...good, resampling: {columns, rows: shortened, rowsFirst: true}}],
    [/Shape does not match/, {...good, pixels: new Uint8Array(5)}],
    [/Shape does not match/, {...good, resampling: null}],
  ];
  withoutLeaks(() =>
    tf.tidy(() => {
      assert.equal(photoViews([good], levels, 16).size, 16 * 16 * 3);
      for (const [error, raw] of refused) assert.throws(() => photoViews([good, raw], levels, 16), error);
      assert.throws(() => photoViews([good], levels.slice(1), 16), /has 767 elements in place of 768/);
    }),
  );
});
