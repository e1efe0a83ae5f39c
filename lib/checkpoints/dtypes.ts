export type DType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** How a number type is stored (little-endian): its bytes per number, and what turns them into numbers. */
interface Storing {
  readonly bytes: number;
  numbers(raw: ArrayBuffer): ArrayLike<number>;
}

export const dtypes: Readonly<Record<DType, Storing>> = {
  float32: {bytes: 4, numbers: (raw) => new Float32Array(raw)},
  float16: {bytes: 2, numbers: (raw) => fromFloat16(new Uint16Array(raw))},
  bfloat16: {bytes: 2, numbers: (raw) => fromBFloat16(new Uint16Array(raw))},
  float64: {bytes: 8, numbers: (raw) => new Float64Array(raw)},
  int64: {bytes: 8, numbers: (raw) => Float32Array.from(new BigInt64Array(raw), Number)},
  int32: {bytes: 4, numbers: (raw) => new Int32Array(raw)},
  int16: {bytes: 2, numbers: (raw) => new Int16Array(raw)},
  int8: {bytes: 1, numbers: (raw) => new Int8Array(raw)},
  uint64: {bytes: 8, numbers: (raw) => Float32Array.from(new BigUint64Array(raw), Number)},
  uint32: {bytes: 4, numbers: (raw) => new Uint32Array(raw)},
  uint16: {bytes: 2, numbers: (raw) => new Uint16Array(raw)},
  uint8: {bytes: 1, numbers: (raw) => new Uint8Array(raw)},
  bool: {bytes: 1, numbers: (raw) => new Uint8Array(raw)},
};

let float16Values: Float32Array | undefined;

function fromFloat16(bits: Uint16Array): Float32Array {
  float16Values ??= Float32Array.from({length: 2 ** 16}, (_, pattern) => float16Value(pattern));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = float16Values[bits[i]];
  return values;
}

/** The value of an IEEE 754 binary16 bit pattern: 1 sign, 5 exponent and 10 fraction bits. */
function float16Value(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A bfloat16 number is the upper half of a float32. */
function fromBFloat16(bits: Uint16Array): Float32Array {
  const patterns = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) patterns[i] = bits[i] << 16;
  return new Float32Array(patterns.buffer);
}
