import type {Sharp} from 'sharp';
import {type Batch} from './batches';
import {type Preprocessing} from './preprocessing';
import {sharp, unreadableImage} from './vips';

/** The shape of a batch's images, and the least, greatest and mean of their normalised values. */
export interface BatchDescription {
  shape: [size: number, height: number, width: number, channels: number];
  minimum: number;
  maximum: number;
  mean: number;
}

/** Measures a batch that was made with the given preprocessing. */
export function describeBatch({images, items}: Batch, {crop}: Preprocessing): BatchDescription {
  let [minimum, maximum, sum] = [Infinity, -Infinity, 0];
  for (const value of images) {
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
    sum += value;
  }
  return {shape: [items.length, crop, crop, 3], minimum, maximum, mean: sum / images.length};
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

/**
 * A square JPEG as a `data:` address for an `<img>`: the centre of a photo file, or an 8-bit RGB square
 * `[side, side, 3]`, brought to `size` pixels a side. Throws a LabError that names the file when it cannot be read.
 */
export async function thumbnail(source: string | Uint8Array, size = 112): Promise<string> {
  if (typeof source === 'string') {
    return encode(sharp(source, {failOn: 'error'}), size).catch((error: unknown) => {
      throw unreadableImage(source, error);
    });
  }
  const side = Math.sqrt(source.length / 3);
  return encode(sharp(source, {raw: {width: side, height: side, channels: 3}}), size);
}

async function encode(image: Sharp, size: number): Promise<string> {
  const jpeg = await image
    .autoOrient()
    .flatten({background: 'white'})
    .resize(size, size, {fit: 'cover'})
    .toColourspace('srgb')
    .jpeg({quality: 70})
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
