/** Netpbm's portable bit, grey and pixel maps, as text (P1 to P3) and binary (P4 to P6), up to 16 bits a value. */
import type {Pixels} from './open';

/** The pixels of a portable map; undefined where the bytes begin none. Throws an Error for one that is cut short. */
export function decodePortableMap(bytes: Buffer): Pixels | undefined {
  const kind = Number(/^P([1-6])\s/.exec(bytes.toString('latin1', 0, 3))?.[1] ?? 0);
  if (kind === 0) return undefined;
  let at = 2;
  const isBits = kind === 1 || kind === 4;
  const [width, height, most] = [number(), number(), isBits ? 1 : number()];
  if (!(width > 0 && height > 0 && most > 0 && most < 65536)) {
    throw new Error(`portable map of ${width} x ${height} pixels with values up to ${most}`);
  }
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const count = width * height * channels;
  at++;
  const value = kind <= 3 ? (isBits ? digit : number) : binary();
  const data = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const share = value(i) / most;
    data[i] = Math.round(255 * (isBits ? 1 - share : share)); // in bit maps 1 is black
  }
  return {data, width, height, channels};

  /** The next number of a header or of a text, comments passed over. */
  function number(): number {
    const found = /^(?:\s|#[^\n\r]*[\n\r])*(\d+)/.exec(bytes.toString('latin1', at, at + 1024));
    if (!found) throw new Error('portable map is cut short');
    at += found[0].length;
    return Number(found[1]);
  }

  function digit(): number {
    while (at < bytes.length && bytes[at] !== 0x30 && bytes[at] !== 0x31) at++;
    if (at >= bytes.length) throw new Error('portable map is cut short');
    return bytes[at++] - 0x30;
  }

  function binary(): (index: number) => number {
    const size = most > 255 ? 2 : 1;
    const rowBytes = Math.ceil(width / 8);
    if (bytes.length - at < (isBits ? rowBytes * height : count * size)) {
      throw new Error('portable map is cut short');
    }
    if (isBits) {
      return (i) => {
        const [x, y] = [i % width, Math.floor(i / width)];
        return (bytes[at + y * rowBytes + (x >> 3)] >> (7 - (x & 7))) & 1;
      };
    }
    return size === 1 ? (i) => bytes[at + i] : (i) => bytes.readUInt16BE(at + 2 * i);
  }
}
