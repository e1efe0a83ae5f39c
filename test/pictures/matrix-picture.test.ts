/** Matrices as pictures: small ones in squares to be counted, large ones no larger than they are shown. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {matrixPicture} from '../../lib/pictures';
import {sharp} from '../../lib/pictures/vips';

/** Size and the red of the pixels, row by row. */
async function decoded(picture: string) {
  const png = Buffer.from(picture.split(',')[1], 'base64');
  const {data, info} = await sharp(png)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({resolveWithObject: true});
  const {width, height, channels} = info;
  return {width, height, reds: Array.from({length: width * height}, (_, i) => data[i * channels])};
}

test('a small matrix is enlarged to whole squares, from its least value to its greatest', async () => {
  const {width, height, reds} = await decoded(await matrixPicture([0, 1, 2, 3, 4, 5], [2, 3], {size: 9}));
  assert.deepEqual([width, height], [9, 6]);
  const rows = [0, 51, 102, 153, 204, 255].map((value) => [value, value, value]);
  const [upper, lower] = [rows.slice(0, 3).flat(), rows.slice(3).flat()];
  assert.deepEqual(reds, [upper, upper, upper, lower, lower, lower].flat());
});

test('a large matrix is reduced to the size asked for', async () => {
  const halves = Float32Array.from({length: 100 * 200}, (_, i) => (i % 200 < 100 ? 0 : 1));
  const {width, height, reds} = await decoded(await matrixPicture(halves, [100, 200], {size: 50}));
  assert.deepEqual([width, height], [50, 25]);
  assert.deepEqual([reds[5], reds[45]], [0, 255]);
  const thin = await decoded(await matrixPicture(halves, [1, 20_000], {size: 50}));
  assert.deepEqual([thin.width, thin.height], [50, 1]);
});
