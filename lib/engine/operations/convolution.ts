import type {Tensor} from '@tensorflow/tfjs-node';
import {type Attribute, tf} from '../tensorflow';
import {type Activation, activate, activationNamed} from './activations';
import {alike, executeAlike, isNarrow, reshaped, slopeAlike, widen} from './bfloat16';
import {biasAdd, matMul} from './dense';
import {
  binary,
  execute,
  flag,
  floatTypes,
  hasLabProducts,
  hasLabKernels,
  hasOneDNN,
  integer,
  integerType,
  type Kernel,
  oneDNNKernel,
  operation,
  optional,
  shapeTensor,
  T,
  text,
} from './native';
import {pad, type Padding, samePadding} from './padding';
import {isProductInLab, product} from './product';
import {checkConvolution, checkResidual, type WindowMoves} from './window';

const everyAxis = (pair: readonly number[]): number[] => [1, pair[0], pair[1], 1];

function windowAttributes({strides, padding, dilations}: WindowMoves, named?: 'SAME' | 'VALID'): Attribute[] {
  const padded = padding.some((amount) => amount > 0);
  return [
    T,
    integer('strides', everyAxis(strides)),
    text('padding', named ?? (padded ? 'EXPLICIT' : 'VALID')),
    ...(padded && !named ? [integer('explicit_paddings', [0, 0, ...padding, 0, 0])] : []),
    text('data_format', 'NHWC'),
    integer('dilations', everyAxis(dilations)),
  ];
}

/** Whether TensorFlow's padding SAME adds just these rows and columns. */
function isSame({strides, padding, dilations}: WindowMoves, x: Tensor, filter: Tensor): boolean {
  return [0, 1].every((axis) => {
    const reach = (filter.shape[axis] - 1) * dilations[axis] + 1;
    const [before, after] = samePadding(x.shape[axis + 1], reach, strides[axis]);
    return padding[2 * axis] === before && padding[2 * axis + 1] === after;
  });
}

/** A 1x1 convolution of every place, without groups, is a matrix product, which has the quicker gradient. */
const isPointwise = ({strides, padding}: WindowMoves, x: Tensor, filter: Tensor): boolean =>
  [filter.shape[0], filter.shape[1], ...strides].every((length) => length === 1) &&
  padding.every((amount) => amount === 0) &&
  filter.shape[2] === x.shape[3];

function pointwiseFilterGradient(x: Tensor, filter: Tensor, dy: Tensor): Tensor {
  const [, , channels, out] = filter.shape;
  return tf.tidy(() =>
    matMul(reshaped(x, [-1, channels]), reshaped(dy, [-1, out]), true, false).reshape(filter.shape),
  );
}

/** Rows and columns of zeros around an operand (no gradient). */
function padOperand(x: Tensor, padding: Padding): Tensor {
  if (!isNarrow(x)) return pad(x, padding);
  const [top, bottom, left, right] = padding;
  const paddings = tf.tensor2d([0, 0, top, bottom, left, right, 0, 0], [4, 2], 'int32');
  return executeAlike('Pad', [T, integerType('Tpaddings')], [x, paddings]);
}

/** Undoes `pad`. */
function crop(x: Tensor, [top, , left]: Padding, shape: readonly number[]): Tensor {
  return tf.slice(x, [0, top, left, 0], [...shape]);
}

const labWindow = ({strides, padding}: WindowMoves): Attribute[] => [
  integer('strides', strides),
  integer('padding', padding),
];

const isDilated = ({dilations}: WindowMoves): boolean => dilations.some((dilation) => dilation > 1);

/** Whether the kernels of `lib/engine/kernels` for convolutions without groups and dilation are to be taken. */
const runsInLab = (window: WindowMoves, x: Tensor, filter: Tensor): boolean =>
  hasLabProducts() && !isNarrow(filter) && filter.shape[2] === x.shape[3] && !isDilated(window);

function labFilterGradient(x: Tensor, filter: Tensor, dy: Tensor, window: WindowMoves): Tensor {
  const attributes = [...labWindow(window), integer('filter', filter.shape.slice(0, 2))];
  return execute('LabConvolutionGradFilter', attributes, [dy, x])[0];
}

/**
 * Whether minimal filtering is to be taken. With fewer channels its transformations cost more than they save, and with
 * fewer tiles of 4x4 places of output the filter's does.
 */
function isMinimal(window: WindowMoves, x: Tensor, filter: Tensor): boolean {
  const [height, width, channels, out] = filter.shape;
  const [batch, rows, columns] = x.shape;
  const {strides, padding} = window;
  if (height !== 3 || width !== 3 || strides[0] !== 1 || strides[1] !== 1) return false;
  if (Math.min(channels, out) < 32 || padding.some((amount) => amount > 2)) return false;
  const across = (length: number, around: number): number => Math.ceil((length + around - 2) / 4);
  const tiles = batch * across(rows, padding[0] + padding[1]) * across(columns, padding[2] + padding[3]);
  return tiles >= 16 && runsInLab(window, x, filter);
}

