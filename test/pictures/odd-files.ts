/** Files of kinds that no encoder here writes: TIFFs of any samples, bitmaps, portable maps. */

export interface TiffSamples {
  width: number;
  height: number;
  /** Of a pixel. */
  bands: number;
  /** As TIFF numbers them: 1 unsigned, 2 signed, 3 float. */
  format?: 1 | 2 | 3;
  /** PhotometricInterpretation; grey (1) or RGB (2) by the bands that are not extra unless given. */
  photometric?: number;
  /** What each band beyond the colours is: 0 unspecified, 1 and 2 transparency. */
  extra?: number[];
  /** 1 to 8 as EXIF has it. */
  orientation?: number;
  data: Uint8Array | Uint16Array | Int16Array | Uint32Array | Float32Array | Float64Array;
}

/** An uncompressed TIFF (TIFF 6.0), little-endian, one strip. */
export function tiff({
  width,
  height,
  bands,
  format = 1,
  photometric,
  extra,
  orientation,
  data,
}: TiffSamples): Buffer {
  const pixels = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const bits = 8 * data.BYTES_PER_ELEMENT;
  const tags: [tag: number, values: number[], isLong?: boolean][] = [
    [256, [width], true],
    [257, [height], true],
    [258, Array<number>(bands).fill(bits)],
    [259, [1]],
    [262, [photometric ?? (bands - (extra?.length ?? 0) === 1 ? 1 : 2)]],
    [273, [8], true],
    [274, [orientation ?? 1]],
    [277, [bands]],
    [278, [height], true],
    [279, [pixels.length], true],
    [284, [1]],
    ...(extra ? [[338, extra] as [number, number[]]] : []),
    [339, Array<number>(bands).fill(format)],
  ];
  const directory = 8 + pixels.length + (pixels.length % 2);
  const head = Buffer.alloc(directory);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(directory, 4);
  pixels.copy(head, 8);
  const entries = Buffer.alloc(2 + 12 * tags.length + 4);
  entries.writeUInt16LE(tags.length, 0);
  const beyond: Buffer[] = [];
  tags.forEach(([tag, values, isLong], index) => {
    const raw = Buffer.alloc(Math.max(4, values.length * (isLong ? 4 : 2)));
    values.forEach((value, i) =>
      isLong ? raw.writeUInt32LE(value, 4 * i) : raw.writeUInt16LE(value, 2 * i),
    );
    const at = 2 + 12 * index;
    entries.writeUInt16LE(tag, at);
    entries.writeUInt16LE(isLong ? 4 : 3, at + 2);
    entries.writeUInt32LE(values.length, at + 4);
    if (raw.length <= 4) raw.copy(entries, at + 8);
    else {
      entries.writeUInt32LE(directory + entries.length + Buffer.concat(beyond).length, at + 8);
      beyond.push(raw);
    }
  });
  return Buffer.concat([head, entries, ...beyond]);
}

/** A bitmap of RGB pixels in 24 or 32 bits, the lowest row first unless `topDown`. */
export function bitmap(
  rgb: Uint8Array,
  {
    width,
    height,
    bits = 24,
    topDown = false,
  }: {width: number; height: number; bits?: 24 | 32; topDown?: boolean},
): Buffer {
  const stride = 4 * Math.ceil((width * bits) / 32);
  const bytes = Buffer.alloc(54 + stride * height);
  bytes.write('BM', 'latin1');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(topDown ? -height : height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(bits, 28);
  for (let y = 0; y < height; y++) {
    const row = 54 + stride * (topDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) bytes[row + (x * bits) / 8 + 2 - c] = rgb[3 * (y * width + x) + c];
    }
  }
  return bytes;
}

/** A binary pixel map with a comment in its header. */
export function pixelMap(rgb: Uint8Array, {width, height}: {width: number; height: number}): Buffer {
  return Buffer.concat([Buffer.from(`P6\n# made by a test\n${width} ${height}\n255\n`), rgb]);
}
