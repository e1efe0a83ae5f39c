/** Products in bfloat16 by the tile registers of x86-64 (AMX): they read float32 and bfloat16 alike, and write either. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {machine, tf} from '../tensorflow';
import {executeTyped, floatOf, isNarrow, narrow, reshaped, typedAs, typeOf} from './bfloat16';
import {type Epilogue, executeWithEpilogue} from './epilogue';
import {hasBfloat16, integer, optional} from './native';
import {arePatches, fromPatches, toPatches} from './patches';
import {isDilated, labWindow, outputSize, type WindowMoves} from './window';

let isTried = false;

/** Whether the processor has tiles, the kernels were compiled for them, and the system lets this process use them. */
export function hasTiles(): boolean {
  if (!hasBfloat16() || !machine.tiles) return false;
  if (!isTried) tf.tidy(tryTiles);
  return machine.tiles;
}

function tryTiles(): void {
  isTried = true;
  try {
    tiledProduct(tf.zeros([1, 32]), narrow(tf.zeros([32, 32])), {transposed: false});
  } catch {
    machine.tiles = false;
  }
}

/** With fewer channels most of a tile is empty. */
const fewChannels = 16;

/** Whether `tiledConvolution` is to be taken. */
export function isTiled(x: Tensor, filter: Tensor, window: WindowMoves): boolean {
  if (!isNarrow(filter) || !hasTiles() || filter.shape[2] !== x.shape[3] || isDilated(window)) return false;
  const depth = isPatchwise(x, filter, window) ? patchFilter(filter)[2] : filter.shape[2]!;
  return Math.min(depth, filter.shape[3]!) >= fewChannels;
}

/** Whether an image of few channels is to be worked on patch by patch. */
const isPatchwise = (x: Tensor, filter: Tensor, window: WindowMoves): boolean =>
  filter.shape[2]! < fewChannels && arePatches(x, filter, window);

/** The filter's shape for patches. */
function patchFilter({size, shape}: Tensor): number[] {
  const out = shape[3]!;
  return [1, 1, size / out, out];
}

export interface TiledOptions extends Epilogue {
  /** Whether what comes out is narrow. */
  narrow?: boolean;
  /** By which x is multiplied before, [batch, 1, 1, channels]. */
  gate?: Tensor;
}

const plain: WindowMoves = {strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1]};

interface Settings extends TiledOptions {
  /** Whether the filter's channels are for one another. */
  turned: boolean;
  /** Whether the window goes from its output to the image. */
  backward?: boolean;
  /** Height and width of what comes out. */
  size?: number[];
}

function run(x: Tensor, filter: Tensor, window: WindowMoves, settings: Settings): Tensor {
  const {turned, backward = false, size = [1, 1], narrow: isWanted = false, gate, ...epilogue} = settings;
  const gates = optional('gates', gate);
  const attributes = [
    ...[typeOf('X', x), typeOf('R', epilogue.residual), floatOf('Y', isWanted)],
    ...labWindow(window),
    ...[integer('size', size), integer('turned', turned ? 1 : 0), integer('backward', backward ? 1 : 0)],
    gates.count,
  ];
  return executeWithEpilogue('LabTiledConvolution', attributes, [x, filter, ...gates.inputs], epilogue);
}

/** The last axis of x by a narrow weight [in, out] or, if `transposed`, [out, in], or a filter of one pixel (no gradient). */
export const tiledProduct = (
  x: Tensor,
  weight: Tensor,
  {transposed, ...options}: TiledOptions & {transposed: boolean},
): Tensor => run(x, weight, plain, {...options, turned: transposed});

/** A convolution without groups by a narrow filter (no gradient). */
export function tiledConvolution(
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  options: TiledOptions = {},
): Tensor {
  if (isPatchwise(x, filter, window)) {
    const patches = toPatches(x, filter.shape);
    return tiledProduct(patches, reshaped(filter, patchFilter(filter)), {...options, transposed: false});
  }
  return run(x, filter, window, {...options, turned: false, size: outputSize(x, filter, window)});
}

/** The gradients of `tiledConvolution`; that of a narrow x is narrow. */
export function tiledSlopes(x: Tensor, filter: Tensor, dy: Tensor, window: WindowMoves) {
  if (isPatchwise(x, filter, window)) return patchSlopes(x, filter, dy);
  return {
    x: () =>
      run(dy, filter, window, {turned: true, backward: true, size: x.shape.slice(1, 3), narrow: isNarrow(x)}),
    filter: () => filterSlope(x, dy, window, filter.shape.slice(0, 2)),
  };
}

function patchSlopes(x: Tensor, filter: Tensor, dy: Tensor) {
  const toImage = () => {
    const patches = tiledProduct(dy, reshaped(filter, patchFilter(filter)), {transposed: true});
    return typedAs(x, fromPatches(patches, filter.shape));
  };
  return {
    x: () => tf.tidy(toImage),
    filter: () =>
      tf.tidy(() => filterSlope(toPatches(x, filter.shape), dy, plain, [1, 1]).reshape(filter.shape)),
  };
}

/** The gradient of a weight [out, in]. */
export const tiledWeightSlope = (x: Tensor, dy: Tensor): Tensor =>
  tf.tidy(() => filterSlope(dy, x, plain, [1, 1]).reshape([dy.shape[dy.rank - 1], x.shape[x.rank - 1]]));

function filterSlope(x: Tensor, dy: Tensor, window: WindowMoves, filter: number[]): Tensor {
  const attributes = [typeOf('D', dy), typeOf('X', x), ...labWindow(window), integer('filter', filter)];
  return executeTyped('LabTiledGradFilter', attributes, [dy, x])[0];
}
