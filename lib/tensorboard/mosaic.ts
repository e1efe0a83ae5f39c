/** Many small pictures in one, row by row. */
import {sharp} from '../pictures';
import type {PngImage} from './events';

/** An RGB colour, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

export interface MosaicOptions {
  /** Of each square, in pixels. */
  side: number;
  columns: number;
  /** Default: as many as are needed. */
  rows?: number;
  /** A frame of 4 pixels round each, which its edge gives way to. */
  frames?: readonly Colour[];
}

const frameWidth = 4;
const decodedAtOnce = 64;

/** Thumbnails, as `thumbnail` gives them ('data:' addresses), as one PNG. */
export async function mosaic(
  thumbnails: readonly string[],
  {side, columns, rows = Math.ceil(thumbnails.length / columns), frames}: MosaicOptions,
): Promise<Omit<PngImage, 'description'>> {
  const width = columns * side;
  const height = rows * side;
  const pixels = new Uint8Array(width * height * 3);
  for (let first = 0; first < thumbnails.length; first += decodedAtOnce) {
    const part = thumbnails.slice(first, first + decodedAtOnce);
    const squares = await Promise.all(part.map((each, i) => square(each, side, frames?.[first + i])));
    squares.forEach((pixelsOfOne, i) => {
      const [row, column] = [Math.floor((first + i) / columns), (first + i) % columns];
      for (let y = 0; y < side; y++) {
        const from = pixelsOfOne.subarray(y * side * 3, (y + 1) * side * 3);
        pixels.set(from, ((row * side + y) * width + column * side) * 3);
      }
    });
  }
  const png = await sharp(pixels, {raw: {width, height, channels: 3}})
    .png()
    .toBuffer();
  return {width, height, png};
}

/** RGB pixels [side, side, 3]. */
async function square(thumbnail: string, side: number, frame?: Colour): Promise<Uint8Array> {
  const inner = frame ? side - 2 * frameWidth : side;
  const bytes = Buffer.from(thumbnail.slice(thumbnail.indexOf(',') + 1), 'base64');
  const image = sharp(bytes)
    .flatten({background: 'white'})
    .resize(inner, inner, {fit: 'cover'})
    .toColourspace('srgb');
  if (!frame) return image.raw().toBuffer();
  const [r, g, b] = frame;
  const edges = {top: frameWidth, bottom: frameWidth, left: frameWidth, right: frameWidth};
  return image
    .extend({...edges, background: {r, g, b}})
    .raw()
    .toBuffer();
}
