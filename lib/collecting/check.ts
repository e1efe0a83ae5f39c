/** Whether what an address gave is a photo that training can use. */
import {examine, mustBeConverted, pictureFormat, sniffedBytes} from '../datasets';
import {openPicture} from '../pictures';

/** What is found of a photo's bytes. */
export interface PhotoFacts {
  /** Of its file's name, told by its content: 'jpg'. */
  ending: string;
  bytes: number;
  /** Pixels, upright. */
  width: number;
  height: number;
  /** 64 hex digits. */
  sha256: string;
  /** Perceptual hash with its colours, as of a data set's photos; '' for a flat picture. */
  hash: string;
}

/** Bytes are no photo that can be used; the message is the reason. */
export class NoPhoto extends Error {}

/** What a file of a format is called where that is not the format's own name. */
const endings: Partial<Record<string, string>> = {JPEG: 'jpg', TIFF: 'tif'};
/** Beyond it one photo would take more memory than a batch of others. */
const mostPixels = 50e6;

/** Decodes all of a photo as training will. Throws NoPhoto for what is none, broken, tiny (pixels a side) or huge. */
export async function checkPhoto(bytes: Buffer, smallestSide: number): Promise<PhotoFacts> {
  const format = pictureFormat(bytes.subarray(0, sniffedBytes));
  if (format === undefined) throw new NoPhoto(`not a picture (${kindOf(bytes)})`);
  if (mustBeConverted(format)) throw new NoPhoto(`${format}, which cannot be read here`);
  try {
    const {width, height} = (await openPicture(bytes)).size;
    const size = `${width} x ${height} pixels`;
    if (Math.min(width, height) < smallestSide) throw new NoPhoto(`tiny: ${size}`);
    if (width * height > mostPixels) throw new NoPhoto(`too large: ${size}`);
    return {
      ending: endings[format] ?? format.toLowerCase(),
      bytes: bytes.length,
      width,
      height,
      ...(await examine(bytes)),
    };
  } catch (error) {
    if (error instanceof NoPhoto) throw error;
    throw new NoPhoto(`not a readable image (${(error as Error).message.split('\n')[0].trim()})`);
  }
}

function kindOf(bytes: Buffer): string {
  if (bytes.length === 0) return 'an empty answer';
  const start = bytes.subarray(0, 200).toString('latin1').trimStart();
  return /^<(!doctype html|html)/i.test(start) ? 'a web page' : 'something else';
}
