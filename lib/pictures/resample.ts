/**
 * Resizing 8-bit RGB as Pillow 13 does, to the bit (its `src/libImaging/Resample.c`): one axis after the other, with
 * 8 bits in between. Along an axis each new pixel is a weighted sum of the photo's pixels around its place; the filter
 * widens as the axis shrinks, and at an edge the weights of what is there grow for what is not.
 */
import {type Preprocessing} from './preprocessing';

/** How a run of new pixels along one axis is made of the photo's pixels. */
export interface AxisResampling {
  /** The run of the photo's pixels that this takes. */
  first: number;
  count: number;
  /** By how many pixels the whole axis shrinks; negative where it grows. */
  shrinks: number;
  /** For each new pixel, the first of the run that counts; its weights lie from this offset to the next. */
  starts: Int32Array;
  offsets: Int32Array;
  /** Fixed-point numbers with `FRACTION_BITS` bits after the point. */
  weights: Int32Array;
}

// A weight times a byte fits into 32 bits, with one bit for the sign and one for sums beyond 255.
const FRACTION_BITS = 22;
const HALF = 1 << (FRACTION_BITS - 1);

/** The weight of a pixel at a distance, zero from `reach` on. */
const FILTERS: Record<Preprocessing['interpolation'], {reach: number; weight: (distance: number) => number}> =
  {
    bilinear: {reach: 1, weight: (x) => (x < 1 ? 1 - x : 0)},
    // Cubic convolution with a = -1/2: Keys 1981, doi:10.1109/TASSP.1981.1163711.
    bicubic: {
      reach: 2,
      weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0),
    },
  };

/** The new pixels `from` to `from + length` of an axis of `size` pixels that is resized to `resized`. */
export function axisResampling(
  size: number,
  resized: number,
  from: number,
  length: number,
  interpolation: Preprocessing['interpolation'],
): AxisResampling {
  const filter = FILTERS[interpolation];
  const scale = size / resized;
  const widening = Math.max(scale, 1);
  const reach = filter.reach * widening;
  const starts = new Int32Array(length);
  const offsets = new Int32Array(length + 1);
  const weights: number[] = [];
  let end = 0;
  for (let place = 0; place < length; place++) {
    const centre = (from + place + 0.5) * scale;
    // Four pixels at least, for the sake of `resampleAxis`; those out of reach weigh nothing.
    const start = Math.max(0, Math.min(Math.trunc(centre - reach + 0.5), size - 4));
    end = Math.min(size, Math.max(Math.trunc(centre + reach + 0.5), start + 4));
    let sum = 0;
    for (let i = start; i < end; i++) {
      const weight = filter.weight(Math.abs(i + 0.5 - centre) * (1 / widening));
      weights.push(weight);
      sum += weight;
    }
    offsets[place + 1] = weights.length;
    for (let i = offsets[place]; i < weights.length; i++) {
      weights[i] = Math.round((weights[i] / sum) * 2 ** FRACTION_BITS);
    }
    starts[place] = start;
  }
  const first = starts[0];
  return {
    first,
    count: end - first,
    shrinks: size - resized,
    starts: starts.map((start) => start - first),
    offsets,
    weights: new Int32Array(weights),
  };
}

/** Pillow's choice, for speed; it shows where bicubic overshoots and is cut off in between. */
export const takesRowsFirst = (columns: AxisResampling, rows: AxisResampling): boolean =>
  rows.shrinks > Math.max(0, 2 * columns.shrinks);

/** The new pixels, `[rows, columns, 3]`, of the photo's pixels `[rows.count, columns.count, 3]`. */
export function resample(
  pixels: Uint8ClampedArray,
  columns: AxisResampling,
  rows: AxisResampling,
): Uint8ClampedArray {
  return takesRowsFirst(columns, rows)
    ? resampleAxis(resampleAxis(pixels, rows, columns.count * 3), columns, 3)
    : resampleAxis(resampleAxis(pixels, columns, 3), rows, columns.starts.length * 3);
}

/** Resamples the middle axis of `[outer, count, inner]`. */
function resampleAxis(
  source: Uint8ClampedArray,
  {count, starts, offsets, weights}: AxisResampling,
  inner: number,
): Uint8ClampedArray {
  const outer = source.length / (count * inner);
  const target = new Uint8ClampedArray(outer * starts.length * inner);
  let written = 0;
  for (let line = 0; line < source.length; line += count * inner) {
    for (let place = 0; place < starts.length; place++) {
      const begin = line + starts[place] * inner;
      const [offset, end] = [offsets[place], offsets[place + 1]];
      if (end - offset === 4) {
        // So it is wherever an axis grows: written out, it takes half the time.
        const [a, b, c, d] = [weights[offset], weights[offset + 1], weights[offset + 2], weights[offset + 3]];
        for (let i = begin; i < begin + inner; i++) {
          const sum =
            Math.imul(a, source[i]) +
            Math.imul(b, source[i + inner]) +
            Math.imul(c, source[i + 2 * inner]) +
            Math.imul(d, source[i + 3 * inner]);
          target[written++] = (sum + HALF) >> FRACTION_BITS;
        }
      } else {
        for (let i = begin; i < begin + inner; i++) {
          let sum = HALF;
          for (let k = offset, j = i; k < end; k++, j += inner) sum += Math.imul(weights[k], source[j]);
          target[written++] = sum >> FRACTION_BITS;
        }
      }
    }
  }
  return target;
}
