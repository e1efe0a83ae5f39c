import type {Tensor} from '@tensorflow/tfjs-node';
import {inDouble} from '../precision';
import {type Attribute, tf} from '../tensorflow';
import {type Activation, activate} from './activations';
import {
  binary,
  execute,
  flag,
  float,
  floatType,
  hasOneDNN,
  integer,
  oneDNNKernel,
  operation,
  scalar,
  T,
  text,
  unary,
} from './native';

interface FusedOptions {
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

const fusedBatchNorm = operation<FusedOptions>('BatchNorm', {
  saves: {inputs: ['x', 'scale'], outputs: [true, false, false, true, true, true]},
  forward: ({x, scale, offset, mean, variance}, {epsilon, momentum, activation}) => {
    const attributes = [...batchNormAttributes(epsilon, true), float('exponential_avg_factor', momentum)];
    const inputs = [x, scale, offset, mean, variance];
    if (hasOneDNN() && activation === 'relu') {
      const fused = [integer('num_side_inputs', 0), text('activation_mode', 'Relu'), oneDNNKernel];
      return execute('_MklNativeFusedBatchNormEx', [...attributes, ...fused], inputs, 6);
    }
    const [y, ...statistics] = execute('FusedBatchNormV3', attributes, inputs, 6);
    return [activate(y, activation ?? undefined), ...statistics];
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

export interface BatchNormOptions {
  epsilon: number;
  /** Share of the batch's statistics in the new running ones. */
  momentum: number;
  activation?: Activation;
}

export interface BatchNormResult {
  y: Tensor;
  /** The running statistics after this batch. */
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
  options: BatchNormOptions,
): BatchNormResult {
  if (inDouble()) return composedBatchNorm(x, parameters, options);
  const {epsilon, momentum, activation} = options;
  const fused = activation === 'relu' || activation === 'relu6' ? activation : null;
  const [y, mean, variance, ...reserve] = fusedBatchNorm(
    {x, ...parameters},
    {epsilon, momentum, activation: fused},
  );
  tf.dispose(reserve);
  return {y: fused ? y : activate(y, activation), mean, variance};
}

/** The same put together from elementary operations, which TensorFlow has in float64 too. */
export function composedBatchNorm(
  x: Tensor,
  {scale, offset, mean, variance}: BatchNormParameters,
  {epsilon, momentum, activation}: BatchNormOptions,
): BatchNormResult {
  const count = x.size / x.shape[x.rank - 1];
  const batch = tf.moments(x, [...x.shape.keys()].slice(0, -1));
  const inverse = tf.rsqrt(tf.add(batch.variance, epsilon));
  const normalised = tf.mul(tf.sub(x, batch.mean), inverse);
  const y = activate(tf.add(tf.mul(normalised, scale), offset), activation);
  const towards = (old: Tensor, fresh: Tensor): Tensor =>
    tf.add(tf.mul(old, 1 - momentum), tf.mul(fresh, momentum));
  const unbiased = tf.mul(batch.variance, count / (count - 1));
  return {y, mean: towards(mean, batch.mean), variance: towards(variance, unbiased)};
}

/** Mean and reciprocal standard deviation over the last axis. */
function lastAxisStatistics(x: Tensor, epsilon: number): {centred: Tensor; inverse: Tensor} {
  const centred = binary('Sub', x, tf.mean(x, -1, true));
  const variance = tf.mean(unary('Square', centred), -1, true);
  return {centred, inverse: unary('Rsqrt', binary('AddV2', variance, scalar(epsilon)))};
}

const layerNormalisation = operation<{epsilon: number}>('LayerNorm', {
  saves: {inputs: ['x', 'scale']},
  forward: ({x, scale, offset}, {epsilon}) => {
    const {centred, inverse} = lastAxisStatistics(x, epsilon);
    const normalised = binary('Mul', centred, inverse);
    return [binary('AddV2', binary('Mul', normalised, scale), offset)];
  },
  gradient: ([dy], [x, scale], {epsilon}) => {
    const leading = [...x.shape.keys()].slice(0, -1);
    const [dx, dScale] = tf.tidy((): Tensor[] => {
      const {centred, inverse} = lastAxisStatistics(x, epsilon);
      const normalised = binary('Mul', centred, inverse);
      const scaled = binary('Mul', dy, scale);
      const product = binary('Mul', scaled, normalised);
      const projection = binary('Mul', normalised, tf.mean(product, -1, true));
      const remainder = binary('Sub', binary('Sub', scaled, tf.mean(scaled, -1, true)), projection);
      return [binary('Mul', inverse, remainder), tf.sum(binary('Mul', dy, normalised), leading)];
    });
    return {x: () => dx, scale: () => dScale, offset: (): Tensor => tf.sum(dy, leading)};
  },
});

/** Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450). */
export function layerNorm(x: Tensor, scale: Tensor, offset: Tensor, epsilon: number): Tensor {
  return layerNormalisation({x, scale, offset}, {epsilon})[0];
}
