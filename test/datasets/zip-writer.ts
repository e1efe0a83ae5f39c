import {deflateRawSync} from 'node:zlib';

import {crc32} from '../../lib/datasets/crc32';

export interface ZipEntry {
  name: string;
  content: Buffer | string;
  /** Unix mode of the entry; a regular file unless given. */
  mode?: number;
  /** General purpose flags; bit 0 marks an encrypted entry. */
  flags?: number;
  /** The name is UTF-8 without saying so, as macOS writes it. */
  unmarked?: boolean;
  /** The compression method that is written; the bytes are by Deflate, 8, in any case. */
  method?: number;
}

/** The bytes of a zip archive (APPNOTE.TXT sections 4.3.7, 4.3.12, 4.3.16), names as they are given, however evil. */
export function zip(entries: ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const {name, content, mode = 0o100644, flags = 0, method = 8, unmarked} of entries) {
    const bytes = Buffer.from(content);
    const packed = deflateRawSync(bytes);
    const nameBytes = Buffer.from(name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(unmarked ? flags : flags | 0x800, 2);
    shared.writeUInt16LE(method, 4);
    shared.writeUInt32LE(crc32(bytes), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(bytes.length, 18);
    shared.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, nameBytes, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), shared, tail, nameBytes]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}
