/** Convolution and pooling on numbers that fit on the page, computed by the engine. */
import {type Matrix, matrixTables} from '../charts';
import {averagePool, conv2d, maxPool, tf, type Tensor, type WindowMoves} from '../engine';
import {LabError} from '../errors';
import {matrixPicture} from '../pictures';
import {type Cell, showHtml, type Table} from './display';

export interface ConvolveOptions {
  /** Default: 1. */
  stride?: number;
  /** Rows and columns of zeros on each side. Default: 0. */
  padding?: number;
  /** Distance between the places that a kernel looks at. Default: 1. */
  dilation?: number;
}

/**
 * A convolution as networks compute it, [height, width] with [rows, columns]: the kernel is not turned, so an impulse gives
 * its mirror image. Throws a LabError on rows of different lengths and where the kernel does not fit.
 */
export function convolve(input: Matrix, kernel: Matrix, options: ConvolveOptions = {}): number[][] {
  const [height, width] = sides('input', input);
  const [rows, columns] = sides('kernel', kernel);
  const out = [
    outputSize({size: height, kernel: rows, ...options}),
    outputSize({size: width, kernel: columns, ...options}),
  ];
  const wrong = out.find((size) => typeof size === 'string');
  if (wrong !== undefined) {
    throw new LabError(`A kernel of ${rows} x ${columns} over ${height} x ${width}: ${wrong}`);
  }
  return matrixOf(() =>
    conv2d(
      tf.tensor4d(input.flat(), [1, height, width, 1]),
      tf.tensor4d(kernel.flat(), [rows, columns, 1, 1]),
      windowOf(options),
    ),
  );
}

/** The greatest or the mean value in each window of `size` x `size`. Default stride: `size`. */
export function pool(
  input: Matrix,
  {kind = 'max', size = 2, stride = size}: {kind?: 'max' | 'average'; size?: number; stride?: number} = {},
): number[][] {
  const [height, width] = sides('input', input);
  const out = outputSize({size: Math.min(height, width), kernel: size, stride});
  if (typeof out === 'string')
    throw new LabError(`A window of ${size} x ${size} over ${height} x ${width}: ${out}`);
  const operation = kind === 'max' ? maxPool : averagePool;
  return matrixOf(() =>
    operation(tf.tensor4d(input.flat(), [1, height, width, 1]), [size, size], windowOf({stride})),
  );
}

export interface SizeSettings extends ConvolveOptions {
  /** Of the input, in pixels. */
  size: number;
  kernel: number;
}

/**
 * The size of what a convolution gives, floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 (Dumoulin and
 * Visin 2016, arXiv:1603.07285), or why there is none.
 */
function outputSize({size, kernel, stride = 1, padding = 0, dilation = 1}: SizeSettings): number | string {
  for (const [name, value, least] of [
    ['size', size, 1],
    ['kernel', kernel, 1],
    ['stride', stride, 1],
    ['padding', padding, 0],
    ['dilation', dilation, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least)
      return `${name} is ${value}; give a whole number from ${least} on.`;
  }
  const reach = dilation * (kernel - 1) + 1;
  if (reach > size + 2 * padding)
    return `the kernel reaches over ${reach} of ${size + 2 * padding} pixels; use a smaller one or more padding.`;
  return Math.floor((size + 2 * padding - reach) / stride) + 1;
}

/** A row for each setting: the size by the formula, and the size that the engine's convolution really gives. */
export function outputSizes(settings: readonly SizeSettings[]): Table {
  return {
    columns: ['size', 'kernel', 'stride', 'padding', 'dilation', 'by the formula', "the engine's"],
    values: settings.map((setting): Cell[] => {
      const {size, kernel, stride = 1, padding = 0, dilation = 1} = setting;
      const expected = outputSize(setting);
      const real = typeof expected === 'string' ? 'none' : convolvedSize(setting);
      return [size, kernel, stride, padding, dilation, expected, real];
    }),
  };
}

function convolvedSize({size, kernel, ...options}: SizeSettings): number {
  return tf.tidy(
    () => conv2d(tf.zeros([1, size, size, 1]), tf.zeros([kernel, kernel, 1, 1]), windowOf(options)).shape[1]!,
  );
}

/** Matrices side by side: small ones as numbers, large ones as pictures; the title owns up to `standIns`. */
export async function showMatrices(
  matrices: Readonly<Record<string, Matrix>>,
  title: string,
  {standIns = []}: {standIns?: readonly string[]} = {},
): Promise<void> {
  const items = Object.entries(matrices).map(async ([name, values]) => {
    const [height, width] = sides(name, values);
    if (Math.max(height, width) <= mostNumbers) return {title: name, values};
    const heading = `${name}, ${height} x ${width}`;
    return {title: heading, values, image: await matrixPicture(values.flat(), [height, width], {size: 220})};
  });
  showHtml(matrixTables(await Promise.all(items), title, standIns));
}

/** Rows or columns up to which numbers can be read. */
const mostNumbers = 12;

function windowOf({stride = 1, padding = 0, dilation = 1}: ConvolveOptions): WindowMoves {
  return {
    strides: [stride, stride],
    padding: [padding, padding, padding, padding],
    dilations: [dilation, dilation],
  };
}

function sides(name: string, matrix: Matrix): [number, number] {
  const [height, width] = [matrix.length, matrix[0]?.length ?? 0];
  if (width > 0 && matrix.every((row) => row.length === width)) return [height, width];
  throw new LabError(
    `${name}: its rows have ${matrix.map((row) => row.length).join(', ') || 'no'} numbers. Give rows of one length.`,
  );
}

function matrixOf(compute: () => Tensor): number[][] {
  const result = tf.tidy(() => tf.squeeze(compute(), [0, 3]));
  const matrix = result.arraySync() as number[][];
  result.dispose();
  return matrix;
}
