/** Convolution and pooling put together from tfjs' plainest operations, as their definitions read. */
import {tf, type Tensor} from '../../lib/engine';

export interface WindowMoves {
  strides: [number, number];
  padding: [number, number, number, number];
  dilations: [number, number];
}

export const plain: WindowMoves = {strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1]};

/** What each place of a kernel sees: for every place, row by row, a tensor [batch, out height, out width, channels]. */
function views(x: Tensor, kernel: [number, number], window: WindowMoves, fill: number): Tensor[] {
  const [top, bottom, left, right] = window.padding;
  const padding: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  const padded = tf.pad(x, padding, fill);
  const indices = (axis: 0 | 1, place: number) => {
    const reach = (kernel[axis] - 1) * window.dilations[axis] + 1;
    const count = Math.floor((padded.shape[axis + 1] - reach) / window.strides[axis]) + 1;
    const start = place * window.dilations[axis];
    return tf.range(start, start + count * window.strides[axis], window.strides[axis], 'int32');
  };
  return Array.from({length: kernel[0] * kernel[1]}, (_, place) => {
    const rows = tf.gather(padded, indices(0, Math.floor(place / kernel[1])), 1);
    return tf.gather(rows, indices(1, place % kernel[1]), 2);
  });
}

/** `filter` [height, width, in / groups, out]. */
export function convolution(x: Tensor, filter: Tensor, window: WindowMoves): Tensor {
  const [height, width, channels, out] = filter.shape;
  const groups = x.shape[3]! / channels;
  const seen = views(x, [height, width], window, 0);
  const parts = Array.from({length: groups}, (_, group) => {
    const terms = seen.map((view, place) => {
      const [batch, rows, columns] = view.shape;
      const share = tf.slice(view, [0, 0, 0, group * channels], [-1, -1, -1, channels]);
      const begin = [Math.floor(place / width), place % width, 0, (group * out) / groups];
      const weights = tf.slice(filter, begin, [1, 1, channels, out / groups]).reshape([channels, -1]);
      return tf.matMul(share.reshape([-1, channels]), weights).reshape([batch, rows, columns, -1]);
    });
    return tf.addN(terms);
  });
  return tf.concat(parts, 3);
}

/** `filter` [height, width, channels, multiplier]. */
export function depthwise(x: Tensor, filter: Tensor, window: WindowMoves): Tensor {
  const [height, width, channels, multiplier] = filter.shape;
  const terms = views(x, [height, width], window, 0).map((view, place) => {
    const [batch, rows, columns] = view.shape;
    const weights = tf.slice(filter, [Math.floor(place / width), place % width, 0, 0], [1, 1, -1, -1]);
    const products = tf.mul(
      view.reshape([batch, rows, columns, channels, 1]),
      tf.reshape(weights, [channels, multiplier]),
    );
    return products.reshape([batch, rows, columns, channels * multiplier]);
  });
  return tf.addN(terms);
}

export function maximum(x: Tensor, size: [number, number], window: WindowMoves): Tensor {
  return tf.max(tf.stack(views(x, size, window, -1e9)), 0);
}

export function average(x: Tensor, size: [number, number], window: WindowMoves): Tensor {
  return tf.mean(tf.stack(views(x, size, window, 0)), 0);
}
