import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {pipeline} from 'node:stream/promises';

/** The SHA-256 of a file's bytes, as 64 lower-case hex digits. The file is streamed. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, {highWaterMark: 2 ** 20}), hash);
  return hash.digest('hex');
}

/** Reads a `SHA256SUMS` text (lines of `<64 hex digits>  <path>`, as `sha256sum` writes them) into path -> digest. */
export function parseChecksums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{64}) [ *](?:\.\/)?(.+?)\r?$/i.exec(line);
    if (match) sums.set(match[2], match[1].toLowerCase());
  }
  return sums;
}
