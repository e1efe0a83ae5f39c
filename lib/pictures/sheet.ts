import type {Picture} from './picture';
import {sharp, unreadableImage} from './vips';

/** Many small photos in one picture, row by row, so that they weigh little and travel once. */
export interface PhotoSheet {
  /** A JPEG as a `data:` address. */
  image: string;
  /** Pixels of a photo's side. */
  side: number;
  /** Photos in a row. */
  columns: number;
  photos: number;
}

/** The centres of pictures, each `side` pixels wide and high. Throws a LabError that names a picture that cannot be read. */
export async function photoSheet(pictures: readonly Picture[], side = 40): Promise<PhotoSheet> {
  const columns = Math.max(1, Math.ceil(Math.sqrt(pictures.length)));
  const [width, height] = [columns * side, Math.max(1, Math.ceil(pictures.length / columns)) * side];
  const pixels = new Uint8Array(width * height * 3);
  await Promise.all(
    pictures.map(async (picture, index) => {
      const photo = await smallPhoto(picture, side);
      const start = Math.floor(index / columns) * side * width + (index % columns) * side;
      for (let row = 0; row < side; row++) {
        pixels.set(photo.subarray(row * side * 3, (row + 1) * side * 3), (start + row * width) * 3);
      }
    }),
  );
  const jpeg = await sharp(pixels, {raw: {width, height, channels: 3}})
    .jpeg({quality: 60})
    .toBuffer();
  return {
    image: `data:image/jpeg;base64,${jpeg.toString('base64')}`,
    side,
    columns,
    photos: pictures.length,
  };
}

/** RGB pixels `[side, side, 3]`. */
async function smallPhoto(picture: Picture, side: number): Promise<Uint8Array> {
  try {
    const image = await picture.image();
    return await image
      .autoOrient()
      .flatten({background: 'white'})
      .resize(side, side, {fit: 'cover'})
      .toColourspace('srgb')
      .raw()
      .toBuffer();
  } catch (error) {
    throw unreadableImage(picture.place, error);
  }
}
