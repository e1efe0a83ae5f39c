/** What a file is, told by its first bytes; names and endings prove nothing. */

export const sniffedBytes = 32;

const text = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');
const begins = (bytes: Uint8Array, ...start: number[]) => start.every((value, i) => bytes[i] === value);

const videoBrands = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx']);

/** The format of a picture: 'JPEG', 'HEIC (HEVC)'; undefined where the bytes begin no picture. */
export function pictureFormat(bytes: Uint8Array): string | undefined {
  if (begins(bytes, 0xff, 0xd8, 0xff)) return 'JPEG';
  if (begins(bytes, 0x89, 0x50, 0x4e, 0x47)) return 'PNG';
  const start = text(bytes, 0, 4);
  if (start === 'GIF8') return 'GIF';
  if (start === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return 'WebP';
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(start)) return 'TIFF';
  if (text(bytes, 4, 8) === 'ftyp') {
    const brand = text(bytes, 8, 12);
    if (brand === 'avif' || brand === 'avis') return 'AVIF';
    if (videoBrands.has(brand)) return 'HEIC (HEVC)';
    return brand === 'mif1' || brand === 'msf1' ? 'HEIF' : undefined;
  }
  if (begins(bytes, 0xff, 0x4f, 0xff, 0x51) || text(bytes, 4, 8) === 'jP  ') return 'JPEG 2000';
  if (begins(bytes, 0xff, 0x0a) || text(bytes, 4, 8) === 'JXL ') return 'JPEG XL';
  // Reserved bytes and a known size of the header tell a bitmap from a text that begins with the same two letters.
  if (start.startsWith('BM') && begins(bytes.subarray(6), 0, 0, 0, 0) && bytes[15] === 0) return 'BMP';
  const portable = /^P([1-7])\s/.exec(start)?.[1];
  if (portable) return ['', 'PBM', 'PGM', 'PPM', 'PBM', 'PGM', 'PPM', 'PAM'][Number(portable)];
  return undefined;
}

const unread = new Set(['HEIC (HEVC)', 'PAM', 'JPEG 2000', 'JPEG XL']);

/** Whether pictures of a format must be converted before they can be read here. */
export const mustBeConverted = (format: string): boolean => unread.has(format);

/** Whether a file's name says that it is a picture, so that one without a picture's content is broken, not something else. */
export const isNamedAsPicture = (name: string): boolean =>
  /\.(jpe?g|jfif|png|webp|gif|tiff?|avif|heic|heif|bmp|jp2|jxl|p[bgpn]m)$/i.test(name);
