import assert from 'node:assert/strict';
import test from 'node:test';
import {attention, engineReport, tf, type Tensor} from '../../lib/engine';
import {assertSame, assertSameValue, tensor, withoutLeaks} from './compare';

const skip = engineReport().device === 'CPU' ? false : "this project's kernels run on the CPU";

/** softmax(Q K^T / sqrt(depth) + bias) V of each head, by plain tfjs. */
function composed(mixed: Tensor, heads: number, bias?: Tensor): Tensor {
  const [batch, tokens, mixedWidth] = mixed.shape as [number, number, number];
  const depth = mixedWidth / 3 / heads;
  const byHead = tf.transpose(mixed.reshape([batch, tokens, 3, heads, depth]), [2, 0, 3, 1, 4]);
  const [queries, keys, values] = tf.unstack(byHead);
  const products = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(depth));
  const scores = bias ? tf.add(products.reshape([-1, ...bias.shape]), bias) : products;
  const shares = tf.softmax(scores.reshape(products.shape));
  return tf.transpose(tf.matMul(shares, values), [0, 2, 1, 3]).reshape([batch, tokens, depth * heads]);
}

const sizes: {batch: number; tokens: number; heads: number; depth: number; kinds: number}[] = [
  {batch: 2, tokens: 197, heads: 3, depth: 64, kinds: 1},
  {batch: 6, tokens: 49, heads: 2, depth: 32, kinds: 3},
  {batch: 3, tokens: 5, heads: 1, depth: 7, kinds: 3},
  {batch: 1, tokens: 1, heads: 2, depth: 1, kinds: 1},
  {batch: 4, tokens: 50, heads: 1, depth: 17, kinds: 2},
];

for (const {batch, tokens, heads, depth, kinds} of sizes) {
  const title = `attention of ${heads} heads ${depth} deep over ${batch} x ${tokens} tokens`;
  test(`${title}, with a bias of ${kinds} kinds and without: value and gradients`, {skip}, () => {
    const inputs = [tensor([batch, tokens, 3 * heads * depth]), tensor([kinds, heads, tokens, tokens], 2)];
    for (const given of [inputs, inputs.slice(0, 1)]) {
      const own =
        (gradient: boolean) =>
        (mixed: Tensor, bias?: Tensor): Tensor =>
          attention(mixed, {heads, bias}, {gradient});
      const reference = (mixed: Tensor, bias?: Tensor): Tensor => composed(mixed, heads, bias);
      assertSame(own(true), reference, given);
      assertSameValue(own(false), reference, given);
    }
    tf.dispose(inputs);
  });
}

const squares: {height: number; width: number; side: number; shift: [number, number]}[] = [
  {height: 14, width: 14, side: 7, shift: [3, 3]},
  {height: 4, width: 6, side: 2, shift: [0, 1]},
  {height: 3, width: 3, side: 3, shift: [0, 0]},
];

/** The pixels of each square, row by row, those of an image numbered from 0. */
function pixelsOf({height, width, side, shift: [down, right]}: (typeof squares)[number]): number[] {
  const [rows, columns, places] = [height / side, width / side, side * side];
  return Array.from({length: height * width}, (_, i) => {
    const [square, place] = [Math.floor(i / places), i % places];
    const y = Math.floor(square / columns) * side + Math.floor(place / side) + down;
    const x = (square % columns) * side + (place % side) + right;
    assert.ok(square < rows * columns);
    return (y % height) * width + (x % width);
  });
}

for (const square of squares) {
  const {height, width, side, shift} = square;
  test(
    `attention within squares of ${side} of ${height} x ${width}, moved by ${shift.join(', ')}`,
    {skip},
    () => {
      const [batch, heads, depth, tokens] = [2, 2, 5, side * side];
      const kinds = (height * width) / tokens;
      const pixels = pixelsOf(square);
      const places = pixels.map((_, pixel) => pixels.indexOf(pixel));
      const reference = (mixed: Tensor, bias?: Tensor): Tensor => {
        const rows = tf.gather(mixed.reshape([batch, height * width, -1]), pixels, 1);
        const attended = composed(rows.reshape([batch * kinds, tokens, -1]), heads, bias);
        const back = tf.gather(attended.reshape([batch, height * width, -1]), places, 1);
        return back.reshape([batch, height, width, heads * depth]);
      };
      const own =
        (gradient: boolean) =>
        (mixed: Tensor, bias?: Tensor): Tensor =>
          attention(mixed, {heads, bias, windows: {side, shift}}, {gradient});
      const inputs = [
        tensor([batch, height, width, 3 * heads * depth]),
        tensor([kinds, heads, tokens, tokens], 2),
      ];
      for (const given of [inputs, inputs.slice(0, 1)]) {
        assertSame(own(true), reference, given);
        assertSameValue(own(false), reference, given);
      }
      tf.dispose(inputs);
    },
  );
}

test('attention refuses what does not belong together', {skip}, () => {
  const refused: [RegExp, number[], number, number[]?][] = [
    [/16 is no width of queries, keys and values of 2 heads/, [1, 3, 16], 2],
    [/must have three axes/, [3, 12], 2],
    [/heads is 0/, [1, 3, 12], 0],
    [/a bias of 8 elements does not fit the scores/, [1, 3, 12], 2, [1, 2, 2, 2]],
    [/a bias of 36 elements does not fit the scores/, [3, 3, 12], 2, [2, 2, 3, 3]],
    [/a bias of 0 elements does not fit the scores/, [3, 3, 12], 2, [0, 2, 3, 3]],
  ];
  withoutLeaks(() =>
    tf.tidy(() => {
      for (const [message, shape, heads, bias] of refused) {
        const options = {heads, bias: bias && tensor(bias)};
        assert.throws(() => attention(tensor(shape), options, {gradient: false}), message);
      }
      const windows = {side: 2, shift: [0, 0] as [number, number]};
      const inWindows = (shape: number[]) => () =>
        attention(tensor(shape), {heads: 2, windows}, {gradient: false});
      assert.throws(inWindows([1, 4, 12]), /must have four axes/);
      assert.throws(inWindows([1, 4, 5, 12]), /windows of 2 do not divide 4 x 5/);
    }),
  );
});
