/**
 * TensorFlow's own operations, each with its gradient, registered with tfjs-core as kernels of the `tensorflow`
 * backend: the gradient tape of tfjs drives them, and a gradient that nobody asks for is never computed.
 * This file alone knows the names of TensorFlow's operations. All images are [batch, height, width, channel].
 */
import type {NamedAttrMap, NamedTensorMap, Tensor} from '@tensorflow/tfjs-node';
import {type Attribute, backend, engineReport, tf} from './tensorflow';

const {TF_ATTR_STRING, TF_ATTR_INT, TF_ATTR_TYPE, TF_ATTR_FLOAT, TF_ATTR_BOOL, TF_FLOAT} = backend.binding;
const text = (name: string, value: string | string[]): Attribute => ({name, type: TF_ATTR_STRING, value});
const integer = (name: string, value: number | number[]): Attribute => ({name, type: TF_ATTR_INT, value});
const float = (name: string, value: number): Attribute => ({name, type: TF_ATTR_FLOAT, value});
const flag = (name: string, value: boolean): Attribute => ({name, type: TF_ATTR_BOOL, value});
const floatType = (name: string): Attribute => ({name, type: TF_ATTR_TYPE, value: TF_FLOAT});
const T = floatType('T');

/** Kernels that only the oneDNN build of TensorFlow (x86-64) has; their plain composition stands in elsewhere. */
const {oneDNN} = engineReport();
const oneDNNKernel = text('_kernel', 'MklNameChangeOp');

function execute(
  operation: string,
  attributes: readonly Attribute[],
  inputs: readonly Tensor[],
  outputs = 1,
): Tensor[] {
  return backend.executeMultipleOutputs(operation, attributes, inputs, outputs);
}

interface Kernel<Options> {
  /** Which inputs and outputs the gradient needs. */
  saves?: {inputs?: string[]; outputs?: boolean[]};
  forward(inputs: Record<string, Tensor>, options: Options): Tensor[];
  gradient?(dy: Tensor[], saved: Tensor[], options: Options): Record<string, () => Tensor>;
}

/** Registers an operation and its gradient with tfjs-core; what is returned runs it and records it on the tape. */
function operation<Options extends object>(
  name: string,
  kernel: Kernel<Options>,
): (inputs: Record<string, Tensor>, options: Options) => Tensor[] {
  const kernelName = `Lab${name}`;
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({inputs, attrs}) =>
      tf.tidy(() => kernel.forward(inputs as unknown as Record<string, Tensor>, attrs as unknown as Options)),
  });
  if (kernel.gradient) {
    const {gradient} = kernel;
    tf.registerGradient({
      kernelName,
      inputsToSave: kernel.saves?.inputs ?? [],
      outputsToSave: kernel.saves?.outputs ?? [],
      gradFunc: (dy, saved, attrs) =>
        gradient(Array.isArray(dy) ? dy : [dy], saved, attrs as unknown as Options),
    });
  }
  return (inputs, options) => {
    const outputs: unknown = tf
      .engine()
      .runKernel(kernelName, inputs as unknown as NamedTensorMap, options as unknown as NamedAttrMap);
    return (Array.isArray(outputs) ? outputs : [outputs]) as Tensor[];
  };
}

/** Where a window stands: PyTorch's symmetric padding, or another amount after the last row and column. */
export interface Window {
  strides: [number, number];
  /** Rows and columns added: [top, bottom, left, right]. */
  padding: [number, number, number, number];
  dilations: [number, number];
}

const spread = (pair: readonly number[]): number[] => [1, pair[0], pair[1], 1];

function windowAttributes({strides, padding, dilations}: Window): Attribute[] {
  const padded = padding.some((amount) => amount > 0);
  return [
    T,
    integer('strides', spread(strides)),
    text('padding', padded ? 'EXPLICIT' : 'VALID'),
    ...(padded ? [integer('explicit_paddings', [0, 0, ...padding, 0, 0])] : []),
    text('data_format', 'NHWC'),
    integer('dilations', spread(dilations)),
  ];
}

