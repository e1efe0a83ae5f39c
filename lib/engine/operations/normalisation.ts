import type {Tensor} from '@tensorflow/tfjs-node';
import {inDouble} from '../precision';
import {type Attribute, tf} from '../tensorflow';
import {type Activation, activate, activationNamed} from './activations';
import {executeTyped, slopeAs, typedAs, typeOf} from './bfloat16';
import {
  binary,
  execute,
  flag,
  float,
  floatType,
  hasLabKernels,
  integer,
  operation,
  optional,
  scalar,
  T,
  text,
  unary,
} from './native';
import {add, concat} from './shaping';

interface StatisticsOptions {
  epsilon: number;
  momentum: number;
}

const nativeAttributes = (epsilon: number): Attribute[] => [
  T,
  floatType('U'),
  float('epsilon', epsilon),
  text('data_format', 'NHWC'),
  flag('is_training', true),
];

/** TensorFlow's own, for other devices than the CPU. */
const nativeBatchNorm = operation<StatisticsOptions>('NativeBatchNorm', {
  saves: {inputs: ['x', 'scale'], outputs: [false, false, false, true, true, true]},
  forward: ({x, scale, offset, mean, variance}, {epsilon, momentum}) => {
    const attributes = [...nativeAttributes(epsilon), float('exponential_avg_factor', momentum)];
    return execute('FusedBatchNormV3', attributes, [x, scale, offset, mean, variance], 6);
  },
  gradient: ([dy], [x, scale, ...reserve], {epsilon}) => {
    const [dx, dScale, dOffset] = tf.tidy(() =>
      execute('FusedBatchNormGradV3', nativeAttributes(epsilon), [dy, x, scale, ...reserve], 5).slice(0, 3),
    );
    return slopesOf(scale, dx, dScale, dOffset);
  },
});

/** The running statistics come out of a batch, no slope goes into them. */
const slopesOf = (scale: Tensor, dx: Tensor, dScale: Tensor, dOffset: Tensor) => ({
  x: () => dx,
  scale: () => dScale,
  offset: () => dOffset,
  mean: () => tf.zerosLike(scale),
  variance: () => tf.zerosLike(scale),
});

/** This project's kernel, the residual sum and the activation included. */
const labBatchNorm = (withResidual: boolean) =>
  operation<StatisticsOptions & {activation?: Activation}>(withResidual ? 'ResidualBatchNorm' : 'BatchNorm', {
    saves: {
      inputs: ['x', 'scale', 'offset', ...(withResidual ? ['residual'] : [])],
      outputs: [false, false, false, true, true],
    },
    forward: ({x, scale, offset, mean, variance, residual}, {epsilon, momentum, activation}) => {
      const {inputs, count} = optional('residuals', residual);
      const numbers = [float('epsilon', epsilon), float('momentum', momentum)];
      const given = [x, scale, offset, mean, variance, ...inputs];
      return executeTyped(
        'LabBatchNorm',
        [typeOf('T', x), activationNamed(activation), ...numbers, count],
        given,
        5,
      );
    },
    gradient: ([slope], saved, {activation}) => {
      const [x, scale, offset] = saved;
      const dy = slopeAs(x, slope);
      const [mean, inverse] = saved.slice(-2);
      const {inputs, count} = optional('residuals', withResidual ? saved[3] : undefined);
      const given = [dy, x, scale, offset, mean, inverse, ...inputs];
      const [dx, dScale, dOffset, dResidual] = executeTyped(
        'LabBatchNormGrad',
        [typeOf('T', x), activationNamed(activation), count],
        given,
        3 + inputs.length,
      );
      return {...slopesOf(scale, dx, dScale, dOffset), ...(withResidual && {residual: () => dResidual})};
    },
  });
const [plainBatchNorm, residualBatchNorm] = [labBatchNorm(false), labBatchNorm(true)];

