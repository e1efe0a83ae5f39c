import sharp, {type Sharp} from 'sharp';

/** A picture of the given size and channels, its 8-bit values from a function of the place. */
export function draw(
  width: number,
  height: number,
  channels: 1 | 2 | 3 | 4,
  value: (channel: number, x: number, y: number) => number,
): Sharp {
  const pixels = Uint8Array.from({length: width * height * channels}, (_, i) => {
    const place = Math.floor(i / channels);
    return value(i % channels, place % width, Math.floor(place / width));
  });
  return sharp(pixels, {raw: {width, height, channels}});
}

/** Values without structure, but the same each time. */
export function texture(channel: number, x: number, y: number): number {
  return ((x * 7 + y * 13 + channel * 50) ^ (x * y)) % 256;
}