const shapeTensor = (shape: readonly number[]): Tensor => tf.tensor1d(shape as number[], 'int32');

function convolutionKernel(native: string, depthwise: boolean, extra: Attribute[]): Kernel<Window> {
  const name = depthwise ? 'DepthwiseConv2dNativeBackprop' : 'Conv2DBackprop';
  return {
    saves: {inputs: ['x', 'filter']},
    forward: ({x, filter}, window) => execute(native, [...windowAttributes(window), ...extra], [x, filter]),
    gradient: ([dy], [x, filter], window) => {
      const attributes = [...windowAttributes(window), ...extra];
      return {
        x: () => execute(`${name}Input`, attributes, [shapeTensor(x.shape), filter, dy])[0],
        filter: () => execute(`${name}Filter`, attributes, [x, shapeTensor(filter.shape), dy])[0],
      };
    },
  };
}

const convolution = operation(
  'Convolution',
  convolutionKernel('Conv2D', false, [flag('use_cudnn_on_gpu', true)]),
);
const depthwise = operation('DepthwiseConvolution', convolutionKernel('DepthwiseConv2dNative', true, []));

/**
 * Convolution without bias. `filter` is [height, width, in / groups, out] (the number of groups follows from its
 * shape), or [height, width, channels, multiplier] when `isDepthwise`.
 */
export function conv2d(x: Tensor, filter: Tensor, window: Window, isDepthwise = false): Tensor {
  return (isDepthwise ? depthwise : convolution)({x, filter}, window)[0];
}

const addBias = operation<object>('AddBias', {
  forward: ({x, bias}) => execute('BiasAdd', [T, text('data_format', 'NHWC')], [x, bias]),
  gradient: ([dy]) => ({
    x: () => dy.clone(),
    bias: () => execute('BiasAddGrad', [T, text('data_format', 'NHWC')], [dy])[0],
  }),
});

/** Adds a vector to the last axis. */
export const biasAdd = (x: Tensor, bias: Tensor): Tensor => addBias({x, bias}, {})[0];

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

const native2 = (name: string, a: Tensor, b: Tensor): Tensor => execute(name, [T], [a, b])[0];
const native1 = (name: string, a: Tensor): Tensor => execute(name, [T], [a])[0];
const scalar = (value: number): Tensor => tf.scalar(value);

/** x * sigmoid(x) (Ramachandran et al. 2017, arXiv:1710.05941); derivative s + y (1 - s), with y the output. */
const silu = operation<object>('Silu', {
  saves: {inputs: ['x']},
  forward: ({x}) => [native2('Mul', x, native1('Sigmoid', x))],
  gradient: ([dy], [x]) => ({
    x: () => {
      const gate = native1('Sigmoid', x);
      const direct = native2('Mul', dy, gate);
      const scaled = native2('Mul', dy, x);
      const throughGate = execute('SigmoidGrad', [T], [gate, scaled])[0];
      return native2('AddV2', direct, throughGate);
    },
  }),
});

/** relu6(x + 3) / 6. */
const hardsigmoid = operation<object>('HardSigmoid', {
  saves: {outputs: [true]},
  forward: ({x}) => {
    const shifted = native2('AddV2', x, scalar(3));
    const clipped = native1('Relu6', shifted);
    return [native2('Mul', clipped, scalar(1 / 6))];
  },
  gradient: ([dy], [y]) => ({
    x: () => {
      const clipped = native2('Mul', y, scalar(6));
      return execute('Relu6Grad', [T], [native2('Mul', dy, scalar(1 / 6)), clipped])[0];
    },
  }),
});

/** x * hardsigmoid(x) (Howard et al. 2019, arXiv:1905.02244). */
const hardswish = operation<object>('HardSwish', {
  saves: {inputs: ['x']},
  forward: ({x}) => {
    const clipped = native1('Relu6', native2('AddV2', x, scalar(3)));
    return [native2('Mul', native2('Mul', x, clipped), scalar(1 / 6))];
  },
  gradient: ([dy], [x]) => ({
    x: () => {
      const sixth = native2('Mul', dy, scalar(1 / 6));
      const clipped = native1('Relu6', native2('AddV2', x, scalar(3)));
      const throughGate = execute('Relu6Grad', [T], [native2('Mul', sixth, x), clipped])[0];
      return native2('AddV2', native2('Mul', sixth, clipped), throughGate);
    },
  }),
});

