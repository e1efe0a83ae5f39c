import type {Tensor} from '@tensorflow/tfjs-node';
import {type Activation, activationNamed} from './activations';
import {executeTyped, typeOf} from './bfloat16';
import {isPointwise} from './quickConvolution';
import {isTiled} from './tiles';
import {checkConvolution, isDilated, labWindow, type WindowMoves} from './window';

/** A convolution with its bias. */
export interface BiasedFilter {
  filter: Tensor;
  bias: Tensor;
  window: WindowMoves;
}

/**
 * A convolution of single places that widens and the depthwise one that takes what comes out, each with this activation,
 * in one pass over memory, for inference (no gradient): `y`, which is narrow, and its mean over height and width,
 * `[batch, 1, 1, channels]`. Undefined where no kernel does that: the first filter must be narrow, and the processor have tiles.
 */
export function expandedDepthwise(
  x: Tensor,
  expansion: BiasedFilter,
  depthwise: BiasedFilter,
  activation?: Activation,
): {y: Tensor; mean: Tensor} | undefined {
  const {filter, bias, window} = expansion;
  checkConvolution(x, filter, window, false);
  if (!isPointwise(x, filter, window) || !isTiled(x, filter, window) || !isWithin(depthwise))
    return undefined;
  const attributes = [typeOf('X', x), ...labWindow(depthwise.window), activationNamed(activation)];
  const inputs = [x, filter, bias, depthwise.filter, depthwise.bias];
  const [y, mean] = executeTyped('LabExpandedDepthwise', attributes, inputs, 2);
  return {y, mean};
}

/** Whether it filters each channel once, and every place of its window sees something of the image. */
function isWithin({filter, window}: BiasedFilter): boolean {
  const [height, width, , multiplier] = filter.shape as [number, number, number, number];
  const [top, bottom, left, right] = window.padding;
  const sees = Math.max(top, bottom) < height && Math.max(left, right) < width;
  return multiplier === 1 && !isDilated(window) && sees;
}