/** The same of two values side by side, which are joined on the way. */
const joining = operation<StatisticsOptions & {activation?: Activation; first: number}>('JoinedBatchNorm', {
  saves: {inputs: ['scale', 'offset'], outputs: [false, false, false, true, true, true]},
  forward: ({first, second, scale, offset, mean, variance}, {epsilon, momentum, activation}) => {
    const numbers = [float('epsilon', epsilon), float('momentum', momentum)];
    const given = [first, second, scale, offset, mean, variance];
    const attributes = [typeOf('T', first), activationNamed(activation), ...numbers];
    return executeTyped('LabJoinedBatchNorm', attributes, given, 6);
  },
  gradient: (slopes, [scale, offset, mean, inverse, joined], {activation, first}) => {
    const [dFirst, dScale, dOffset, dSecond] = executeTyped(
      'LabJoinedBatchNormGrad',
      [typeOf('T', joined), activationNamed(activation), integer('first', first)],
      [slopeAs(joined, slopes[0]), joined, scale, offset, mean, inverse, slopeAs(joined, slopes[5])],
      4,
    );
    const {x: _, ...parameters} = slopesOf(scale, dFirst, dScale, dOffset);
    return {...parameters, first: () => dFirst, second: () => dSecond};
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
  /** Added to what is normalised, before the activation. */
  residual?: Tensor;
  activation?: Activation;
}

export interface BatchNormResult {
  y: Tensor;
  /** The running statistics after this batch. */
  mean: Tensor;
  variance: Tensor;
}

/**
 * Batch normalisation with the batch's own statistics (Ioffe and Szegedy 2015, arXiv:1502.03167), with a residual sum and
 * an activation after it. Returns the output and the running statistics after this batch, the variance unbiased as
 * PyTorch's. Where x is narrow, so is what comes out.
 */
export function batchNorm(
  x: Tensor,
  parameters: BatchNormParameters,
  options: BatchNormOptions,
): BatchNormResult {
  if (inDouble()) return composedBatchNorm(x, parameters, options);
  const {residual: added, activation, ...statistics} = options;
  const residual = added && typedAs(x, added);
  if (!hasLabKernels()) {
    const [y, mean, variance, ...reserve] = nativeBatchNorm({x, ...parameters}, statistics);
    tf.dispose(reserve);
    return {y: finish(y, residual, activation), mean, variance};
  }
  const [y, mean, variance, ...reserve] = residual
    ? residualBatchNorm({x, ...parameters, residual}, {...statistics, activation})
    : plainBatchNorm({x, ...parameters}, {...statistics, activation});
  tf.dispose(reserve);
  return {y, mean, variance};
}

/** Two values side by side on the last axis (`joined`), normalised by `batchNorm`. */
export function joinedBatchNorm(
  [first, second]: [Tensor, Tensor],
  parameters: BatchNormParameters,
  options: Omit<BatchNormOptions, 'residual'>,
): BatchNormResult & {joined: Tensor} {
  if (!hasLabKernels()) {
    const joined = concat([first, second], first.rank - 1);
    return {joined, ...batchNorm(joined, parameters, options)};
  }
  const settings = {...options, first: first.shape[first.rank - 1]};
  const values = {first: typedAs(second, first), second};
  const [y, mean, variance, ...rest] = joining({...values, ...parameters}, settings);
  const joined = rest.pop()!;
  tf.dispose(rest);
  return {joined, y, mean, variance};
}

/** What follows a normalisation. */
const finish = (y: Tensor, residual?: Tensor, activation?: Activation): Tensor =>
  activate(residual ? add(y, residual) : y, activation);

/** The same put together from elementary operations, which TensorFlow has in float64 too. */
export function composedBatchNorm(
  x: Tensor,
  {scale, offset, mean, variance}: BatchNormParameters,
  {epsilon, momentum, residual, activation}: BatchNormOptions,
): BatchNormResult {
  const count = x.size / x.shape[x.rank - 1];
  const batch = tf.moments(x, [...x.shape.keys()].slice(0, -1));
  const inverse = tf.rsqrt(tf.add(batch.variance, epsilon));
  const normalised = tf.mul(tf.sub(x, batch.mean), inverse);
  const y = finish(tf.add(tf.mul(normalised, scale), offset), residual, activation);
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

const composedLayerNorm = operation<{epsilon: number}>('ComposedLayerNorm', {
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

const labLayerNorm = operation<{epsilon: number}>('LayerNorm', {
  saves: {inputs: ['x', 'scale']},
  forward: ({x, scale, offset}, {epsilon}) =>
    execute('LabLayerNorm', [float('epsilon', epsilon)], [x, scale, offset]),
  gradient: ([dy], [x, scale], {epsilon}) => {
    const slopes = execute('LabLayerNormGrad', [float('epsilon', epsilon)], [dy, x, scale], 3);
    return {x: () => slopes[0], scale: () => slopes[1], offset: () => slopes[2]};
  },
});

/** Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450). */
export function layerNorm(x: Tensor, scale: Tensor, offset: Tensor, epsilon: number): Tensor {
  return (hasLabKernels() ? labLayerNorm : composedLayerNorm)({x, scale, offset}, {epsilon})[0];
}
