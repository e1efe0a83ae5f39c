import assert from 'node:assert/strict';
import test from 'node:test';
import {
  conv2d,
  firstWrongProduct,
  fusedConv2d,
  fusedLinear,
  inDoublePrecision,
  isNarrow,
  linear,
  hasAvx512,
  hasTileRegisters,
  multipliesBfloat16,
  processorText,
  narrow,
  tf,
  type Tensor,
  widen,
} from '../../lib/engine';
import {activations, assertClose, type Function, tensor, withoutLeaks} from './compare';
import {plain, type WindowMoves} from './windows';

/** What bfloat16's 8 bits leave of a sum of some hundred products, as a share of the largest value. */
const rounding = 2e-2;

/** Asserts that with narrow weights an operation gives float32's value and gradients, within the rounding. */
function assertNear(operation: Function, inputs: Tensor[]): void {
  withoutLeaks(() => {
    const inBfloat16: Function = (x, weights) => operation(x, narrow(weights));
    const [value, expected] = [inBfloat16, operation].map((f) => tf.tidy(() => f(...inputs)));
    assert.ok(!isNarrow(value), 'what trains is float32');
    assertClose(value, expected, 'value', rounding);
    assert.notDeepEqual(value.dataSync(), expected.dataSync(), 'nothing was rounded');
    const dy = tensor(value.shape, 99);
    const [slopes, exact] = [inBfloat16, operation].map((f) => tf.grads(f)(inputs, dy));
    slopes.forEach((slope, i) => assertClose(slope, exact[i], `gradient ${i}`, rounding));
    tf.dispose([value, expected, dy, slopes, exact]);
  });
}

const windows: Record<string, WindowMoves> = {
  plain,
  'padded as SAME': {...plain, padding: [1, 1, 1, 1]},
  'padded, stride 2': {...plain, strides: [2, 2], padding: [1, 1, 1, 1]},
  'dilation 2': {...plain, padding: [2, 2, 2, 2], dilations: [2, 2]},
};

const kinds: [string, number, number[]][] = [
  ['convolution', 3, [3, 3, 3, 8]],
  ['pointwise convolution', 16, [1, 1, 16, 8]],
  ['grouped convolution', 8, [3, 3, 2, 8]],
];

for (const [kind, channels, shape] of kinds) {
  for (const [name, window] of Object.entries(windows)) {
    test(`${kind}, ${name}: value and gradients in bfloat16`, () => {
      const inputs = [tensor([2, 12, 10, channels]), tensor(shape, 2)];
      assertNear((x, filter) => conv2d(x, filter, window), inputs);
      tf.dispose(inputs);
    });

    test(`fused ${kind}, ${name}: in bfloat16 with every activation, with and without a residual`, () => {
      const [x, filter, bias] = [tensor([2, 12, 10, channels]), tensor(shape, 2), tensor([8], 3)];
      const residual = tf.tidy(() => tf.mul(conv2d(x, filter, window), 0.5));
      for (const activation of activations) {
        for (const added of [undefined, residual]) {
          withoutLeaks(() => {
            const run = (weights: Tensor) =>
              tf.tidy(() => widen(fusedConv2d(x, weights, bias, window, {activation, residual: added})));
            const rounded = narrow(filter);
            const [value, expected] = [run(rounded), run(filter)];
            assertClose(value, expected, `${activation}`, rounding);
            tf.dispose([rounded, value, expected]);
          });
        }
      }
      tf.dispose([x, filter, bias, residual]);
    });
  }
}

for (const rows of [8, 80]) {
  test(`linear layer of ${rows} rows: value and gradients in bfloat16`, () => {
    const inputs = [tensor([2, rows / 2, 24]), tensor([10, 24], 2)];
    assertNear((x, weight) => linear(x, weight), inputs);
    tf.dispose(inputs);
  });

  test(`fused linear layers of ${rows} rows, one upon the other, in bfloat16`, () => {
    const [x, first, second, bias] = [
      tensor([2, rows / 2, 24]),
      tensor([16, 24], 2),
      tensor([9, 16], 3),
      tensor([16], 4),
    ];
    const zeros = tf.zeros([9]);
    withoutLeaks(() => {
      const run = (weights: Tensor[]) =>
        tf.tidy(() =>
          widen(fusedLinear(fusedLinear(x, weights[0], bias, {activation: 'gelu'}), weights[1], zeros)),
        );
      const rounded = [first, second].map(narrow);
      const [value, expected] = [run(rounded), run([first, second])];
      assertClose(value, expected, 'value', rounding);
      tf.dispose([rounded, value, expected]);
    });
    tf.dispose([x, first, second, bias, zeros]);
  });
}

test('a narrow tensor is rounded to 8 bits, half to even, once', () => {
  withoutLeaks(() => {
    const x = tf.tensor1d([1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -7, -3e38, 1e-40]);
    const rounded = narrow(x);
    assert.equal(narrow(rounded), rounded);
    const back = widen(rounded);
    assert.ok(isNarrow(rounded) && !isNarrow(back));
    const [first, second, third, fourth] = back.dataSync();
    assert.deepEqual([first, second, third, fourth], [1, 1, 1 + 2 ** -6, 1 + 2 ** -7]);
    tf.dispose([x, rounded, back]);
  });
});

test('in float64 nothing is narrow', () => {
  withoutLeaks(() =>
    inDoublePrecision(() => {
      const x = tf.tensor1d([1 + 2 ** -20]);
      assert.equal(narrow(x), x);
      x.dispose();
    }),
  );
});

test('the processor says whether it multiplies bfloat16', () => {
  const processor = (flags: string) =>
    `processor\t: 0\nmodel name\t: a bf16 of a kind amx_bf16\nflags\t\t: fpu ${flags} rdpid\nbugs\t\t: none\n`;
  for (const flags of ['avx512_bf16', 'avx512f amx_bf16 amx_tile']) {
    assert.equal(multipliesBfloat16(processor(flags)), true, flags);
  }
  for (const flags of ['avx2', 'avx512f avx512_vnni', 'no_avx512_bf16s']) {
    assert.equal(multipliesBfloat16(processor(flags)), false, flags);
  }
  assert.equal(multipliesBfloat16(''), false);
});

test('the processor says whether it has tiles', () => {
  assert.equal(hasTileRegisters('flags\t\t: fpu avx512f amx_bf16 amx_tile\n'), true);
  assert.equal(hasTileRegisters('model name\t: amx_bf16\nflags\t\t: fpu avx512_bf16 amx_int8\n'), false);
  assert.equal(hasTileRegisters(''), false);
});

test('the processor says whether it has AVX-512', () => {
  assert.equal(hasAvx512('flags\t\t: fpu avx2 avx512f rdpid\n'), true);
  assert.equal(hasAvx512('model name\t: avx512f\nflags\t\t: fpu avx2 avx512\n'), false);
  assert.equal(hasAvx512(processorText('/there/is/no/such/file')), false);
});

test('products in bfloat16 are tried before anything relies on them', () => {
  withoutLeaks(() => assert.equal(firstWrongProduct(), null));
});