/** x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415), the exact form. */
const gelu = operation<object>('Gelu', {
  saves: {inputs: ['x']},
  forward: ({x}) => [native2('Mul', x, normalDistribution(x))],
  gradient: ([dy], [x]) => ({
    x: () => {
      const square = native2('Mul', native1('Square', x), scalar(-0.5));
      const density = native2('Mul', native1('Exp', square), scalar(1 / Math.sqrt(2 * Math.PI)));
      const slope = native2('AddV2', normalDistribution(x), native2('Mul', x, density));
      return native2('Mul', dy, slope);
    },
  }),
});

/** The cumulative distribution function of the standard normal distribution. */
function normalDistribution(x: Tensor): Tensor {
  const error = native1('Erf', native2('Mul', x, scalar(Math.SQRT1_2)));
  return native2('Mul', native2('AddV2', error, scalar(1)), scalar(0.5));
}

const activations = {relu, relu6, silu, hardswish, hardsigmoid, sigmoid, gelu};

/** An element-wise activation function with its native gradient. */
export const activate = (x: Tensor, activation: Activation): Tensor => activations[activation]({x}, {})[0];

/** Activations that oneDNN computes inside a convolution, under TensorFlow's names for them. */
const convolutionFusions: Partial<Record<Activation, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  hardswish: '_FusedHardSwish',
  silu: '_MklSwish',
};
const depthwiseFusions: Partial<Record<Activation, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  hardswish: '_FusedHardSwish',
};

const sumFusions: Partial<Record<Activation, string>> = {relu: 'Relu'};

export interface FusedOptions {
  isDepthwise?: boolean;
  /** Added before the activation; of the output's shape. */
  residual?: Tensor;
  activation?: Activation;
}

/**
 * Convolution, bias, residual sum and activation in one pass over memory, for inference (no gradient). What oneDNN
 * cannot fuse runs as separate operations.
 */
export function fusedConv2d(
  x: Tensor,
  filter: Tensor,
  bias: Tensor,
  window: Window,
  {isDepthwise = false, residual, activation}: FusedOptions = {},
): Tensor {
  return tf.tidy(() => {
    if (!oneDNN || (isDepthwise && residual)) {
      const y = biasAdd(conv2d(x, filter, window, isDepthwise), bias);
      const sum = residual ? native2('AddV2', y, residual) : y;
      return activation ? activate(sum, activation) : sum;
    }
    const fusion =
      activation && (isDepthwise ? depthwiseFusions : residual ? sumFusions : convolutionFusions)[activation];
    const sum = residual ? ['BiasAdd', 'Add'] : ['BiasAdd'];
    const padded = isDepthwise ? pad(x, window.padding) : x;
    const attributes = [
      ...windowAttributes(isDepthwise ? {...window, padding: [0, 0, 0, 0]} : window),
      integer('num_args', sum.length),
      ...(isDepthwise ? [] : [{name: 'TArgs', type: TF_ATTR_TYPE, value: sum.map(() => TF_FLOAT)}]),
      text('fused_ops', fusion ? [...sum, fusion] : sum),
      oneDNNKernel,
    ];
    const name = isDepthwise ? '_MklNativeFusedDepthwiseConv2dNative' : '_MklNativeFusedConv2D';
    const [y] = execute(name, attributes, [padded, filter, bias, ...(residual ? [residual] : [])]);
    return activation && !fusion ? activate(y, activation) : y;
  });
}

/** Adds rows and columns around an image; `value` fills them (0 unless told). Nothing to add: the same tensor. */
export function pad(x: Tensor, [top, bottom, left, right]: Window['padding'], value = 0): Tensor {
  if (top + bottom + left + right === 0) return x;
  const paddings: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return tf.pad(x, paddings, value);
}

