/**
 * Large arrays on their way from and to tensors.
 *
 * V8 collects garbage whenever some 64 MB of arrays have been made, and then walks through its whole heap, where a
 * notebook's kernel keeps the TypeScript compiler: for frozen features and decoded photos that took a tenth of all time.
 * Given back as soon as they have been used, they leave it nothing to collect.
 */
import type {Tensor} from '@tensorflow/tfjs-node';
import {backend} from './tensorflow';

/** Gives an array's memory back at once; it has no elements then. One that is a part of a larger buffer stays as it is. */
export function release(array: Float32Array | Uint8Array): void {
  if (array.byteLength === array.buffer.byteLength) backend.binding.releaseArray(array);
}

/** A float32 tensor of these values, whose memory is given back. */
export function tensorTaking(values: Float32Array, shape: readonly number[]): Tensor {
  const {binding} = backend;
  const dtype = binding.TF_FLOAT;
  const id = binding.createTensor([...shape], dtype, values);
  release(values);
  return backend.createOutputTensor({id, shape: [...shape], dtype});
}
