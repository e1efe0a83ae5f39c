/**
 * Products in bfloat16, tried before anything relies on them: oneDNN chooses its kernels by the processor, and a lab
 * should lose speed rather than numbers where one of them is missing or wrong.
 */
import type {Tensor} from '@tensorflow/tfjs-node';
import {conv2d, fusedConv2d, fusedLinear, linear, narrow, widen, type WindowMoves} from './operations';
import {tf} from './tensorflow';

type Product = (x: Tensor, weights: Tensor) => Tensor;

const window: WindowMoves = {strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1]};
const [image, filter] = [
  [2, 8, 8, 32],
  [3, 3, 32, 32],
];

/** Products that training takes, with the shapes of input and weights. */
const trained: Record<string, [Product, number[], number[]]> = {
  convolution: [(x, weights) => conv2d(x, weights, window), image, filter],
  'grouped convolution': [(x, weights) => conv2d(x, weights, window), image, [3, 3, 8, 32]],
  'pointwise convolution': [
    (x, weights) => conv2d(x, weights, {...window, padding: [0, 0, 0, 0]}),
    image,
    [1, 1, 32, 32],
  ],
  'linear layer': [(x, weights) => linear(x, weights), [128, 32], [32, 32]],
};

const fused = (activation: 'relu' | 'relu6' | 'silu' | 'hardswish', isResidual = false): Product => {
  return (x, weights) => {
    const residual = isResidual ? x : undefined;
    return widen(fusedConv2d(x, weights, tf.ones([32]), window, {activation, residual}));
  };
};

/** Products with what is fused into them, which inference takes. */
const inferred: typeof trained = {
  'convolution with relu': [fused('relu'), image, filter],
  'convolution with relu6': [fused('relu6'), image, filter],
  'convolution with silu': [fused('silu'), image, filter],
  'convolution with hardswish': [fused('hardswish'), image, filter],
  'convolution with a residual sum': [fused('relu', true), image, filter],
  'linear layer with gelu': [
    (x, weights) => widen(fusedLinear(x, weights, tf.ones([32]), {activation: 'gelu'})),
    [128, 32],
    [32, 32],
  ],
};

const tolerance = 3e-2;

/** The first of these products that is not within bfloat16's rounding of float32's, or null. */
export function firstWrongProduct(): string | null {
  const isNear = (actual: Tensor, expected: Tensor): boolean => {
    const error = tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0];
    return error <= tolerance * tf.max(tf.abs(expected)).dataSync()[0];
  };
  const isRight = ([product, ...shapes]: [Product, number[], number[]], isTrained: boolean): boolean =>
    tf.tidy(() => {
      const inputs = shapes.map((shape, i) => tf.randomUniform(shape, -1, 1, 'float32', i + 1));
      const rounded: Product = (x, weights) => product(x, narrow(weights));
      if (!isNear(rounded(inputs[0], inputs[1]), product(inputs[0], inputs[1]))) return false;
      if (!isTrained) return true;
      const [slopes, expected] = [rounded, product].map((each) => tf.grads(each)(inputs));
      return slopes.every((slope, i) => isNear(slope, expected[i]));
    });
  const failure = (products: typeof trained, isTrained: boolean): string | undefined =>
    Object.keys(products).find((name) => {
      try {
        return !isRight(products[name], isTrained);
      } catch {
        return true;
      }
    });
  return failure(trained, true) ?? failure(inferred, false) ?? null;
}
