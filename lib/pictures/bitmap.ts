/** Windows bitmaps: 1, 4 and 8 bits a pixel with a palette, 16, 24 and 32 bits, uncompressed (MSDN, "Bitmap Storage"). */
import type {Pixels} from './open';

const uncompressed = 0;
const bitFields = [3, 6];

/** The pixels of a bitmap; undefined where the bytes begin none. Throws an Error for a kind that is not read, or one cut short. */
export function decodeBitmap(bytes: Buffer): Pixels | undefined {
  if (bytes.length < 30 || bytes.toString('latin1', 0, 2) !== 'BM') return undefined;
  const headerSize = bytes.readUInt32LE(14);
  if (headerSize < 40)
    throw new Error(`BMP with an old header of ${headerSize} bytes is not read: convert it to PNG`);
  const [width, rows] = [bytes.readInt32LE(18), bytes.readInt32LE(22)];
  const bits = bytes.readUInt16LE(28);
  const compression = bytes.readUInt32LE(30);
  const height = Math.abs(rows);
  const isPlain = compression === uncompressed || bitFields.includes(compression);
  if (!isPlain || ![1, 4, 8, 16, 24, 32].includes(bits)) {
    throw new Error(`BMP of ${bits} bits, compression ${compression}, is not read: convert it to PNG`);
  }
  const stride = 4 * Math.ceil((width * bits) / 32);
  const start = bytes.readUInt32LE(10);
  if (!(width > 0) || height === 0 || start + stride * height > bytes.length) {
    throw new Error(`BMP of ${width} x ${height} pixels is cut short`);
  }
  const colour = colourOf(bytes, {headerSize, bits, compression});
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, target = 0; y < height; y++) {
    // The lowest row comes first, unless the height is negative.
    const row = start + stride * (rows > 0 ? height - 1 - y : y);
    for (let x = 0; x < width; x++, target += 3) colour(row, x, data, target);
  }
  return {data, width, height, channels: 3};
}

type Colour = (row: number, x: number, data: Uint8Array, target: number) => void;

/** Writes the RGB of pixel x of a row; the fourth byte of 32-bit pixels is padding or transparency, and not read. */
function colourOf(
  bytes: Buffer,
  {headerSize, bits, compression}: {headerSize: number; bits: number; compression: number},
): Colour {
  if (bits <= 8) {
    const palette = 14 + headerSize;
    const perByte = 8 / bits;
    return (row, x, data, target) => {
      const byte = bytes[row + Math.floor(x / perByte)];
      const index = (byte >> (8 - bits * ((x % perByte) + 1))) & (2 ** bits - 1);
      for (let c = 0; c < 3; c++) data[target + c] = bytes[palette + 4 * index + 2 - c];
    };
  }
  if (bits === 24 || (bits === 32 && compression === uncompressed)) {
    return (row, x, data, target) => {
      for (let c = 0; c < 3; c++) data[target + c] = bytes[row + (x * bits) / 8 + 2 - c];
    };
  }
  const masks =
    compression === uncompressed ? [0x7c00, 0x3e0, 0x1f] : [54, 58, 62].map((at) => bytes.readUInt32LE(at));
  const channels = masks.map((mask) => {
    const shift = 31 - Math.clz32(mask & -mask);
    return {mask, shift, most: mask >>> shift};
  });
  return (row, x, data, target) => {
    const at = row + (x * bits) / 8;
    const value = bits === 16 ? bytes.readUInt16LE(at) : bytes.readUInt32LE(at);
    channels.forEach(({mask, shift, most}, c) => {
      data[target + c] = most > 0 ? Math.round((255 * ((value & mask) >>> shift)) / most) : 0;
    });
  };
}
