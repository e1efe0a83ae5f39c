/** Sums, concatenations, parts and changes of shape: their gradients need no values, so none is kept for the backward pass. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {executeTyped, isNarrow, typeOf, widen} from './bfloat16';
import {binary, integer, integerType, operation, shapeTensor} from './native';

const sum = operation<object>('Sum', {
  forward: ({a, b}) => [binary('AddV2', a, b)],
  gradient: ([dy]) => ({a: () => dy.clone(), b: () => dy.clone()}),
});

/** a + b; where the shapes differ, one is repeated as NumPy does it. */
export function add(a: Tensor, b: Tensor): Tensor {
  const alike = a.rank === b.rank && a.shape.every((length, axis) => length === b.shape[axis]);
  return alike ? sum({a, b}, {})[0] : tf.add(a, b);
}

const concatenation = operation<{axis: number; lengths: number[]}>('Concatenation', {
  forward: (named, {axis}) => {
    const parts = Object.values(named);
    if (!parts.some(isNarrow)) return [tf.concat(parts, axis)];
    const attributes = [typeOf('T', parts[0]), integerType('Tidx'), integer('N', parts.length)];
    return executeTyped('ConcatV2', attributes, [...parts, tf.scalar(axis, 'int32')]);
  },
  gradient: ([dy], _, {axis, lengths}) => {
    const slopes = split(dy, lengths, axis);
    return Object.fromEntries(slopes.map((slope, i) => [`part${i}`, () => slope]));
  },
});

const split = (x: Tensor, lengths: number[], axis: number): Tensor[] =>
  tf.tidy(() =>
    executeTyped(
      'SplitV',
      [typeOf('T', x), integerType('Tlen'), integer('num_split', lengths.length)],
      [x, shapeTensor(lengths), tf.scalar(axis, 'int32')],
      lengths.length,
    ),
  );

/** Tensors side by side on an axis: narrow if all of them are. */
export function concat(given: Tensor[], axis: number): Tensor {
  const parts = given.every(isNarrow) ? given : given.map(widen);
  const named = Object.fromEntries(parts.map((part, i) => [`part${i}`, part]));
  return concatenation(named, {axis, lengths: parts.map(({shape}) => shape[axis])})[0];
}

const shaping = operation<{shape: number[]; from: number[]}>('Reshape', {
  forward: ({x}, {shape}) => [tf.reshape(x, shape)],
  gradient: ([dy], _, {from}) => ({x: () => tf.reshape(dy, from)}),
});

/** The same values in another shape; one length may be -1, which then follows from the others. */
export const reshape = (x: Tensor, shape: number[]): Tensor => shaping({x}, {shape, from: x.shape})[0];

const slicing = operation<{begin: number[]; size: number[]; from: number[]}>('Slice', {
  forward: ({x}, {begin, size}) => [tf.slice(x, begin, size)],
  gradient: ([dy], _, {begin, from}) => ({
    x: () =>
      tf.pad(
        dy,
        from.map((length, axis): [number, number] => [begin[axis], length - begin[axis] - dy.shape[axis]]),
      ),
  }),
});

/** A part of a tensor: `size` places on each axis from `begin` on; -1 stands for all that are left. All of it: the same. */
export function slice(x: Tensor, begin: number[], size: number[]): Tensor {
  const isAll = x.shape.every((length, axis) => begin[axis] === 0 && [-1, length].includes(size[axis]));
  return isAll ? x : slicing({x}, {begin, size, from: x.shape})[0];
}