interface BatchNormOptions {
  epsilon: number;
  momentum: number;
  activation: 'relu' | 'relu6' | null;
}

const batchNormAttributes = (epsilon: number, training: boolean): Attribute[] => [
  T,
  floatType('U'),
  float('epsilon', epsilon),
  text('data_format', 'NHWC'),
  flag('is_training', training),
];

const batchNormTraining = operation<BatchNormOptions>('BatchNorm', {
  saves: {inputs: ['x', 'scale'], outputs: [true, false, false, true, true, true]},
  forward: ({x, scale, offset, mean, variance}, {epsilon, momentum, activation}) => {
    const attributes = [...batchNormAttributes(epsilon, true), float('exponential_avg_factor', momentum)];
    const inputs = [x, scale, offset, mean, variance];
    if (oneDNN && activation === 'relu') {
      const fused = [integer('num_side_inputs', 0), text('activation_mode', 'Relu'), oneDNNKernel];
      return execute('_MklNativeFusedBatchNormEx', [...attributes, ...fused], inputs, 6);
    }
    const [y, ...statistics] = execute('FusedBatchNormV3', attributes, inputs, 6);
    return [activation ? activate(y, activation) : y, ...statistics];
  },
  gradient: ([dy], [x, scale, y, ...reserve], {epsilon, activation}) => {
    const [dx, dScale, dOffset] = tf.tidy(() => {
      const gradientOperation = activation === 'relu' ? 'ReluGrad' : 'Relu6Grad';
      const through = activation === null ? dy : execute(gradientOperation, [T], [dy, y])[0];
      const inputs = [through, x, scale, ...reserve];
      return execute('FusedBatchNormGradV3', batchNormAttributes(epsilon, true), inputs, 5).slice(0, 3);
    });
    return {
      x: () => dx,
      scale: () => dScale,
      offset: () => dOffset,
      mean: () => tf.zerosLike(scale),
      variance: () => tf.zerosLike(scale),
    };
  },
});

/** What batch normalisation is made of, each of shape [channels]. */
export interface BatchNormParameters {
  scale: Tensor;
  offset: Tensor;
  mean: Tensor;
  variance: Tensor;
}

/**
 * Batch normalisation with the batch's own statistics (Ioffe and Szegedy 2015, arXiv:1502.03167) and an activation
 * after it. Returns the output and the running statistics after this batch, the variance unbiased as PyTorch's.
 */
export function batchNorm(
  x: Tensor,
  parameters: BatchNormParameters,
  options: {epsilon: number; momentum: number; activation?: Activation},
): {y: Tensor; mean: Tensor; variance: Tensor} {
  const {activation} = options;
  const fused = activation === 'relu' || activation === 'relu6' ? activation : null;
  const [y, mean, variance, ...reserve] = batchNormTraining(
    {x, ...parameters},
    {epsilon: options.epsilon, momentum: options.momentum, activation: fused},
  );
  tf.dispose(reserve);
  return {y: activation && !fused ? activate(y, activation) : y, mean, variance};
}

interface PoolOptions {
  size: [number, number];
  strides: [number, number];
}

const poolAttributes = ({size, strides}: PoolOptions): Attribute[] => [
  T,
  integer('ksize', spread(size)),
  integer('strides', spread(strides)),
  text('padding', 'VALID'),
  text('data_format', 'NHWC'),
];

const maxPooling = operation<PoolOptions>('MaxPool', {
  saves: {inputs: ['x'], outputs: [true]},
  forward: ({x}, options) => execute('MaxPool', poolAttributes(options), [x]),
  gradient: ([dy], [x, y], options) => ({
    x: () => execute('MaxPoolGrad', poolAttributes(options), [x, y, dy])[0],
  }),
});

const averagePooling = operation<PoolOptions & {inputShape: number[]}>('AveragePool', {
  forward: ({x}, options) => execute('AvgPool', poolAttributes(options), [x]),
  gradient: ([dy], _saved, options) => ({
    x: () => execute('AvgPoolGrad', poolAttributes(options), [shapeTensor(options.inputShape), dy])[0],
  }),
});

