import {sharp} from './vips';

/** Grey: black is least; viridis: dark violet is least, yellow greatest (van der Walt and Smith 2015). */
export type MatrixColours = 'grey' | 'viridis';

/** Every ninth part of matplotlib's viridis. */
const viridis: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37],
];

/**
 * Numbers [height, width], or [height, width, 3] as RGB, as a PNG in a `data:` address, from their least value to their
 * greatest, each enlarged to whole squares so that the longer side has about `size` pixels; a larger matrix is reduced to it.
 */
export async function matrixPicture(
  values: ArrayLike<number>,
  [height, width]: readonly [number, number],
  {colours = 'grey', size = 112}: {colours?: MatrixColours; size?: number} = {},
): Promise<string> {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  const shares = Array.from(values, (value) => (high > low ? (value - low) / (high - low) : 0));
  const isColoured = values.length === 3 * height * width;
  const pixels = isColoured
    ? shares.map((share) => Math.round(255 * share))
    : shares.flatMap((share) => (colours === 'grey' ? grey(share) : interpolated(share)));
  const longest = Math.max(height, width);
  const times = longest > size ? size / longest : Math.round(size / longest);
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(times * side)));
  const png = await sharp(Uint8Array.from(pixels), {raw: {width, height, channels: 3}})
    .resize(columns, rows, {kernel: times < 1 ? 'lanczos3' : 'nearest', fit: 'fill'})
    .png({palette: !isColoured, compressionLevel: 9})
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

function grey(share: number): number[] {
  const value = Math.round(255 * share);
  return [value, value, value];
}

function interpolated(share: number): number[] {
  const place = share * (viridis.length - 1);
  const before = Math.min(Math.floor(place), viridis.length - 2);
  return viridis[before].map((from, channel) =>
    Math.round(from + (place - before) * (viridis[before + 1][channel] - from)),
  );
}