interface Epilogue extends Pick<FusedOptions, 'residual' | 'activation'> {
  bias?: Tensor;
}

interface MinimalOptions extends Epilogue {
  /** Whether the filter is turned and its channels are for one another, which gives the gradient of the input. */
  turned?: boolean;
}

function minimal(x: Tensor, filter: Tensor, padding: Padding, options: MinimalOptions = {}): Tensor {
  const biases = optional('biases', options.bias);
  const residuals = optional('residuals', options.residual);
  const attributes = [
    integer('padding', padding),
    integer('turned', options.turned ? 1 : 0),
    activationNamed(options.activation),
    biases.count,
    residuals.count,
  ];
  return execute('LabWinograd', attributes, [x, filter, ...biases.inputs, ...residuals.inputs])[0];
}

/** A convolution by this project's kernels, where they are to be taken. */
function quicker(
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  epilogue: Epilogue = {},
): Tensor | undefined {
  if (isMinimal(window, x, filter)) return minimal(x, filter, window.padding, epilogue);
  if (!isPointwise(window, x, filter) || !isProductInLab(x, filter)) return undefined;
  return product(x, filter, {...epilogue, transposed: false});
}

function minimalGradients(
  x: Tensor,
  filter: Tensor,
  dy: Tensor,
  padding: Padding,
): Record<string, () => Tensor> {
  const around = padding.map((amount) => 2 - amount) as Padding;
  return {
    x: () => minimal(dy, filter, around, {turned: true}),
    filter: () => execute('LabWinogradGradFilter', [integer('padding', padding)], [dy, x])[0],
  };
}

/**
 * oneDNN's gradients know the paddings SAME and VALID alone (and only they know groups). What is padded otherwise is
 * padded beforehand.
 */
function convolutionKernel(native: string, gradientName: string, extra: Attribute[]): Kernel<WindowMoves> {
  return {
    saves: {inputs: ['x', 'filter']},
    forward: ({x, filter}, window) => [
      (native === 'Conv2D' ? quicker(x, filter, window) : undefined) ??
        widen(executeAlike(native, [...windowAttributes(window), ...extra], [x, filter])),
    ],
    gradient: ([slope], [x, filter], window) => {
      const dy = slopeAlike(slope, filter);
      if (native === 'Conv2D' && isMinimal(window, x, filter))
        return minimalGradients(x, filter, dy, window.padding);
      const same = isSame(window, x, filter);
      const attributes = [...windowAttributes(window, same ? 'SAME' : 'VALID'), ...extra];
      const [top, bottom, left, right] = window.padding;
      const [batch, height, width, channels] = x.shape;
      const around = [batch, height + top + bottom, width + left + right, channels];
      return {
        x: () => {
          if (native === 'Conv2D' && isPointwise(window, x, filter) && isProductInLab(dy, filter))
            return product(dy, filter, {transposed: true});
          const inputs = [shapeTensor(same ? x.shape : around), filter, dy];
          const dx = widen(executeAlike(`${gradientName}Input`, attributes, inputs));
          return same ? dx : crop(dx, window.padding, x.shape);
        },
        filter: () => {
          if (native === 'Conv2D' && isPointwise(window, x, filter))
            return pointwiseFilterGradient(x, filter, dy);
          if (native === 'Conv2D' && runsInLab(window, x, filter))
            return labFilterGradient(x, filter, dy, window);
          const inputs = [same ? x : padOperand(x, window.padding), shapeTensor(filter.shape), dy];
          return widen(executeAlike(`${gradientName}Filter`, attributes, inputs));
        },
      };
    },
  };
}

const convolution = operation(
  'Convolution',
  convolutionKernel('Conv2D', 'Conv2DBackprop', [flag('use_cudnn_on_gpu', true)]),
);
const nativeDepthwise = operation(
  'NativeDepthwiseConvolution',
  convolutionKernel('DepthwiseConv2dNative', 'DepthwiseConv2dNativeBackprop', []),
);

const labDepthwise = operation<WindowMoves>('DepthwiseConvolution', {
  saves: {inputs: ['x', 'filter']},
  forward: ({x, filter}, window) => runDepthwise(x, filter, window),
  gradient: ([dy], [x, filter], window) => ({
    x: () => execute('LabDepthwiseGradInput', labWindow(window), [dy, x, filter])[0],
    filter: () => execute('LabDepthwiseGradFilter', labWindow(window), [dy, x, filter])[0],
  }),
});

function runDepthwise(
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  bias?: Tensor,
  activation?: Activation,
): Tensor[] {
  const {inputs, count} = optional('biases', bias);
  const attributes = [...labWindow(window), activationNamed(activation), count];
  return execute('LabDepthwise', attributes, [x, filter, ...inputs]);
}

