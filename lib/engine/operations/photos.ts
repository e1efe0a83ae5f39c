import type {Tensor} from '@tensorflow/tfjs-node';
import {backend} from '../tensorflow';
import {integer} from './native';

const {TF_UINT8, TF_INT32, TF_FLOAT} = backend.binding;

/** How the new pixels of an axis are made of the old: fixed-point weights, for each pixel those from its offset to the next. */
export interface RawAxis {
  /** How many old pixels there are. */
  count: number;
  /** For each new pixel, the first old one that counts. */
  starts: Int32Array;
  offsets: Int32Array;
  weights: Int32Array;
}

/** A photo's 8-bit pixels, and what is yet to be done to them. */
export interface RawView {
  /** RGB: of a view that keeps its size `[side, side, 3]`, else `[rows.count, columns.count, 3]`. */
  pixels: Uint8Array;
  resampling: {columns: RawAxis; rows: RawAxis; rowsFirst: boolean} | null;
  /** What becomes of the colours: gain, pull, direct, redToBlue, blueToRed; see `lib/pictures/colours.ts`. */
  colours: readonly [number, number, number, number, number];
  flipHorizontal: boolean;
  flipVertical: boolean;
}

/**
 * Views as a network is given them, `[views.length, side, side, 3]`. `normalised` holds what each of the 256 levels of
 * red, of green and of blue becomes, `[3, 256]`. One of this project's kernels: see `hasLabKernels`.
 */
export function photoViews(views: readonly RawView[], normalised: Float32Array, side: number): Tensor {
  const {binding} = backend;
  const inputs: number[] = [];
  try {
    for (const {pixels, resampling} of views) {
      const shape = resampling ? [resampling.rows.count, resampling.columns.count, 3] : [side, side, 3];
      inputs.push(binding.createTensor(shape, TF_UINT8, pixels));
    }
    for (const view of views) {
      const plan = planOf(view);
      inputs.push(binding.createTensor([plan.length], TF_INT32, plan));
    }
    inputs.push(binding.createTensor([normalised.length], TF_FLOAT, normalised));
    const attributes = [integer('count', views.length), integer('side', side)];
    const [made] = binding.executeOp('LabPhotoViews', attributes, inputs, 1);
    return backend.createOutputTensor(made);
  } finally {
    for (const id of inputs) binding.deleteTensor(id);
  }
}

/** A view's plan as `kernels/photos.cc` reads it. */
function planOf({resampling, colours, flipHorizontal, flipVertical}: RawView): Int32Array {
  const order = resampling ? (resampling.rowsFirst ? 2 : 1) : 0;
  const parts = [
    [Number(flipHorizontal), Number(flipVertical), order],
    new Int32Array(Float64Array.from(colours).buffer),
    ...(resampling ? [resampling.columns, resampling.rows] : []).flatMap(({starts, offsets, weights}) => [
      starts,
      offsets,
      weights,
    ]),
  ];
  const plan = new Int32Array(parts.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of parts) {
    plan.set(part, place);
    place += part.length;
  }
  return plan;
}
