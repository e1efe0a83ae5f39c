import type {Tensor} from '@tensorflow/tfjs-node';
import {LabError} from '../../errors';
import {tf} from '../tensorflow';

/** Rows and columns added around an image: [top, bottom, left, right]. */
export type Padding = [number, number, number, number];

/**
 * Rows (or columns) that TensorFlow's padding SAME adds before and after `length` ones, so that a window of `reach` rows
 * stops once for every `stride` of them: as many on both sides, or one more after.
 */
export function samePadding(length: number, reach: number, stride: number): [number, number] {
  const total = Math.max((Math.ceil(length / stride) - 1) * stride + reach - length, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** Throws a LabError that names the value unless it is four whole numbers of at least 0. */
export function checkPadding(padding: readonly number[]): void {
  if (padding.length === 4 && padding.every((value) => Number.isInteger(value) && value >= 0)) return;
  throw new LabError(
    `A padding of [${padding.join(', ')}] cannot be. Give four whole numbers of at least 0: top, bottom, left, right.`,
  );
}

/** Adds rows and columns around an image; `value` fills them (0 unless told). Nothing to add: the same tensor. */
export function pad(x: Tensor, padding: Padding, value = 0): Tensor {
  checkPadding(padding);
  const [top, bottom, left, right] = padding;
  if (top + bottom + left + right === 0) return x;
  const paddings: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return tf.pad(x, paddings, value);
}
