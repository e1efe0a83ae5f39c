import type {Tensor} from '@tensorflow/tfjs-node';
import {type Attribute, tf} from '../tensorflow';
import {executeTyped, typeOf, widen} from './bfloat16';
import {
  binary,
  execute,
  flag,
  hasLabKernels,
  hasOneDNN,
  integer,
  oneDNNKernel,
  operation,
  operationWithMemory,
  scalar,
  shapeTensor,
  T,
  text,
} from './native';
import {pad} from './padding';
import {checkWindow, labWindow, type WindowMoves} from './window';

interface PoolOptions {
  size: [number, number];
  strides: [number, number];
}

const poolAttributes = ({size, strides}: PoolOptions): Attribute[] => [
  T,
  integer('ksize', [1, ...size, 1]),
  integer('strides', [1, ...strides, 1]),
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

/** oneDNN notes where each maximum stood, which makes its gradient four times as fast as TensorFlow's own. */
const notedMaxPooling = operationWithMemory<PoolOptions>({
  forward: ({x}, options) => {
    const [y, places] = execute('_MklNativeMaxPool', notedAttributes(options), [x], 2);
    return [y, y, places];
  },
  gradient: ([dy], [x, y, places], options) => ({
    x: () => execute('_MklNativeMaxPoolGrad', notedAttributes(options), [x, y, dy, places])[0],
  }),
});

const notedAttributes = (options: PoolOptions): Attribute[] => [
  ...poolAttributes(options),
  flag('workspace_enabled', true),
  oneDNNKernel,
];

const averagePooling = operation<PoolOptions & {inputShape: number[]}>('AveragePool', {
  forward: ({x}, options) => execute('AvgPool', poolAttributes(options), [x]),
  gradient: ([dy], _saved, options) => ({
    x: () => execute('AvgPoolGrad', poolAttributes(options), [shapeTensor(options.inputShape), dy])[0],
  }),
});

/** Both without gradients, in one pass; what comes out is narrow where x is. */
function pooled(
  x: Tensor,
  size: [number, number],
  window: Omit<WindowMoves, 'dilations'>,
  isMean: boolean,
): Tensor {
  const attributes = [
    typeOf('T', x),
    ...labWindow(window),
    integer('size', size),
    integer('mean', isMean ? 1 : 0),
  ];
  return executeTyped('LabPool', attributes, [x])[0];
}

/**
 * Largest value of each window; what `padding` adds never wins. Without `gradient` it takes less time. Throws a
 * LabError that names the value when the window cannot be moved over the image.
 */
export function maxPool(
  x: Tensor,
  size: [number, number],
  {strides, padding}: Omit<WindowMoves, 'dilations'>,
  {gradient = true} = {},
): Tensor {
  checkWindow(x, size, {strides, padding});
  if (hasLabKernels() && !gradient) return pooled(x, size, {strides, padding}, false);
  const padded = pad(widen(x), padding, -Infinity);
  if (hasOneDNN() && gradient) return notedMaxPooling({x: padded}, {size, strides});
  return maxPooling({x: padded}, {size, strides})[0];
}

/**
 * Mean of each window; the zeros that `padding` adds count, as in PyTorch's default. Throws a LabError that names the
 * value when the window cannot be moved over the image.
 */
export function averagePool(
  x: Tensor,
  size: [number, number],
  {strides, padding}: Omit<WindowMoves, 'dilations'>,
  {gradient = true} = {},
): Tensor {
  checkWindow(x, size, {strides, padding});
  if (hasLabKernels() && !gradient) return pooled(x, size, {strides, padding}, true);
  const padded = pad(widen(x), padding);
  return averagePooling({x: padded}, {size, strides, inputShape: padded.shape})[0];
}

const globalMean = operation<{inputShape: number[]; keepDims: boolean}>('GlobalAverage', {
  forward: ({x}, {keepDims}) => {
    if (!hasLabKernels()) return [tf.mean(widen(x), [1, 2], keepDims)];
    const [y] = executeTyped('LabGlobalAverage', [typeOf('T', x)], [x]);
    return [keepDims ? y : y.reshape([x.shape[0], x.shape[3]!])];
  },
  gradient: ([dy], _saved, {inputShape}) => ({
    x: () => {
      const [batch, height, width, channels] = inputShape;
      const share = binary('Mul', dy.reshape([batch, 1, 1, channels]), scalar(1 / (height * width)));
      return tf.broadcastTo(share, inputShape);
    },
  }),
});

/** Mean over height and width: [batch, channels], or [batch, 1, 1, channels] with `keepDims`. */
export function globalAverage(x: Tensor, keepDims = false): Tensor {
  return globalMean({x}, {inputShape: x.shape, keepDims})[0];
}
