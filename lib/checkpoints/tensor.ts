import {LabError} from '../errors';
import {dtypes, type DType} from './dtypes';
import type {Source} from './source';

/** One tensor of a checkpoint, in the checkpoint's own (PyTorch's) layout. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: number[];
  /**
   * Reads the tensor from the file and converts it to float32, row-major; beside the result only a small window is held.
   * Throws a LabError when the file has been closed, cut short or cannot be read, and when a number is NaN or infinite
   * (a float64 beyond float32's range is).
   */
  values(): Float32Array;
}

/** Where a tensor lies in its file: the byte of its first element, and per axis how many elements apart neighbours are. */
export interface Place {
  readonly position: number;
  readonly strides: readonly number[];
}

/** Elements read at once. */
const windowLength = 2 ** 16;

/** The number of elements of a shape; 1 for a scalar's. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The strides of a row-major tensor. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const length of [...shape].reverse()) {
    strides.unshift(stride);
    stride *= length;
  }
  return strides;
}

export function storedTensor(
  source: Source,
  name: string,
  dtype: DType,
  shape: number[],
  place: Place,
): StoredTensor {
  const contiguous = rowMajor(shape).every(
    (stride, axis) => shape[axis] === 1 || stride === place.strides[axis],
  );
  return {
    name,
    dtype,
    shape,
    values: () => {
      const values = (contiguous ? readContiguous : readStrided)(source, dtype, shape, place);
      requireFinite(source, name, shape, values);
      return values;
    },
  };
}

function requireFinite(source: Source, name: string, shape: number[], values: Float32Array): void {
  let first = 0;
  while (first < values.length && Number.isFinite(values[first])) first++; // findIndex is far slower
  if (first === values.length) return;
  const [nans, infinite] = [Number.isNaN, (value: number) => Math.abs(value) === Infinity].map(
    (kind) => values.filter(kind).length,
  );
  const counts = [nans > 0 && `${nans} NaN`, infinite > 0 && `${infinite} infinite`].filter(Boolean);
  const index = rowMajor(shape).map((stride, axis) => Math.floor(first / stride) % shape[axis]);
  throw new LabError(
    `${source.file}: ${name} holds ${counts.join(' and ')} of ${values.length} numbers, the first at ` +
      `[${index.join(', ')}]. Weights must be finite numbers: take those from before the training diverged.`,
  );
}

function readContiguous(source: Source, dtype: DType, shape: number[], {position}: Place): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  for (let first = 0; first < values.length; first += windowLength) {
    const count = Math.min(windowLength, values.length - first);
    values.set(readNumbers(source, dtype, position, first, count), first);
  }
  return values;
}

/** Walks the elements in the order in which they are stored, so that the window mostly moves forward. */
function readStrided(
  source: Source,
  dtype: DType,
  shape: number[],
  {position, strides}: Place,
): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (values.length === 0) return values;
  const end = 1 + shape.reduce((last, length, axis) => last + (length - 1) * strides[axis], 0);
  const targets = rowMajor(shape);
  const axes = shape.map((_, axis) => axis).sort((a, b) => strides[a] - strides[b]);
  const index = shape.map(() => 0);

  let window: ArrayLike<number> = [];
  let windowStart = 0;
  let from = 0;
  let to = 0;
  for (let done = 0; done < values.length; done++) {
    if (from < windowStart || from >= windowStart + window.length) {
      window = readNumbers(source, dtype, position, from, Math.min(windowLength, end - from));
      windowStart = from;
    }
    values[to] = window[from - windowStart];
    for (const axis of axes) {
      from += strides[axis];
      to += targets[axis];
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
      from -= strides[axis] * shape[axis];
      to -= targets[axis] * shape[axis];
    }
  }
  return values;
}

/** `count` numbers of the elements that start at byte `position`, from the element `first` on. */
function readNumbers(
  source: Source,
  dtype: DType,
  position: number,
  first: number,
  count: number,
): ArrayLike<number> {
  const storing = dtypes[dtype];
  const raw = new Uint8Array(count * storing.bytes);
  source.read(position + first * storing.bytes, raw);
  return storing.numbers(raw.buffer);
}
