/** Windows moved over images, checked before TensorFlow sees them: an impossible one can end the process there. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {LabError} from '../../errors';
import type {Attribute} from '../tensorflow';
import {integer} from './native';
import {checkPadding, type Padding} from './padding';

/** How a window moves: PyTorch's symmetric padding, or another amount after the last row and column. */
export interface WindowMoves {
  strides: [number, number];
  padding: Padding;
  dilations: [number, number];
}

export const isDilated = ({dilations}: WindowMoves): boolean => dilations.some((dilation) => dilation > 1);

/** A window for this project's kernels, which know no dilation. */
export const labWindow = ({strides, padding}: Omit<WindowMoves, 'dilations'>): Attribute[] => [
  integer('strides', strides),
  integer('padding', padding),
];

/** Height and width of what a filter makes of an image. */
export const outputSize = (x: Tensor, filter: Tensor, {strides, padding, dilations}: WindowMoves): number[] =>
  [0, 1].map((axis) => {
    const reach = (filter.shape[axis] - 1) * dilations[axis] + 1;
    const room = x.shape[axis + 1] + padding[2 * axis] + padding[2 * axis + 1] - reach;
    return Math.floor(room / strides[axis]) + 1;
  });

function checkPair(what: string, pair: readonly number[]): void {
  if (pair.length === 2 && pair.every((value) => Number.isInteger(value) && value >= 1)) return;
  throw new LabError(`A ${what} of [${pair.join(', ')}] cannot be. Give two whole numbers of at least 1.`);
}

/** Throws a LabError that names the value unless a window of this size can be moved over an image [batch, height, width, channel]. */
export function checkWindow(
  x: Tensor,
  size: readonly [number, number],
  {strides, padding, dilations}: Omit<WindowMoves, 'dilations'> & Partial<WindowMoves>,
): void {
  checkImage(x);
  checkPair('window', size);
  checkPair('stride', strides);
  checkPadding(padding);
  if (dilations) checkPair('dilation', dilations);
  for (const axis of [0, 1]) {
    const reach = (size[axis] - 1) * (dilations?.[axis] ?? 1) + 1;
    const length = x.shape[axis + 1] + padding[2 * axis] + padding[2 * axis + 1];
    if (reach <= length) continue;
    const [across, lines] = axis === 0 ? ['high', 'rows'] : ['wide', 'columns'];
    throw new LabError(
      `A window ${reach} ${across} does not fit into an image of ${length} ${lines}, padding included. ` +
        'Give larger photos or a smaller window.',
    );
  }
}

function checkImage({shape}: Tensor): void {
  if (shape.length === 4) return;
  throw new LabError(`A tensor [${shape.join(', ')}] is no image. Give [batch, height, width, channel].`);
}

/**
 * Throws a LabError that names the value unless a convolution's filter can be moved over an image: [height, width,
 * in / groups, out], or [height, width, channels, multiplier] when `isDepthwise`.
 */
export function checkConvolution(x: Tensor, filter: Tensor, window: WindowMoves, isDepthwise: boolean): void {
  const shape = `A filter [${filter.shape.join(', ')}]`;
  if (filter.rank !== 4) throw new LabError(`${shape} is none of a convolution. Give four axes.`);
  const [height, width, channels, out] = filter.shape;
  checkWindow(x, [height, width], window);
  const given = x.shape[3]!;
  const groups = given / channels;
  const fits = isDepthwise ? channels === given : Number.isInteger(groups) && out % groups === 0;
  if (fits && out >= 1) return;
  throw new LabError(
    isDepthwise
      ? `${shape} cannot filter an image of ${given} channels one by one. Its third axis must be ${given}.`
      : `${shape} cannot filter an image of ${given} channels. Its third axis must divide ${given} into groups, ` +
          'and its last be a multiple of the groups.',
  );
}

/** Throws a LabError unless a residual has the shape of what a convolution that passed `checkConvolution` makes. */
export function checkResidual(
  residual: Tensor,
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  isDepthwise: boolean,
): void {
  const [rows, columns] = outputSize(x, filter, window);
  const out = filter.shape[3]! * (isDepthwise ? filter.shape[2]! : 1);
  const output = [x.shape[0], rows, columns, out];
  if (residual.rank === 4 && output.every((length, axis) => length === residual.shape[axis])) return;
  throw new LabError(
    `A residual [${residual.shape.join(', ')}] cannot be added to a convolution's output [${output.join(', ')}].`,
  );
}
