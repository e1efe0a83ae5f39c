/** What a file is, told by its first bytes; names and endings prove nothing. */

export const sniffedBytes = 512;

const text = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');
const begins = (bytes: Uint8Array, ...start: number[]) => start.every((value, i) => bytes[i] === value);

const videoBrands = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx']);

/** Formats whose files begin so (Latin-1) and which are not read here. */
const signatures: readonly [start: string, format: string][] = [
  ['8BPS', 'PSD'],
  ['qoif', 'QOI'],
  ['DDS ', 'DDS'],
  ['v/1\x01', 'OpenEXR'],
  ['#?RADIANCE', 'Radiance HDR'],
  ['\x00\x00\x01\x00', 'ICO'],
  ['\x01\xda', 'SGI'],
  ['FUJIFILMCCD-RAW', 'camera raw'],
];

/** Camera raw files are TIFFs around a small preview; some formats have no signature at all. */
const byEnding: readonly [RegExp, string][] = [
  [/\.(dng|nef|nrw|arw|sr2|cr2|pef|orf|rw2|srw|3fr|iiq)$/i, 'camera raw'],
  [/\.tga$/i, 'TGA'],
  [/\.pcx$/i, 'PCX'],
];

/** The format of a picture: 'JPEG', 'HEIC (HEVC)'; undefined where neither bytes nor name are of a picture. */
export function pictureFormat(bytes: Uint8Array, name = ''): string | undefined {
  const told = byEnding.find(([ending]) => ending.test(name));
  if (told) return told[1];
  if (begins(bytes, 0xff, 0xd8, 0xff)) return 'JPEG';
  if (begins(bytes, 0x89, 0x50, 0x4e, 0x47)) return 'PNG';
  const start = text(bytes, 0, 4);
  if (start === 'GIF8') return 'GIF';
  if (start === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return 'WebP';
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(start)) return 'TIFF';
  if (text(bytes, 4, 8) === 'ftyp') {
    const brand = text(bytes, 8, 12);
    if (brand === 'avif') return 'AVIF';
    if (brand === 'avis') return 'an AVIF sequence';
    if (brand === 'crx ') return 'camera raw';
    if (videoBrands.has(brand)) return 'HEIC (HEVC)';
    return brand === 'mif1' || brand === 'msf1' ? 'HEIF' : undefined;
  }
  if (begins(bytes, 0xff, 0x4f, 0xff, 0x51) || text(bytes, 4, 8) === 'jP  ') return 'JPEG 2000';
  if (begins(bytes, 0xff, 0x0a) || text(bytes, 4, 8) === 'JXL ') return 'JPEG XL';
  // Reserved bytes and a known size of the header tell a bitmap from a text that begins with the same two letters.
  if (start.startsWith('BM') && begins(bytes.subarray(6), 0, 0, 0, 0) && bytes[15] === 0) return 'BMP';
  const known = signatures.find(([signature]) => text(bytes, 0, signature.length) === signature);
  if (known) return known[1];
  const portable = /^P([1-7])\s/.exec(start)?.[1];
  if (portable) return ['', 'PBM', 'PGM', 'PPM', 'PBM', 'PGM', 'PPM', 'PAM'][Number(portable)];
  return undefined;
}

const unread = new Set([
  ...['HEIC (HEVC)', 'PAM', 'JPEG 2000', 'JPEG XL', 'an AVIF sequence'],
  ...[...signatures, ...byEnding].map(([, format]) => format),
]);

/** What stands in a picture's place that is none, with the remedy; undefined where nothing here knows it. */
export function foreignContent(bytes: Uint8Array): string | undefined {
  const start = text(bytes, 0, sniffedBytes).trimStart();
  if (start.startsWith('version https://git-lfs.github.com/spec')) {
    return 'it is a Git LFS pointer: run `git lfs pull` in its repository';
  }
  return /^<(!doctype html|html|head|body)/i.test(start)
    ? 'it is a web page, not a picture: fetch the picture again'
    : undefined;
}

/** Whether pictures of a format must be converted before they can be read here. */
export const mustBeConverted = (format: string): boolean => unread.has(format);

/** Whether a file's name says that it is a picture, so that one without a picture's content is broken, not something else. */
export const isNamedAsPicture = (name: string): boolean =>
  /\.(jpe?g|jfif|png|webp|gif|tiff?|avif|heic|heif|bmp|jp2|jxl|p[bgpn]m)$/i.test(name);
