/**
 * Colours in the search for near-duplicates, which the perceptual hash does not see: a lamp that is red or green, fruit
 * that is ripe or not. A picture's colours are the two colour differences of JPEG (ITU-T T.871) in 8 x 8 cells.
 *
 * Measured on garbage photos and ants and bees: re-encoded (JPEG quality 40), halved, blurred and 15 % brighter copies and
 * a crop of 1 % per side differ in their most different cell by at most 16 levels of 255, quartered ones by at most 26, and
 * all 33 pairs of garbage photos that the hash finds by at most 41.
 */

/** The side of the RGB picture that colours are taken of, in pixels. */
export const colouredSide = 8;

/** Beyond this many levels in any cell two pictures are different ones. */
const differenceLimit = 48;

/** A picture whose colours are all this near to grey is taken for a grey one, which may be a copy of a coloured one. */
const greyLimit = 8;

const middle = 128;

/** The colours of an RGB picture, `[8, 8, 3]` values 0 to 255 row by row, as 256 hex digits. */
export function coloursOf(rgb: Uint8Array): string {
  const differences = new Uint8ClampedArray(2 * colouredSide ** 2);
  for (let cell = 0; cell < colouredSide ** 2; cell++) {
    const [red, green, blue] = rgb.subarray(3 * cell, 3 * cell + 3);
    differences[2 * cell] = middle - 0.1687 * red - 0.3313 * green + 0.5 * blue;
    differences[2 * cell + 1] = middle + 0.5 * red - 0.4187 * green - 0.0813 * blue;
  }
  return Buffer.from(differences).toString('hex');
}

/** Colours to be compared; null where they tell nothing: of a grey picture, and where none are known. */
export function comparableColours(digits: string): Uint8Array | null {
  const colours = Buffer.from(digits, 'hex');
  return colours.some((value) => Math.abs(value - middle) > greyLimit) ? colours : null;
}

/** Whether two pictures are told apart by their colours. */
export function haveOtherColours(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && a.some((value, i) => Math.abs(value - b[i]) > differenceLimit);
}
