/** The bands of a TIFF that are neither colour nor transparency (TIFF 6.0, ExtraSamples; BigTIFF's layout likewise). */

const extraSamples = 338;
const shortType = 3;
/** Values of ExtraSamples for transparency, blended already or not. */
const transparency = [1, 2];

/** How many extra bands of the first picture are no transparency; 0 where the file does not tell. */
export function extraBands(bytes: Buffer): number {
  try {
    const values = shortsOf(bytes, extraSamples);
    return values.some((value) => transparency.includes(value)) ? 0 : values.length;
  } catch (error) {
    if (error instanceof RangeError) return 0; // cut short: libvips tells better
    throw error;
  }
}

/** The 16-bit values of a tag in the first directory; none where it has not this tag. */
function shortsOf(bytes: Buffer, wanted: number): number[] {
  const isLittle = bytes.toString('latin1', 0, 2) === 'II';
  const short = (at: number) => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const longer = (at: number) => Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  const isBig = short(2) === 43;
  const directory = isBig ? longer(8) : long(4);
  const entries = isBig ? longer(directory) : short(directory);
  const [first, length, inline, pointer] = isBig ? [8, 20, 8, longer] : [2, 12, 4, long];
  for (let entry = 0; entry < Math.min(entries, 4096); entry++) {
    const at = directory + first + entry * length;
    if (short(at) !== wanted || short(at + 2) !== shortType) continue;
    const count = Math.min(isBig ? longer(at + 4) : long(at + 4), 1024);
    const place = at + length - inline;
    const from = 2 * count <= inline ? place : pointer(place);
    return Array.from({length: count}, (_, i) => short(from + 2 * i));
  }
  return [];
}
