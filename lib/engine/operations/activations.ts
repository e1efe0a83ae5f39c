import type {Tensor} from '@tensorflow/tfjs-node';
import {binary, execute, hasLabKernels, operation, scalar, T, text, unary} from './native';

export type Activation = 'relu' | 'relu6' | 'silu' | 'hardswish' | 'hardsigmoid' | 'sigmoid' | 'gelu';

/** An activation whose gradient TensorFlow computes in one operation from its output. */
function fromOutput(native: string, gradientOperation: string, outputFirst: boolean) {
  return operation<object>(native, {
    saves: {outputs: [true]},
    forward: ({x}) => execute(native, [T], [x]),
    gradient: ([dy], [y]) => ({
      x: () => execute(gradientOperation, [T], outputFirst ? [y, dy] : [dy, y])[0],
    }),
  });
}

const relu = fromOutput('Relu', 'ReluGrad', false);
const relu6 = fromOutput('Relu6', 'Relu6Grad', false);
const sigmoid = fromOutput('Sigmoid', 'SigmoidGrad', true);

/** x * sigmoid(x) (Ramachandran et al. 2017, arXiv:1710.05941); its derivative is s + x s (1 - s). */
const silu = operation<object>('Silu', {
  saves: {inputs: ['x']},
  forward: ({x}) => [binary('Mul', x, unary('Sigmoid', x))],
  gradient: ([dy], [x]) => ({
    x: () => {
      const gate = unary('Sigmoid', x);
      const direct = binary('Mul', dy, gate);
      const scaled = binary('Mul', dy, x);
      const throughGate = execute('SigmoidGrad', [T], [gate, scaled])[0];
      return binary('AddV2', direct, throughGate);
    },
  }),
});

/** relu6(x + 3) / 6. */
const hardsigmoid = operation<object>('HardSigmoid', {
  saves: {inputs: ['x']},
  forward: ({x}) => [binary('Mul', unary('Relu6', binary('AddV2', x, scalar(3))), scalar(1 / 6))],
  gradient: ([dy], [x]) => ({
    x: () => {
      const sixth = binary('Mul', dy, scalar(1 / 6));
      return execute('Relu6Grad', [T], [sixth, binary('AddV2', x, scalar(3))])[0];
    },
  }),
});

/** x * hardsigmoid(x) (Howard et al. 2019, arXiv:1905.02244). */
const hardswish = operation<object>('HardSwish', {
  saves: {inputs: ['x']},
  forward: ({x}) => {
    const clipped = unary('Relu6', binary('AddV2', x, scalar(3)));
    return [binary('Mul', binary('Mul', x, clipped), scalar(1 / 6))];
  },
  gradient: ([dy], [x]) => ({
    x: () => {
      const sixth = binary('Mul', dy, scalar(1 / 6));
      const clipped = unary('Relu6', binary('AddV2', x, scalar(3)));
      const throughGate = execute('Relu6Grad', [T], [binary('Mul', sixth, x), clipped])[0];
      return binary('AddV2', binary('Mul', sixth, clipped), throughGate);
    },
  }),
});

/** x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415), the exact form. */
const gelu = operation<object>('Gelu', {
  saves: {inputs: ['x']},
  forward: ({x}) => [binary('Mul', x, normalDistribution(x))],
  gradient: ([dy], [x]) => ({
    x: () => {
      const square = binary('Mul', unary('Square', x), scalar(-0.5));
      const density = binary('Mul', unary('Exp', square), scalar(1 / Math.sqrt(2 * Math.PI)));
      const slope = binary('AddV2', normalDistribution(x), binary('Mul', x, density));
      return binary('Mul', dy, slope);
    },
  }),
});

/** The cumulative distribution function of the standard normal distribution. */
function normalDistribution(x: Tensor): Tensor {
  const error = unary('Erf', binary('Mul', x, scalar(Math.SQRT1_2)));
  return binary('Mul', binary('AddV2', error, scalar(1)), scalar(0.5));
}

/** The attribute by which a kernel of this project knows an activation. */
export const activationNamed = (activation?: Activation) => text('activation', activation ?? 'none');

const inOnePass = operation<{activation: Activation}>('Activate', {
  saves: {inputs: ['x']},
  forward: ({x}, {activation}) => execute('LabActivate', [activationNamed(activation)], [x]),
  gradient: ([dy], [x], {activation}) => ({
    x: () => execute('LabActivateGrad', [activationNamed(activation)], [dy, x])[0],
  }),
});

/** TensorFlow's own, one operation forward and one backward. */
const native = {relu, relu6, sigmoid};
const composed = {silu, hardswish, hardsigmoid, gelu};

/** An element-wise activation function with its native gradient; none given: the same tensor. */
export function activate(x: Tensor, activation?: Activation): Tensor {
  if (!activation) return x;
  if (activation in native) return native[activation as keyof typeof native]({x}, {})[0];
  if (hasLabKernels()) return inOnePass({x}, {activation})[0];
  return composed[activation as keyof typeof composed]({x}, {})[0];
}
