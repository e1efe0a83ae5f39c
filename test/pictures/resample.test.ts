import assert from 'node:assert/strict';
import test from 'node:test';
import {type AxisResampling, axisResampling, resample} from '../../lib/pictures/resample';
import {texture} from './photos';

/** The part `[rows.count, columns.count, 3]` of the textured picture that the two take. */
function part(columns: AxisResampling, rows: AxisResampling): Uint8ClampedArray {
  return Uint8ClampedArray.from({length: rows.count * columns.count * 3}, (_, i) => {
    const place = Math.floor(i / 3);
    return texture(
      i % 3,
      columns.first + (place % columns.count),
      rows.first + Math.floor(place / columns.count),
    );
  });
}

for (const interpolation of ['bilinear', 'bicubic'] as const) {
  test(`${interpolation}: a window is what the whole resized picture shows there`, () => {
    for (const [width, height, newWidth, newHeight] of [
      [31, 20, 90, 58],
      [60, 12, 25, 40],
      [9, 70, 50, 20],
      [2, 3, 30, 30],
    ]) {
      const across = (from: number, length: number) =>
        axisResampling(width, newWidth, from, length, interpolation);
      const down = (from: number, length: number) =>
        axisResampling(height, newHeight, from, length, interpolation);
      const [columns, rows] = [across(0, newWidth), down(0, newHeight)];
      const whole = resample(part(columns, rows), columns, rows);
      const [someColumns, someRows] = [across(7, 10), down(9, 10)];
      const window = resample(part(someColumns, someRows), someColumns, someRows);
      assert.deepEqual(
        window,
        Uint8ClampedArray.from({length: 300}, (_, i) => {
          const [row, column] = [9 + Math.floor(i / 30), 7 + (Math.floor(i / 3) % 10)];
          return whole[(row * newWidth + column) * 3 + (i % 3)];
        }),
      );
      assert.ok(someColumns.count <= columns.count && someRows.count <= rows.count);
    }
  });

  test(`${interpolation}: an axis that keeps its size keeps its pixels`, () => {
    const axis = axisResampling(12, 12, 0, 12, interpolation);
    const pixels = part(axis, axis);
    assert.deepEqual(resample(pixels, axis, axis), pixels);
  });

  test(`${interpolation}: a window of an enlarged picture takes no more than its neighbourhood`, () => {
    const {first, count} = axisResampling(1000, 4000, 2000, 100, interpolation);
    assert.ok(first >= 497 && first + count <= 529);
  });
}
