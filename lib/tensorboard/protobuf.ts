/** Protocol buffers' wire format, as far as TensorBoard's messages need it: a message is its fields, one after the other. */

const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

const key = (field: number, wireType: number): Buffer => varint(field * 8 + wireType);

/** An integer of 0 or more, an enum or a boolean. */
export const integer = (field: number, value: number | boolean): Buffer =>
  Buffer.concat([key(field, VARINT), varint(Number(value))]);

export function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED64), bytes]);
}

/** A text, bytes, or a message made of these parts. */
export function bytes(field: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([key(field, BYTES), varint(content.length), content]);
}

/** A field as it was read: a number where it is an integer, else its bytes. */
export interface Field {
  field: number;
  value: number | Buffer;
}

/** The fields of a message in their order. Throws a RangeError when it ends early. */
export function* fieldsOf(message: Buffer): Generator<Field, void, void> {
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > message.length) throw new RangeError(`The message ends in a field of ${length} bytes.`);
    return message.subarray(at, (at += length));
  };
  while (at < message.length) {
    const tag = readVarint();
    const field = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === VARINT) yield {field, value: readVarint()};
    else if (wireType === BYTES) yield {field, value: take(readVarint())};
    else if (wireType === FIXED64 || wireType === FIXED32)
      yield {field, value: take(wireType === FIXED64 ? 8 : 4)};
    else throw new RangeError(`There is no wire type ${wireType}.`);
  }
}
