/**
 * Opens a picture, whether libvips reads it right by itself, reads it wrongly, or not at all.
 *
 * Read wrongly are TIFFs with bands that are neither colour nor transparency (near infrared), which would be blended with
 * a background, and numbers that do not fill their range: floats, 12 bits in 16, signed and 32-bit integers, which would be
 * black or white. Their values are taken as they are stored, the extra bands left out, and brought to 8 bits: 16-bit values
 * that all fit in 12 bits as 12-bit ones; others than 8 and 16 bits from 0...1, from 0...255, or else from their own range.
 * Bitmaps and portable maps, which libvips does not read here, are decoded by this project.
 */
import {readFile} from 'node:fs/promises';
import type {Metadata, Sharp, SharpOptions} from 'sharp';
import {decodeBitmap} from './bitmap';
import type {Size} from './picture';
import {decodePortableMap} from './portable-map';
import {tiffBands, type TiffBands} from './tiff';
import {sharp} from './vips';

/**
 * How strictly photos are read: what passes the scan must pass in training, so both read with these. A picture may have
 * bands beside its colours.
 */
const strictly: SharpOptions = {failOn: 'error', limitInputChannels: 64};

export interface OpenedPicture {
  /** Once it stands upright. */
  size: Size;
  /** Whether libvips reads it right by itself: `plainImage`. */
  isPlain: boolean;
  /** Its pixels; nothing is decoded before they are asked for where libvips reads them. */
  image(): Promise<Sharp>;
}

/** 8-bit pixels, row by row: grey, RGB, or RGB with transparency. */
export interface Pixels extends Size {
  data: Uint8Array;
  channels: 1 | 3 | 4;
}

/** Opens a picture by its path or bytes. Throws what libvips says of one that cannot be read. */
export async function openPicture(source: string | Buffer): Promise<OpenedPicture> {
  const bytes = () => (typeof source === 'string' ? readFile(source) : Promise.resolve(source));
  let metadata: Metadata;
  try {
    metadata = await sharp(source, strictly).metadata();
  } catch (error) {
    const content = await bytes();
    const pixels = decodedHere(content);
    if (!pixels) {
      if (isTiff(content)) tiffBands(content);
      throw error;
    }
    const {width, height} = pixels;
    return {size: {width, height}, isPlain: false, image: () => Promise.resolve(fromPixels(pixels))};
  }
  const bands = metadata.format === 'tiff' ? tiffBands(await bytes()) : undefined;
  const isUnusual = bands !== undefined && !bands.areUsual;
  const isPlain = !isUnusual && metadata.depth === 'uchar';
  const stored = () => storedPixels(plainImage(source), metadata, isUnusual ? bands : undefined);
  return {
    size: metadata.autoOrient,
    isPlain,
    image: async () => (isPlain ? undefined : await stored()) ?? plainImage(source),
  };
}

/** A picture as libvips reads it. */
export const plainImage = (source: string | Buffer): Sharp => sharp(source, strictly);

const isTiff = (bytes: Buffer) => ['II', 'MM'].includes(bytes.toString('latin1', 0, 2));

/** A picture as training sees it before it is cropped: upright, on white, 8-bit RGB. */
export const uprightRgb = (image: Sharp): Sharp =>
  image.autoOrient().flatten({background: 'white'}).toColourspace('srgb').raw({depth: 'uchar'});

function decodedHere(bytes: Buffer): Pixels | undefined {
  return decodeBitmap(bytes) ?? decodePortableMap(bytes);
}

function fromPixels({data, width, height, channels}: Pixels): Sharp {
  return sharp(data, {raw: {width, height, channels}});
}

/** Sample types that fill no range of their own; libvips gives them as floats. */
const stretched = ['float', 'double', 'short', 'int', 'uint'];

/** A picture of its values as they are stored; undefined where libvips brings them to 8 bits rightly itself. */
async function storedPixels(
  image: Sharp,
  metadata: Metadata,
  bands: TiffBands | undefined,
): Promise<Sharp | undefined> {
  const {depth, space} = metadata;
  image.autoOrient();
  const isStretched = stretched.includes(depth);
  const read = isStretched
    ? space === 'scrgb'
      ? image.pipelineColourspace('scrgb').toColourspace('scrgb').raw({depth: 'float'})
      : depth === 'short'
        ? image.toColourspace(space).raw({depth: 'float'})
        : image.raw({depth: 'float'})
    : depth === 'ushort'
      ? image.toColourspace('rgb16').raw({depth: 'ushort'})
      : image.raw({depth: 'uchar'});
  const {data, info} = await read.toBuffer({resolveWithObject: true});
  const values = valuesOf(data, isStretched ? 'float' : depth);
  const isTwelveBit = depth === 'ushort' && values.every((value) => value < 2 ** 12);
  if (depth === 'ushort' && !isTwelveBit && bands === undefined) return undefined;
  const kept = keptBands(info.channels, bands);
  const pixels = withBands(values, info.channels, kept);
  const {from, to} = isStretched
    ? rangeOf(pixels)
    : {from: 0, to: depth === 'ushort' ? (isTwelveBit ? 4095 : 65535) : 255};
  const bytes = Uint8Array.from(pixels, (value) => Math.round((255 * (value - from)) / (to - from)));
  const {width, height} = info;
  return fromPixels({data: bytes, width, height, channels: kept.length as Pixels['channels']});
}

/** Which of `count` bands make the picture: grey, RGB, or RGB with transparency. */
function keptBands(count: number, bands: TiffBands | undefined): number[] {
  // libvips makes three bands of a grey one where it converts.
  const {colours, transparency} = bands ?? {colours: count < 3 ? 1 : 3, transparency: count === 4 ? 3 : null};
  const ofColour = colours === 1 ? [0] : [0, 1, 2];
  return transparency === null || colours === 1 ? ofColour : [...ofColour, transparency];
}

function valuesOf(data: Buffer, depth: string | undefined): Uint8Array | Uint16Array | Float32Array {
  const {buffer, byteOffset, length} = data;
  if (depth === 'float') return new Float32Array(buffer.slice(byteOffset, byteOffset + length));
  if (depth === 'ushort') return new Uint16Array(buffer.slice(byteOffset, byteOffset + length));
  return data;
}

/** The `kept` of every `count` values. */
function withBands<Values extends Uint8Array | Uint16Array | Float32Array>(
  values: Values,
  count: number,
  kept: readonly number[],
): Values {
  return count === kept.length
    ? values
    : (values.filter((_, index) => kept.includes(index % count)) as Values);
}

function rangeOf(values: ArrayLike<number>): {from: number; to: number} {
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    if (values[i] < least) least = values[i];
    if (values[i] > most) most = values[i];
  }
  if (least >= 0 && most <= 1) return {from: 0, to: 1};
  if (least >= 0 && most <= 255) return {from: 0, to: 255};
  return {from: least, to: most > least ? most : least + 1};
}
