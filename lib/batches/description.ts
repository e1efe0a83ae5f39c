import type {Preprocessing} from '../pictures';
import {type Batch} from './batches';

/** The shape of a batch's images, and the least, greatest and mean of their normalised values. */
export interface BatchDescription {
  shape: [size: number, height: number, width: number, channels: number];
  minimum: number;
  maximum: number;
  mean: number;
}

/** The numbers of a batch's photos, `[size, crop, crop, 3]`. */
export function batchValues(batch: Batch): Float32Array {
  const images = batch.tensor();
  try {
    return images.dataSync() as Float32Array;
  } finally {
    images.dispose();
  }
}

/** Measures the numbers of a batch that was made with the given preprocessing. */
export function describeBatch(images: Float32Array, {crop}: Preprocessing): BatchDescription {
  let [minimum, maximum, sum] = [Infinity, -Infinity, 0];
  for (const value of images) {
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
    sum += value;
  }
  const size = images.length / (crop * crop * 3);
  return {shape: [size, crop, crop, 3], minimum, maximum, mean: sum / images.length};
}

/** One photo of a batch's images `[size, crop, crop, 3]`, back as 8-bit RGB `[crop, crop, 3]` to be looked at. */
export function denormalise(
  images: Float32Array,
  index: number,
  {crop, mean, std}: Preprocessing,
): Uint8Array {
  const length = crop * crop * 3;
  const pixels = new Uint8ClampedArray(length);
  images.subarray(index * length, (index + 1) * length).forEach((value, i) => {
    pixels[i] = (value * std[i % 3] + mean[i % 3]) * 255;
  });
  return new Uint8Array(pixels.buffer);
}
