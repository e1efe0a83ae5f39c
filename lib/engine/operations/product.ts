/** Matrix products by the kernels of `lib/engine/kernels`. */
import type {Tensor} from '@tensorflow/tfjs-node';
import type {Attribute} from '../tensorflow';
import {type Activation, activationNamed} from './activations';
import {isNarrow} from './bfloat16';
import {execute, hasLabProducts, integer, optional} from './native';

/** With more weights than this oneDNN's products are as quick. */
const manyWeights = 640 * 1024;

/** With fewer rows than this laying out the weights, or turning them, takes longer than the product. */
export const fewRows = 64;

/** Whether `product` is to be taken. */
export const isProductInLab = (x: Tensor, weight: Tensor): boolean =>
  hasLabProducts() &&
  !isNarrow(x) &&
  !isNarrow(weight) &&
  weight.size <= manyWeights &&
  x.size / x.shape[x.rank - 1] >= fewRows;

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
}

/** The last axis of x by a weight, of which all axes but the last (the first, if `transposed`) are one (no gradient). */
export const product = (x: Tensor, weight: Tensor, {transposed, ...epilogue}: ProductOptions): Tensor =>
  executeWithEpilogue('LabLinear', [integer('transposed', transposed ? 1 : 0)], [x, weight], epilogue);
