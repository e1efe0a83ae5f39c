/** What the bands of a TIFF are (TIFF 6.0, PhotometricInterpretation and ExtraSamples; BigTIFF's layout likewise). */

const tags = {bits: 258, photometric: 262, bands: 277, extraSamples: 338, format: 339};
const shortType = 3;
/** Values of ExtraSamples for transparency, blended already or not. */
const transparencies = [1, 2];
const separated = 5;
const greys = [0, 1];
/** PhotometricInterpretation of one band; of others but CMYK three are colours. */
const ofOneBand = [...greys, 3, 4];
const float = 3;

/** The bands of a TIFF's first picture; those of colour come first. */
export interface TiffBands {
  count: number;
  colours: number;
  /** Which band is the transparency, where one is. */
  transparency: number | null;
  /** Whether libvips takes each band for what it is. */
  areUsual: boolean;
}

/**
 * The bands of a TIFF; undefined where its directory cannot be read. Bands beyond the colours that the file says nothing
 * of are taken for no transparency. Throws an Error for samples that are not read, and where no telling is which are colours.
 */
export function tiffBands(bytes: Buffer): TiffBands | undefined {
  const values = shortsOf(bytes);
  const first = (tag: number) => values?.get(tag)?.[0];
  const photometric = first(tags.photometric);
  if (values === undefined || photometric === undefined) return undefined;
  const bits = first(tags.bits) ?? 1;
  if (first(tags.format) === float && bits !== 32) {
    throw new Error(`TIFF of ${bits}-bit floats is not read here: convert it to 32-bit floats, or to PNG`);
  }
  const count = first(tags.bands) ?? 1;
  const extra = values.get(tags.extraSamples) ?? [];
  const colours = ofOneBand.includes(photometric) ? 1 : photometric === separated ? 4 : 3;
  const at = extra.findIndex((value) => transparencies.includes(value));
  const transparency = at < 0 ? null : count - extra.length + at;
  const beyond = count - colours - (transparency === null ? 0 : 1);
  if (greys.includes(photometric) && beyond > 1) {
    throw new Error(`TIFF of ${count} bands does not say which are red, green and blue: save these as RGB`);
  }
  return {count, colours, transparency, areUsual: beyond <= 0};
}

/** The 16-bit values of the first directory, by tag; undefined where the file ends before. */
function shortsOf(bytes: Buffer): Map<number, number[]> | undefined {
  const isLittle = bytes.toString('latin1', 0, 2) === 'II';
  const short = (at: number) => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const longer = (at: number) => Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  try {
    const isBig = short(2) === 43;
    const directory = isBig ? longer(8) : long(4);
    const entries = isBig ? longer(directory) : short(directory);
    const [first, length, inline, pointer] = isBig ? [8, 20, 8, longer] : [2, 12, 4, long];
    const values = new Map<number, number[]>();
    for (let entry = 0; entry < Math.min(entries, 4096); entry++) {
      const at = directory + first + entry * length;
      if (short(at + 2) !== shortType) continue;
      const count = Math.min(isBig ? longer(at + 4) : long(at + 4), 1024);
      const place = at + length - inline;
      const from = 2 * count <= inline ? place : pointer(place);
      values.set(
        short(at),
        Array.from({length: count}, (_, i) => short(from + 2 * i)),
      );
    }
    return values;
  } catch (error) {
    if (error instanceof RangeError) return undefined; // cut short: libvips tells better
    throw error;
  }
}
