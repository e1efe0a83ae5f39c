/** Quicker ways to compute a convolution without groups than TensorFlow's operation, where there are any. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {isNarrow, reshaped} from './bfloat16';
import {matMul} from './dense';
import {type Epilogue, executeWithEpilogue} from './epilogue';
import {execute, hasLabKernels, hasLabProducts, integer} from './native';
import type {Padding} from './padding';
import {isProductInLab, product} from './product';
import {isTiled, tiledConvolution, type TiledOptions, tiledSlopes} from './tiles';
import {isDilated, labWindow, type WindowMoves} from './window';

/** The convolution by this project's kernels; nothing where they are not to be taken (no gradient). */
export function quickConvolution(
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  {narrow, ...epilogue}: TiledOptions = {},
): Tensor | undefined {
  if (isTiled(x, filter, window)) return tiledConvolution(x, filter, window, {narrow, ...epilogue});
  if (isMinimal(x, filter, window)) return minimal(x, filter, window.padding, epilogue);
  if (!isPointwise(x, filter, window) || !isProductInLab(x, filter)) return undefined;
  return product(x, filter, {...epilogue, transposed: false});
}

/** The gradients that need not be TensorFlow's. */
export function quickSlopes(
  x: Tensor,
  filter: Tensor,
  dy: Tensor,
  window: WindowMoves,
): {x?: () => Tensor; filter?: () => Tensor} {
  if (isTiled(x, filter, window)) return tiledSlopes(x, filter, dy, window);
  if (isPointwise(x, filter, window)) {
    return {
      x: isProductInLab(dy, filter) ? () => product(dy, filter, {transposed: true}) : undefined,
      filter: () => pointwiseFilterSlope(x, filter, dy),
    };
  }
  if (isMinimal(x, filter, window)) {
    const around = window.padding.map((amount) => 2 - amount) as Padding;
    return {
      x: () => minimal(dy, filter, around, {turned: true}),
      filter: () => execute('LabWinogradGradFilter', [integer('padding', window.padding)], [dy, x])[0],
    };
  }
  return hasLabProducts() && isPlain(x, filter, window)
    ? {filter: () => filterSlope(x, filter, dy, window)}
    : {};
}

/** A 1x1 convolution of every place, without groups, is a matrix product, which has the quicker gradient. */
export const isPointwise = (x: Tensor, filter: Tensor, {strides, padding}: WindowMoves): boolean =>
  [filter.shape[0], filter.shape[1], ...strides].every((length) => length === 1) &&
  padding.every((amount) => amount === 0) &&
  filter.shape[2] === x.shape[3];

function pointwiseFilterSlope(x: Tensor, filter: Tensor, dy: Tensor): Tensor {
  const [, , channels, out] = filter.shape;
  return tf.tidy(() =>
    matMul(reshaped(x, [-1, channels]), reshaped(dy, [-1, out]), true, false).reshape(filter.shape),
  );
}

/** Whether it is a convolution of float32 without groups and dilation. */
const isPlain = (x: Tensor, filter: Tensor, window: WindowMoves): boolean =>
  !isNarrow(filter) && filter.shape[2] === x.shape[3] && !isDilated(window);

function filterSlope(x: Tensor, filter: Tensor, dy: Tensor, window: WindowMoves): Tensor {
  const attributes = [...labWindow(window), integer('filter', filter.shape.slice(0, 2))];
  return execute('LabConvolutionGradFilter', attributes, [dy, x])[0];
}

/**
 * Whether minimal filtering is to be taken. With fewer channels its transformations cost more than they save, and with
 * fewer tiles of 4x4 places of output the filter's does.
 */
function isMinimal(x: Tensor, filter: Tensor, window: WindowMoves): boolean {
  const [height, width, channels, out] = filter.shape;
  const [batch, rows, columns] = x.shape;
  const {strides, padding} = window;
  if (height !== 3 || width !== 3 || strides[0] !== 1 || strides[1] !== 1) return false;
  if (Math.min(channels, out) < 32 || padding.some((amount) => amount > 2)) return false;
  const across = (length: number, around: number): number => Math.ceil((length + around - 2) / 4);
  const tiles = batch * across(rows, padding[0] + padding[1]) * across(columns, padding[2] + padding[3]);
  return tiles >= 16 && hasLabKernels() && isPlain(x, filter, window);
}

interface MinimalOptions extends Epilogue {
  /** Whether the filter is turned and its channels are for one another, which gives the gradient of the input. */
  turned?: boolean;
}

function minimal(
  x: Tensor,
  filter: Tensor,
  padding: Padding,
  {turned, ...epilogue}: MinimalOptions = {},
): Tensor {
  const attributes = [integer('padding', padding), integer('turned', turned ? 1 : 0)];
  return executeWithEpilogue('LabWinograd', attributes, [x, filter], epilogue);
}
