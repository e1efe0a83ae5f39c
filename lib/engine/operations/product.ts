/** Matrix products by the kernels of `lib/engine/kernels`. */
import type {Tensor} from '@tensorflow/tfjs-node';
import {isNarrow} from './bfloat16';
import {executeWithEpilogue} from './epilogue';
import {hasLabKernels, hasLabProducts, integer} from './native';
import {hasTiles, tiledProduct, type TiledOptions} from './tiles';

/** With more weights than this oneDNN's products are as quick; where it has AVX-512, its convolutions always are. */
const manyWeights = (weight: Tensor): number =>
  hasLabProducts() ? 640 * 1024 : hasLabKernels() && weight.rank === 2 ? 160 * 1024 : 0;

/** With fewer rows than this laying out the weights, or turning them, takes longer than the product. */
export const fewRows = 64;

/** Whether `product` is to be taken. */
export function isProductInLab(x: Tensor, weight: Tensor): boolean {
  if (x.size / x.shape[x.rank - 1] < fewRows) return false;
  return isNarrow(weight) ? hasTiles() : !isNarrow(x) && weight.size <= manyWeights(weight);
}

/** What comes out may be narrow where the weight is. */
interface ProductOptions extends TiledOptions {
  /** Whether the weight is [out, in] rather than [in, out]. */
  transposed: boolean;
}

/** The last axis of x by a weight, of which all axes but the last (the first, if `transposed`) are one (no gradient). */
export function product(x: Tensor, weight: Tensor, options: ProductOptions): Tensor {
  if (isNarrow(weight)) return tiledProduct(x, weight, options);
  const attributes = [integer('transposed', options.transposed ? 1 : 0)];
  return executeWithEpilogue('LabLinear', attributes, [x, weight], options);
}
