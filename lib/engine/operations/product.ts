/** Matrix products by the kernels of `lib/engine/kernels`. */
import type {Tensor} from '@tensorflow/tfjs-node';
import type {Attribute} from '../tensorflow';
import {type Activation, activationNamed} from './activations';
import {isNarrow} from './bfloat16';
import {execute, hasLabProducts, integer, optional} from './native';
import {hasTiles, tiledProduct} from './tiles';

/** With more weights than this oneDNN's products are as quick. */
const manyWeights = 640 * 1024;

/** With fewer rows than this laying out the weights, or turning them, takes longer than the product. */
export const fewRows = 64;

/** Whether `product` is to be taken. */
export function isProductInLab(x: Tensor, weight: Tensor): boolean {
  if (x.size / x.shape[x.rank - 1] < fewRows) return false;
  return isNarrow(weight) ? hasTiles() : hasLabProducts() && !isNarrow(x) && weight.size <= manyWeights;
}

/** What a kernel adds to its sums before it stores them. */
export interface Epilogue {
  bias?: Tensor;
  /** Added before the activation; of the output's shape. */
  residual?: Tensor;
  activation?: Activation;
}

/** A kernel that ends with an epilogue, for which it has two more inputs that may be there or not. */
export function executeWithEpilogue(
  operation: string,
  attributes: readonly Attribute[],
  inputs: readonly Tensor[],
  {bias, residual, activation}: Epilogue,
): Tensor {
  const [biases, residuals] = [optional('biases', bias), optional('residuals', residual)];
  return execute(
    operation,
    [...attributes, activationNamed(activation), biases.count, residuals.count],
    [...inputs, ...biases.inputs, ...residuals.inputs],
  )[0];
}

interface ProductOptions extends Epilogue {
  /** Whether the weight is [out, in] rather than [in, out]. */
  transposed: boolean;
  /** Whether what comes out is narrow, where the weight is. */
  narrow?: boolean;
}

/** The last axis of x by a weight, of which all axes but the last (the first, if `transposed`) are one (no gradient). */
export function product(x: Tensor, weight: Tensor, options: ProductOptions): Tensor {
  if (isNarrow(weight)) return tiledProduct(x, weight, options);
  const {transposed, narrow: _, ...epilogue} = options;
  return executeWithEpilogue('LabLinear', [integer('transposed', transposed ? 1 : 0)], [x, weight], epilogue);
}
