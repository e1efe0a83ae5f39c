/** Checkpoint files made by hand: pickles opcode by opcode, and the three formats around them. */
import * as fs from 'node:fs';

/** Bytes, or a number of zero bytes that take no room on the disk. */
export type Piece = Uint8Array | number;

export function writePieces(file: string, pieces: Piece[]): string {
  const descriptor = fs.openSync(file, 'w');
  let position = 0;
  for (const piece of pieces) {
    if (typeof piece !== 'number') fs.writeSync(descriptor, piece, 0, piece.length, position);
    position += lengthOf(piece);
  }
  fs.ftruncateSync(descriptor, position);
  fs.closeSync(descriptor);
  return file;
}

const lengthOf = (piece: Piece) => (typeof piece === 'number' ? piece : piece.length);

const uint = (size: number, value: number) => {
  const bytes = Buffer.alloc(size);
  if (size === 8) bytes.writeBigUInt64LE(BigInt(value));
  else bytes.writeUIntLE(value, 0, size);
  return bytes;
};

/** Opcodes of pickle protocol 2. */
export const op = {
  mark: Buffer.from('('),
  none: Buffer.from('N'),
  false: Buffer.from([0x89]),
  list: (...items: Buffer[]) => Buffer.concat([Buffer.from(']('), ...items, Buffer.from('e')]),
  dict: (...items: Buffer[]) => Buffer.concat([Buffer.from('}('), ...items, Buffer.from('u')]),
  tuple: (...items: Buffer[]) => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]),
  text: (text: string) =>
    Buffer.concat([Buffer.from('X'), uint(4, Buffer.byteLength(text)), Buffer.from(text)]),
  python2Text: (text: string) => Buffer.concat([Buffer.from('U'), uint(1, text.length), Buffer.from(text)]),
  int: (value: number) => Buffer.concat([Buffer.from('J'), uint(4, value)]),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  call: (callable: Buffer, ...args: Buffer[]) =>
    Buffer.concat([callable, op.tuple(...args), Buffer.from('R')]),
  put: (key: number) => Buffer.from([0x71, key]),
  get: (key: number) => Buffer.from([0x68, key]),
  persistent: (id: Buffer) => Buffer.concat([id, Buffer.from('Q')]),
};

export const pickle = (...opcodes: Buffer[]) =>
  Buffer.concat([Buffer.from([0x80, 2]), ...opcodes, Buffer.from('.')]);

export interface StorageSpec {
  type?: string;
  key?: string;
  count: number;
  view?: Buffer;
}

export const storage = ({type = 'FloatStorage', key = '0', count, view}: StorageSpec) =>
  op.persistent(
    op.tuple(
      op.text('storage'),
      op.global('torch', type),
      op.text(key),
      op.text('cpu'),
      op.int(count),
      ...(view ? [view] : []),
    ),
  );

const ints = (values: number[]) => op.tuple(...values.map((value) => op.int(value)));

/** A call of torch._utils._rebuild_tensor_v2. */
export const tensor = (stored: Buffer, offset: number, shape: number[], strides: number[]) =>
  op.call(
    op.global('torch._utils', '_rebuild_tensor_v2'),
    stored,
    op.int(offset),
    ints(shape),
    ints(strides),
    op.false,
    op.call(op.global('collections', 'OrderedDict')),
  );

const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');

/** A legacy file around a pickle; storages follow as their element count and their data. */
export function legacyFile(
  saved: Buffer,
  storages: {key: string; count: number; data: Piece}[] = [],
): Piece[] {
  const system = pickle(op.dict(op.text('little_endian'), Buffer.from([0x88])));
  const keys = pickle(op.list(...storages.map(({key}) => op.text(key))));
  const data = storages.flatMap(({count, data}) => [uint(8, count), data]);
  return [magic, pickle(op.int(1001)), system, saved, keys, ...data];
}

export interface ZipEntry {
  name: string;
  data: Piece;
  method?: number;
  flags?: number;
  /** Write size and place as zip64 extra fields. */
  zip64?: boolean;
}

/** A zip file of stored entries. */
export function zipFile(entries: ZipEntry[]): Piece[] {
  const pieces: Piece[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const {name, data, method = 0, flags = 0, zip64 = false} of entries) {
    const size = lengthOf(data);
    const common = [uint(2, 45), uint(2, flags), uint(2, method), uint(8, 0)];
    const sizes = zip64 ? Buffer.alloc(8, 0xff) : Buffer.concat([uint(4, size), uint(4, size)]);
    const names = uint(2, name.length);
    const local = Buffer.concat([
      Buffer.from('PK\x03\x04'),
      ...common,
      sizes,
      names,
      uint(2, 0),
      Buffer.from(name),
    ]);
    const extra = zip64
      ? Buffer.concat([uint(2, 1), uint(2, 24), uint(8, size), uint(8, size), uint(8, position)])
      : Buffer.alloc(0);
    const place = zip64 ? Buffer.alloc(4, 0xff) : uint(4, position);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02'), uint(2, 45), ...common, sizes, names, uint(2, extra.length)]),
      Buffer.concat([uint(2, 0), uint(2, 0), uint(2, 0), uint(4, 0), place, Buffer.from(name), extra]),
    );
    pieces.push(local, data);
    position += local.length + size;
  }
  const table = Buffer.concat(directory);
  const count = uint(2, entries.length);
  const end = [
    Buffer.from('PK\x05\x06'),
    uint(4, 0),
    count,
    count,
    uint(4, table.length),
    uint(4, position),
    uint(2, 0),
  ];
  return [...pieces, table, ...end];
}

/** A safetensors file; the header is text or JSON. */
export function safetensorsFile(
  header: unknown,
  data: Piece = new Uint8Array(),
  headerLength?: number,
): Piece[] {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  return [uint(8, headerLength ?? text.length), text, data];
}
