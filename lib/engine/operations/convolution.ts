import type {Tensor} from '@tensorflow/tfjs-node';
import {releasedAfterNext} from '../gradients';
import {type Attribute, tf} from '../tensorflow';
import {type Activation, activate, activationNamed} from './activations';
import {alike, executeAlike, executeTyped, isNarrow, slopeAs, typedAs, typeOf, widen} from './bfloat16';
import {biasAdd, biasSlopes, hasSlopeAtOutput} from './dense';
import {multiply} from './gating';
import {
  binary,
  flag,
  floatTypes,
  hasBfloat16,
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
import {quickConvolution, quickSlopes} from './quickConvolution';
import {isTiled} from './tiles';
import {checkConvolution, checkResidual, isDilated, labWindow, type WindowMoves} from './window';

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

interface Moves extends WindowMoves {
  /** Whether what comes out may be narrow. */
  narrow: boolean;
}

/**
 * oneDNN's gradients know the paddings SAME and VALID alone (and only they know groups). What is padded otherwise is
 * padded beforehand.
 */
function convolutionKernel(native: string, gradientName: string, extra: Attribute[]): Kernel<Moves> {
  const isDense = native === 'Conv2D';
  return {
    saves: {inputs: ['x', 'filter']},
    forward: ({x, filter}, {narrow, ...window}) => {
      const quick = isDense ? quickConvolution(x, filter, window, {narrow}) : undefined;
      if (quick) return [quick];
      const y = executeAlike(native, [...windowAttributes(window), ...extra], [x, filter]);
      return [narrow ? y : widen(y)];
    },
    gradient: ([slope], [x, filter], {narrow: _, ...window}) => {
      const dy = isDense && isTiled(x, filter, window) ? slope : slopeAs(filter, slope);
      const quick = isDense ? quickSlopes(x, filter, dy, window) : {};
      const same = isSame(window, x, filter);
      const attributes = [...windowAttributes(window, same ? 'SAME' : 'VALID'), ...extra];
      const [top, bottom, left, right] = window.padding;
      const [batch, height, width, channels] = x.shape;
      const around = [batch, height + top + bottom, width + left + right, channels];
      const toInput = () => {
        const inputs = [shapeTensor(same ? x.shape : around), filter, dy];
        const dx = executeAlike(`${gradientName}Input`, attributes, inputs);
        return typedAs(x, same ? dx : crop(widen(dx), window.padding, x.shape));
      };
      const toFilter = () => {
        const inputs = [same ? x : padOperand(x, window.padding), shapeTensor(filter.shape), dy];
        return widen(executeAlike(`${gradientName}Filter`, attributes, inputs));
      };
      return {x: quick.x ?? toInput, filter: quick.filter ?? toFilter};
    },
  };
}

const denseKernel = convolutionKernel('Conv2D', 'Conv2DBackprop', [flag('use_cudnn_on_gpu', true)]);
const convolution = operation('Convolution', denseKernel);

/** With the bias and the activation in the same pass. */
const activatedConvolution = operation<WindowMoves & {activation: Activation}>('ActivatedConvolution', {
  saves: {inputs: ['x', 'filter'], outputs: [true]},
  forward: ({x, filter, bias}, {activation, ...window}) => [
    fusedConv2d(x, filter, bias, window, {activation}),
  ],
  gradient: ([dy], [x, filter, y], {activation, ...window}) => {
    const {parts, biases} = biasSlopes(dy, y, {widths: [y.shape[3]!], activation});
    const slopes = denseKernel.gradient!([releasedAfterNext(parts[0])], [x, filter], {
      ...window,
      narrow: false,
    });
    return {...slopes, bias: () => biases[0]};
  },
});
const nativeDepthwise = operation(
  'NativeDepthwiseConvolution',
  convolutionKernel('DepthwiseConv2dNative', 'DepthwiseConv2dNativeBackprop', []),
);

const labDepthwise = operation<WindowMoves>('DepthwiseConvolution', {
  saves: {inputs: ['x', 'filter']},
  forward: ({x, filter}, window) => runDepthwise(x, filter, window),
  gradient: ([slope], [x, filter], window) => {
    const dy = slopeAs(x, slope);
    const attributes = [typeOf('T', x), ...labWindow(window)];
    return {
      x: () => executeTyped('LabDepthwiseGradInput', attributes, [dy, x, filter])[0],
      filter: () => executeTyped('LabDepthwiseGradFilter', attributes, [dy, x, filter])[0],
    };
  },
});

/** What comes out is narrow where x is. */
function runDepthwise(
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  bias?: Tensor,
  activation?: Activation,
): Tensor[] {
  const {inputs, count} = optional('biases', bias);
  const attributes = [typeOf('T', x), ...labWindow(window), activationNamed(activation), count];
  return executeTyped('LabDepthwise', attributes, [x, filter, ...inputs]);
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
 * bfloat16, and what comes out may be narrow if that is wanted. Throws a LabError that names the value when window,
 * filter and image do not go together.
 */
export function conv2d(
  x: Tensor,
  filter: Tensor,
  window: WindowMoves,
  {isDepthwise = false, narrow = false}: {isDepthwise?: boolean; narrow?: boolean} = {},
): Tensor {
  checkConvolution(x, filter, window, isDepthwise);
  // Only oneDNN has the gradients of a dilated convolution, and nobody those of a depthwise one.
  if (isDilated(window) && (isDepthwise || !hasOneDNN())) {
    const undilated: WindowMoves = {...window, dilations: [1, 1]};
    return conv2d(x, spread(filter, window.dilations), undilated, {isDepthwise, narrow});
  }
  if (!isDepthwise) return grouped(x, filter, {...window, narrow: narrow && hasBfloat16()});
  if (!hasLabKernels() || filter.shape[3] !== 1) {
    return nativeDepthwise({x: widen(x), filter}, {...window, narrow: false})[0];
  }
  return labDepthwise({x: narrow ? x : widen(x), filter}, window)[0];
}

/** An image as a convolution without groups, or one of oneDNN's, takes it. */
const multiplied = (x: Tensor, filter: Tensor, window: WindowMoves): Tensor =>
  isTiled(x, filter, window) ? x : alike(x, filter);

function grouped(x: Tensor, filter: Tensor, window: Moves): Tensor {
  const groups = x.shape[3]! / filter.shape[2]!;
  if (groups === 1 || hasOneDNN()) return convolution({x: multiplied(x, filter, window), filter}, window)[0];
  const filters = tf.split(filter, groups, 3);
  const parts = tf
    .split(x, groups, 3)
    .map((part, i) => convolution({x: part, filter: filters[i]}, window)[0]);
  return tf.concat(parts, 3);
}

export interface BiasedOptions {
  isDepthwise?: boolean;
  activation?: Activation;
}

/** `conv2d` with a bias and an activation after it. Where the filter is narrow, what comes out may be. */
export function biasedConv2d(
  x: Tensor,
  filter: Tensor,
  bias: Tensor,
  window: WindowMoves,
  {isDepthwise = false, activation}: BiasedOptions = {},
): Tensor {
  const isDense = !isDepthwise && filter.shape[2] === x.shape[3];
  if (!isDense || isDilated(window) || !activation || !hasSlopeAtOutput(activation)) {
    const y = conv2d(x, filter, window, {isDepthwise, narrow: activation !== undefined});
    return biasAdd(y, bias, activation);
  }
  checkConvolution(x, filter, window, isDepthwise);
  return activatedConvolution({x: multiplied(x, filter, window), filter, bias}, {...window, activation})[0];
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
  /** By which x is multiplied before, [batch, 1, 1, channels]. */
  gate?: Tensor;
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
  {gate, ...options}: FusedOptions = {},
): Tensor {
  const {isDepthwise = false, residual, activation} = options;
  checkConvolution(x, filter, window, isDepthwise);
  if (gate && (isDepthwise || !isTiled(x, filter, window))) {
    return tf.tidy(() => fusedConv2d(multiply(x, gate), filter, bias, window, options));
  }
  if (residual) checkResidual(residual, x, filter, window, isDepthwise);
  return tf.tidy(() => {
    if (isDepthwise && !isDilated(window) && hasLabKernels() && filter.shape[3] === 1 && !residual) {
      return runDepthwise(x, filter, window, bias, activation)[0];
    }
    const quick = isDepthwise
      ? undefined
      : quickConvolution(x, filter, window, {bias, residual, activation, gate, narrow: true});
    if (quick) return quick;
    if (!hasOneDNN() || isDepthwise) {
      const y = biasAdd(conv2d(x, filter, window, {isDepthwise}), bias, residual ? undefined : activation);
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
