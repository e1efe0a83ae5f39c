import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {type Activation, activate} from './activations';
import {execute, flag, hasOneDNN, integer, oneDNNKernel, operation, T, text} from './native';

const addBias = operation<object>('AddBias', {
  forward: ({x, bias}) => execute('BiasAdd', [T, text('data_format', 'NHWC')], [x, bias]),
  gradient: ([dy]) => ({
    x: () => dy.clone(),
    bias: () => execute('BiasAddGrad', [T, text('data_format', 'NHWC')], [dy])[0],
  }),
});

/** Adds a vector to the last axis. */
export const biasAdd = (x: Tensor, bias: Tensor): Tensor => addBias({x, bias}, {})[0];

const matMul = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
  execute('MatMul', [T, flag('transpose_a', transposeA), flag('transpose_b', transposeB)], [a, b])[0];

const denseLayer = operation<object>('Linear', {
  saves: {inputs: ['x', 'weight']},
  forward: ({x, weight}) => [matMul(x, weight, false, true)],
  gradient: ([dy], [x, weight]) => ({
    x: () => matMul(dy, weight, false, false),
    weight: () => matMul(dy, x, true, false),
  }),
});

/** x W^T + b over the last axis: `weight` is [out, in] as PyTorch keeps it. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const rows = x.reshape([-1, x.shape[x.rank - 1]]);
  const [product] = denseLayer({x: rows, weight}, {});
  const y = bias ? biasAdd(product, bias) : product;
  return y.reshape([...x.shape.slice(0, -1), weight.shape[0]]);
}

/** Activations that oneDNN computes inside a matrix product, under TensorFlow's names for them. */
const fusions: Partial<Record<Activation, string>> = {relu: 'Relu', gelu: 'GeluExact'};

/** Linear layer, bias and activation in one operation, for inference (no gradient). */
export function fusedLinear(x: Tensor, weight: Tensor, bias: Tensor, activation?: Activation): Tensor {
  return tf.tidy(() => {
    const fusion = activation && fusions[activation];
    if (!hasOneDNN() || (activation && !fusion)) return activate(linear(x, weight, bias), activation);
    const attributes = [
      T,
      flag('transpose_a', false),
      flag('transpose_b', true),
      integer('num_args', 1),
      text('fused_ops', fusion ? ['BiasAdd', fusion] : ['BiasAdd']),
      oneDNNKernel,
    ];
    const rows = x.reshape([-1, x.shape[x.rank - 1]]);
    const [y] = execute('_MklNativeFusedMatMul', attributes, [rows, weight, bias]);
    return y.reshape([...x.shape.slice(0, -1), weight.shape[0]]);
  });
}