/** The filter with zeros between its places: without dilation it does what the given one does with it. */
function spread(filter: Tensor, [dilationY, dilationX]: readonly number[]): Tensor {
  const [height, width, channels, out] = filter.shape as [number, number, number, number];
  const [reachY, reachX] = [(height - 1) * dilationY + 1, (width - 1) * dilationX + 1];
  const between = (dilation: number): [number, number][] => [
    [0, 0],
    [0, dilation - 1],
    [0, 0],
  ];
  const rows = tf.pad(filter.reshape([height, 1, width * channels * out]), between(dilationY));
  const tall = tf.slice(rows.reshape([height * dilationY, -1]), [0, 0], [reachY, -1]);
  const columns = tf.pad(tall.reshape([reachY * width, 1, channels * out]), between(dilationX));
  const whole = columns.reshape([reachY, width * dilationX, channels, out]);
  return tf.slice(whole, [0, 0, 0, 0], [reachY, reachX, channels, out]);
}

/**
 * Convolution without bias. `filter` is [height, width, in / groups, out] (the number of groups follows from its
 * shape), or [height, width, channels, multiplier] when `isDepthwise`. Where the filter is narrow, it is computed in
 * bfloat16. Throws a LabError that names the value when window, filter and image do not go together.
 */
export function conv2d(x: Tensor, filter: Tensor, window: WindowMoves, isDepthwise = false): Tensor {
  checkConvolution(x, filter, window, isDepthwise);
  // Only oneDNN has the gradients of a dilated convolution, and nobody those of a depthwise one.
  if (isDilated(window) && (isDepthwise || !hasOneDNN())) {
    const undilated: WindowMoves = {...window, dilations: [1, 1]};
    return conv2d(x, spread(filter, window.dilations), undilated, isDepthwise);
  }
  if (!isDepthwise) return grouped(x, filter, window);
  const isSingle = hasLabKernels() && filter.shape[3] === 1;
  return (isSingle ? labDepthwise : nativeDepthwise)({x, filter}, window)[0];
}

function grouped(x: Tensor, filter: Tensor, window: WindowMoves): Tensor {
  const groups = x.shape[3]! / filter.shape[2]!;
  if (groups === 1 || hasOneDNN()) return convolution({x: alike(x, filter), filter}, window)[0];
  const filters = tf.split(filter, groups, 3);
  const parts = tf
    .split(x, groups, 3)
    .map((part, i) => convolution({x: part, filter: filters[i]}, window)[0]);
  return tf.concat(parts, 3);
}

/** Activations that oneDNN computes inside a convolution, under TensorFlow's names for them. */
const fusions: Record<'plain' | 'residual', Partial<Record<Activation, string>>> = {
  plain: {relu: 'Relu', relu6: 'Relu6', hardswish: '_FusedHardSwish', silu: '_MklSwish'},
  residual: {relu: 'Relu'},
};

export interface FusedOptions {
  isDepthwise?: boolean;
  /** Added before the activation; of the output's shape. */
  residual?: Tensor;
  activation?: Activation;
}

/**
 * Convolution, bias, residual sum and activation in one pass over memory, for inference (no gradient). What oneDNN
 * cannot fuse runs as separate operations. Where the filter is narrow, x and residual may be so, and what comes out may
 * be. Throws a LabError as `conv2d` does.
 */
export function fusedConv2d(
  x: Tensor,
  filter: Tensor,
  bias: Tensor,
  window: WindowMoves,
  {isDepthwise = false, residual, activation}: FusedOptions = {},
): Tensor {
  checkConvolution(x, filter, window, isDepthwise);
  if (residual) checkResidual(residual, x, filter, window, isDepthwise);
  return tf.tidy(() => {
    if (isDepthwise && !isDilated(window) && hasLabKernels() && filter.shape[3] === 1 && !residual) {
      return runDepthwise(x, filter, window, bias, activation)[0];
    }
    const found = isDepthwise ? undefined : quicker(x, filter, window, {bias, residual, activation});
    if (found) return found;
    if (!hasOneDNN() || isDepthwise) {
      const y = biasAdd(conv2d(x, filter, window, isDepthwise), bias, residual ? undefined : activation);
      return residual ? activate(binary('AddV2', y, widen(residual)), activation) : y;
    }
    const fusion = activation && fusions[residual ? 'residual' : 'plain'][activation];
    const sums = residual ? ['BiasAdd', 'Add'] : ['BiasAdd'];
    const attributes = [
      ...windowAttributes(window),
      integer('num_args', sums.length),
      floatTypes('TArgs', sums.length),
      text('fused_ops', fusion ? [...sums, fusion] : sums),
      oneDNNKernel,
    ];
    const inputs = [x, filter, bias, ...(residual ? [residual] : [])];
    const y = executeAlike('_MklNativeFusedConv2D', attributes, inputs);
    return fusion || !activation ? y : activate(widen(y), activation);
  });
}