/** Largest value of each window; what `padding` adds never wins. */
export function maxPool(
  x: Tensor,
  size: [number, number],
  {strides, padding}: Omit<Window, 'dilations'>,
): Tensor {
  return maxPooling({x: pad(x, padding, -Infinity)}, {size, strides})[0];
}

/** Mean of each window; the zeros that `padding` adds count, as in PyTorch's default. */
export function averagePool(
  x: Tensor,
  size: [number, number],
  {strides, padding}: Omit<Window, 'dilations'>,
): Tensor {
  const padded = pad(x, padding);
  return averagePooling({x: padded}, {size, strides, inputShape: padded.shape})[0];
}

const globalMean = operation<{inputShape: number[]; keepDims: boolean}>('GlobalAverage', {
  forward: ({x}, {keepDims}) => [tf.mean(x, [1, 2], keepDims)],
  gradient: ([dy], _saved, {inputShape}) => ({
    x: () => {
      const [batch, height, width, channels] = inputShape;
      const share = native2('Mul', dy.reshape([batch, 1, 1, channels]), scalar(1 / (height * width)));
      return tf.broadcastTo(share, inputShape);
    },
  }),
});

/** Mean over height and width: [batch, channels], or [batch, 1, 1, channels] with `keepDims`. */
export function globalAverage(x: Tensor, keepDims = false): Tensor {
  return globalMean({x}, {inputShape: x.shape, keepDims})[0];
}

/** Mean and reciprocal standard deviation over the last axis. */
function lastAxisStatistics(x: Tensor, epsilon: number): {centred: Tensor; inverse: Tensor} {
  const centred = native2('Sub', x, tf.mean(x, -1, true));
  const variance = tf.mean(native1('Square', centred), -1, true);
  return {centred, inverse: native1('Rsqrt', native2('AddV2', variance, scalar(epsilon)))};
}

const layerNormalisation = operation<{epsilon: number}>('LayerNorm', {
  saves: {inputs: ['x', 'scale']},
  forward: ({x, scale, offset}, {epsilon}) => {
    const {centred, inverse} = lastAxisStatistics(x, epsilon);
    const normalised = native2('Mul', centred, inverse);
    return [native2('AddV2', native2('Mul', normalised, scale), offset)];
  },
  gradient: ([dy], [x, scale], {epsilon}) => {
    const leading = x.shape.map((_, axis) => axis).slice(0, -1);
    const [dx, dScale] = tf.tidy(() => {
      const {centred, inverse} = lastAxisStatistics(x, epsilon);
      const normalised = native2('Mul', centred, inverse);
      const scaled = native2('Mul', dy, scale);
      const product = native2('Mul', scaled, normalised);
      const projection = native2('Mul', normalised, tf.mean(product, -1, true));
      const remainder = native2('Sub', native2('Sub', scaled, tf.mean(scaled, -1, true)), projection);
      return [native2('Mul', inverse, remainder), tf.sum(native2('Mul', dy, normalised), leading)];
    });
    return {x: () => dx, scale: () => dScale, offset: () => tf.sum(dy, leading)};
  },
});

/** Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450). */
export function layerNorm(x: Tensor, scale: Tensor, offset: Tensor, epsilon: number): Tensor {
  return layerNormalisation({x, scale, offset}, {epsilon})[0];
}

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

const matrixFusions: Partial<Record<Activation, string>> = {relu: 'Relu', gelu: 'GeluExact'};

/** Linear layer, bias and activation in one operation, for inference (no gradient). */
export function fusedLinear(x: Tensor, weight: Tensor, bias: Tensor, activation?: Activation): Tensor {
  const fusion = activation && matrixFusions[activation];
  return tf.tidy(() => {
    if (!oneDNN || (activation && !fusion)) {
      const y = linear(x, weight, bias);
      return activation ? activate(y, activation) : y;
    }
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
