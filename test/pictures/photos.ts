import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after} from 'node:test';
import sharp, {type Sharp} from 'sharp';

/** A folder that is removed after the tests of the file that asks for it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lab-pictures-'));
  after(() => rmSync(folder, {recursive: true}));
  return folder;
}

/** A picture of the given size and channels, its 8-bit values from a function of the place. */
export function draw(
  width: number,
  height: number,
  channels: 1 | 2 | 3 | 4,
  value: (channel: number, x: number, y: number) => number,
): Sharp {
  const pixels = Uint8Array.from({length: width * height * channels}, (_, i) => {
    const place = Math.floor(i / channels);
    return value(i % channels, place % width, Math.floor(place / width));
  });
  return sharp(pixels, {raw: {width, height, channels}});
}

/** Values without structure, but the same each time. */
export function texture(channel: number, x: number, y: number): number {
  return ((x * 7 + y * 13 + channel * 50) ^ (x * y)) % 256;
}
