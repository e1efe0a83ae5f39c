import type {Tensor} from '@tensorflow/tfjs-node';
import type {Attribute} from '../tensorflow';
import {type Activation, activationNamed} from './activations';
import {executeTyped} from './bfloat16';
import {optional} from './native';

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
  return executeTyped(
    operation,
    [...attributes, activationNamed(activation), biases.count, residuals.count],
    [...inputs, ...biases.inputs, ...residuals.inputs],
  )[0];
}
