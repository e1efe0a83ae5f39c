/** The kernel of matrix products, called by itself. */
import test from 'node:test';
import {activate, engineReport, tf, type Tensor} from '../../lib/engine';
import {integer, text} from '../../lib/engine/operations/native';
import {product} from '../../lib/engine/operations/product';
import {activations, assertClose, assertRefused, tensor, withoutLeaks} from './compare';

const skip = engineReport().device === 'CPU' ? false : "this project's kernels run on the CPU";

/** Rows (of any shape), and how many numbers come out of each. */
const products: [what: string, rows: number[], out: number][] = [
  ['one row of one number', [1, 1], 1],
  ['fewer rows than are worked on at once', [5, 33], 16],
  ['columns beyond whole panels, by every width of vectors', [97, 40], 61],
  ['one vector of columns', [2, 7, 9, 24], 8],
  ['more depth than stays in a cache', [131, 1600], 20],
  ['several blocks of rows', [3, 197, 48], 144],
];

for (const [what, shape, out] of products) {
  const [count, depth] = [shape.slice(0, -1).reduce((size, length) => size * length, 1), shape.at(-1)!];
  for (const transposed of [false, true]) {
    test(`rows by ${transposed ? 'a transposed weight' : 'a weight'}, ${what}`, {skip}, () =>
      withoutLeaks(() =>
        tf.tidy(() => {
          const x = tensor(shape);
          // Sums are then as large as what they are made of, and so is their rounding.
          const weight = tensor(transposed ? [out, depth] : [1, 1, depth, out], 2).div(Math.sqrt(depth));
          const matrix = weight.reshape(transposed ? [out, depth] : [depth, out]);
          const flat = tf.matMul(x.reshape([count, depth]), matrix, false, transposed);
          const expected = flat.reshape([...shape.slice(0, -1), out]);
          assertClose(product(x, weight, {transposed}), expected, 'product');
          const [bias, residual] = [tensor([out], 3), tensor(expected.shape, 4)];
          for (const activation of activations) {
            for (const extra of [{bias}, {residual}, {bias, residual}] as {
              bias?: Tensor;
              residual?: Tensor;
            }[]) {
              const terms = Object.values(extra);
              const sum = terms.reduce<Tensor>((total, term) => tf.add(total, term), expected);
              const found = product(x, weight, {transposed, ...extra, activation});
              assertClose(found, activation ? activate(sum, activation) : sum, activation ?? 'none');
            }
          }
        }),
      ),
    );
  }
}

test('no rows give no rows; weights of another depth are refused', {skip}, () => {
  tf.tidy(() =>
    assertClose(product(tensor([0, 4]), tensor([4, 3]), {transposed: false}), tensor([0, 3]), 'nothing'),
  );
  const attributes = (transposed: number) => [
    integer('transposed', transposed),
    text('activation', 'none'),
    integer('biases', 0),
    integer('residuals', 0),
  ];
  for (const [x, weight, transposed] of [
    [[2, 4], [5, 4], 0],
    [[2, 4], [4, 5], 1],
    [[2, 0], [0, 4], 0],
    [[2, 4], [4, 0], 0],
    [[], [1, 4], 0],
  ] as [number[], number[], number][]) {
    assertRefused('LabLinear', attributes(transposed), [x, weight], /not those of rows of/);
  }
});
