/** Convolution and pooling on numbers that one can follow by hand. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {convolve, outputSizes, pool, shortcutGradients} from '../../lib/notebook';

const impulse = [0, 1, 2, 3, 4].map((y) => [0, 1, 2, 3, 4].map((x) => (x === 2 && y === 2 ? 1 : 0)));
const kernel = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

const refused = (call: () => unknown, wanted: RegExp) =>
  assert.throws(call, (error) => error instanceof LabError && wanted.test(error.message), String(wanted));

test('an impulse gives the kernel, turned by half a turn', () => {
  const {numTensors} = tf.memory();
  assert.deepEqual(convolve(impulse, kernel), [
    [9, 8, 7],
    [6, 5, 4],
    [3, 2, 1],
  ]);
  const padded = convolve(impulse, kernel, {padding: 1});
  assert.deepEqual([padded.length, padded[0].length, padded[1]], [5, 5, [0, 9, 8, 7, 0]]);
  assert.deepEqual(convolve(impulse, kernel, {padding: 1, stride: 2}), [
    [0, 0, 0],
    [0, 5, 0],
    [0, 0, 0],
  ]);
  assert.deepEqual(convolve(impulse, kernel, {dilation: 2}), [[5]]);
  const edge = [[1, 1, 5, 5]];
  assert.deepEqual(convolve(edge, [[-1, 1]]), [[0, 4, 0]]);
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});

test('pooling keeps the greatest or the mean value of each window', () => {
  const map = [
    [1, 2, 0, 4],
    [3, 6, 8, 0],
  ];
  assert.deepEqual(pool(map), [[6, 8]]);
  assert.deepEqual(pool(map, {kind: 'average'}), [[3, 3]]);
  assert.deepEqual(pool(map, {stride: 1}), [[6, 8, 8]]);
});

test('the size by the formula is that of the engine, and what does not fit says why', () => {
  const settings = [];
  for (const size of [7, 8]) {
    for (const kernel of [1, 3, 5]) {
      for (const stride of [1, 2, 3]) {
        for (const padding of [0, 1]) {
          for (const dilation of [1, 2]) settings.push({size, kernel, stride, padding, dilation});
        }
      }
    }
  }
  const {values} = outputSizes(settings);
  let none = 0;
  for (const row of values as (string | number)[][]) {
    if (row[6] === 'none') none++;
    else assert.equal(row[5], row[6], row.join(' '));
  }
  assert.ok(none > 0 && none < 12, `${none} of ${values.length} do not fit`);
  const [small, half] = outputSizes([
    {size: 4, kernel: 3, dilation: 2},
    {size: 4, kernel: 3, stride: 0.5},
  ]).values as string[][];
  assert.equal(small[5], 'the kernel reaches over 5 of 4 pixels; use a smaller one or more padding.');
  assert.equal(half[5], 'stride is 0.5; give a whole number from 1 on.');
});

test('matrices that are none are refused', () => {
  refused(() => convolve([[1, 2], [3]], kernel), /input: its rows have 2, 1 numbers/);
  refused(() => convolve(impulse, []), /kernel: its rows have no numbers/);
  refused(
    () => convolve([[1]], kernel),
    /A kernel of 3 x 3 over 1 x 1: the kernel reaches over 3 of 1 pixels/,
  );
  refused(() => pool([[1, 2]], {size: 2}), /A window of 2 x 2 over 1 x 2/);
});

test('without shortcuts the gradients of a deep stack differ by magnitudes, with them they do not', () => {
  const {numTensors} = tf.memory();
  const norms = shortcutGradients({blocks: 10, width: 8, size: 8}).data.map((trace) => {
    const {y} = trace as {y: number[]};
    assert.equal(y.length, 22);
    return Math.max(...y) / Math.min(...y);
  });
  const [plain, shortcuts] = norms;
  assert.ok(plain > 5 * shortcuts, `plain ${plain}, with shortcuts ${shortcuts}`);
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});
