/** Windows that lie side by side, as those of a transformer's first layer: what each covers is a row, its patch. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {widen} from './bfloat16';
import {isDilated, type WindowMoves} from './window';

/** Whether the windows of a filter without groups cover an image, each pixel once. */
export function arePatches(x: Tensor, filter: Tensor, window: WindowMoves): boolean {
  const {strides, padding} = window;
  return (
    filter.shape[2] === x.shape[3] &&
    !isDilated(window) &&
    padding.every((amount) => amount === 0) &&
    strides.every((stride, axis) => stride === filter.shape[axis] && x.shape[axis + 1] % stride === 0)
  );
}

/** An image [batch, height, width, channel] as patches [batch, row, column, numbers of a patch] (no gradient). */
export function toPatches(x: Tensor, [height, width]: readonly number[]): Tensor {
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
  const [down, across] = [rows / height, columns / width];
  return tf.tidy(() => {
    const lines = widen(x).reshape([batch * down, height, across, width * channels]);
    return tf.transpose(lines, [0, 2, 1, 3]).reshape([batch, down, across, height * width * channels]);
  });
}

/** Undoes `toPatches`. */
export function fromPatches(patches: Tensor, [height, width]: readonly number[]): Tensor {
  const [batch, down, across, size] = patches.shape as [number, number, number, number];
  const channels = size / (height * width);
  return tf.tidy(() => {
    const lines = widen(patches).reshape([batch * down, across, height, width * channels]);
    return tf.transpose(lines, [0, 2, 1, 3]).reshape([batch, down * height, across * width, channels]);
  });
}
