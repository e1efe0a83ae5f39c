import type {Sharp} from 'sharp';
import type {Picture} from './picture';
import {sharp, unreadableImage} from './vips';

/**
 * A square JPEG as a `data:` address for an `<img>`: the centre of a picture, or an 8-bit RGB square `[side, side, 3]`,
 * brought to `size` pixels a side. Throws a LabError that names the picture's place when it cannot be read.
 */
export async function thumbnail(source: Picture | Uint8Array, size = 112): Promise<string> {
  if (!(source instanceof Uint8Array)) {
    try {
      return await encode(await source.image(), size);
    } catch (error) {
      throw unreadableImage(source.place, error);
    }
  }
  const side = Math.sqrt(source.length / 3);
  return encode(sharp(source, {raw: {width: side, height: side, channels: 3}}), size);
}

/**
 * A picture as a JPEG, upright, on white, its longer side at most `side` pixels. Throws a LabError that names the picture's
 * place when it cannot be read.
 */
export async function boundedJpeg(picture: Picture, side: number): Promise<Buffer> {
  try {
    const image = await picture.image();
    return await image
      .autoOrient()
      .flatten({background: 'white'})
      .resize(side, side, {fit: 'inside', withoutEnlargement: true})
      .toColourspace('srgb')
      .jpeg({quality: 85})
      .toBuffer();
  } catch (error) {
    throw unreadableImage(picture.place, error);
  }
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
