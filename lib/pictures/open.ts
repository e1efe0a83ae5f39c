/**
 * Opens a picture, whether libvips reads it right by itself, reads it wrongly, or not at all.
 *
 * Read wrongly are TIFFs with bands that are neither colour nor transparency (near infrared), which would be blended with
 * a background, and numbers that do not fill their range: floats, and 12 bits in 16, which would be black. Their values
 * are taken as they are stored, the extra bands left out, and brought to 8 bits: floats from 0...1, from 0...255, or else
 * from their own range; 16-bit values that all fit in 12 bits as 12-bit ones. Bitmaps and portable maps, which libvips
 * does not read here, are decoded by this project.
 */
import {readFile} from 'node:fs/promises';
import type {Metadata, Sharp, SharpOptions} from 'sharp';
import {decodeBitmap} from './bitmap';
import type {Size} from './picture';
import {decodePortableMap} from './portable-map';
import {extraBands} from './tiff';
import {sharp} from './vips';

/** How strictly photos are read: what passes the scan must pass in training, so both read with these. */
const strictly: SharpOptions = {failOn: 'error'};

export interface OpenedPicture {
  /** Once it stands upright. */
  size: Size;
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
    const pixels = decodedHere(await bytes());
    if (!pixels) throw error;
    const {width, height} = pixels;
    return {size: {width, height}, image: () => Promise.resolve(fromPixels(pixels))};
  }
  const {depth, format, channels} = metadata;
  const extra = format === 'tiff' && (channels === 2 || channels > 3) ? extraBands(await bytes()) : 0;
  const asStored = extra > 0 || depth === 'float' || depth === 'double' || depth === 'ushort';
  const plain = () => sharp(source, strictly);
  return {
    size: metadata.autoOrient,
    image: async () => (asStored ? ((await storedPixels(plain(), metadata, extra)) ?? plain()) : plain()),
  };
}

/** A picture as training sees it before it is cropped: upright, on white, 8-bit RGB. */
export const uprightRgb = (image: Sharp): Sharp =>
  image.autoOrient().flatten({background: 'white'}).toColourspace('srgb').raw({depth: 'uchar'});

function decodedHere(bytes: Buffer): Pixels | undefined {
  return decodeBitmap(bytes) ?? decodePortableMap(bytes);
}

function fromPixels({data, width, height, channels}: Pixels): Sharp {
  return sharp(data, {raw: {width, height, channels}});
}

/** A picture of its values as they are stored; undefined where libvips brings them to 8 bits rightly itself. */
async function storedPixels(image: Sharp, metadata: Metadata, extra: number): Promise<Sharp | undefined> {
  const {depth, space} = metadata;
  image.autoOrient();
  const isFloat = depth === 'float' || depth === 'double';
  const read = isFloat
    ? space === 'scrgb'
      ? image.pipelineColourspace('scrgb').toColourspace('scrgb').raw({depth: 'float'})
      : image.raw({depth: 'float'})
    : depth === 'ushort'
      ? image.toColourspace('rgb16').raw({depth: 'ushort'})
      : image.raw({depth: 'uchar'});
  const {data, info} = await read.toBuffer({resolveWithObject: true});
  const values = valuesOf(data, isFloat ? 'float' : depth);
  const isTwelveBit = depth === 'ushort' && values.every((value) => value < 2 ** 12);
  if (depth === 'ushort' && !isTwelveBit && extra === 0) return undefined;
  const bands = info.channels - extra;
  const channels = bands === 2 || bands === 1 ? 1 : bands === 4 && extra === 0 ? 4 : 3;
  const kept = withoutBands(values, info.channels, channels);
  const {from, to} = isFloat
    ? rangeOf(kept)
    : {from: 0, to: depth === 'ushort' ? (isTwelveBit ? 4095 : 65535) : 255};
  const pixels = Uint8Array.from(kept, (value) => Math.round((255 * (value - from)) / (to - from)));
  const {width, height} = info;
  return fromPixels({data: pixels, width, height, channels});
}

function valuesOf(data: Buffer, depth: string | undefined): Uint8Array | Uint16Array | Float32Array {
  const {buffer, byteOffset, length} = data;
  if (depth === 'float') return new Float32Array(buffer.slice(byteOffset, byteOffset + length));
  if (depth === 'ushort') return new Uint16Array(buffer.slice(byteOffset, byteOffset + length));
  return data;
}

/** The first `kept` of every `bands` values. */
function withoutBands<Values extends Uint8Array | Uint16Array | Float32Array>(
  values: Values,
  bands: number,
  kept: number,
): Values {
  return bands === kept ? values : (values.filter((_, index) => index % bands < kept) as Values);
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
