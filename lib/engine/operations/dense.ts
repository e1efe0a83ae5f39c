import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {type Activation, activate, activationNamed} from './activations';
import {
  alike,
  executeAlike,
  executeTyped,
  isNarrow,
  reshaped,
  slopeAs,
  typedAs,
  typeOf,
  widen,
} from './bfloat16';
import {
  binary,
  execute,
  flag,
  hasLabKernels,
  hasOneDNN,
  integer,
  oneDNNKernel,
  operation,
  optional,
  T,
  text,
} from './native';
import {fewRows, isProductInLab, product} from './product';
import {add, concat, reshape} from './shaping';
import {tiledWeightSlope} from './tiles';

const biasSlope = (dy: Tensor): Tensor =>
  hasLabKernels()
    ? execute('LabBiasGrad', [typeOf('T', dy)], [dy])[0]
    : execute('BiasAddGrad', [T, text('data_format', 'NHWC')], [dy])[0];

const plainBias = operation<object>('PlainBias', {
  forward: ({x, bias}) => execute('BiasAdd', [T, text('data_format', 'NHWC')], [x, bias]),
  gradient: ([dy]) => ({
    x: () => dy.clone(),
    bias: () => biasSlope(dy),
  }),
});

interface Activated {
  activation?: Activation;
}

const biasInOnePass = operation<Activated>('AddBias', {
  saves: {inputs: ['x', 'bias']},
  forward: ({x, bias}, {activation}) => addedBiases([x], [bias], activation),
  gradient: ([dy], [x, bias], {activation}) => {
    const {parts, biases} = biasSlopes(dy, x, {widths: [bias.size], bias, activation});
    return {x: () => parts[0], bias: () => biases[0]};
  },
});

/** Activations that have the same slope at their output as at what they were given. */
const slopesAtOutput: ReadonlySet<Activation> = new Set(['relu', 'relu6']);

/** Whether the slope in what an activation was given follows from what came out of it. */
export const hasSlopeAtOutput = (activation?: Activation): boolean =>
  activation !== undefined && slopesAtOutput.has(activation) && hasLabKernels();

/** Keeps the output, which the next layer keeps anyway, in place of what was given. */
const biasesByOutput = operation<Activated & {widths: number[]}>('AddBiasesByOutput', {
  saves: {outputs: [true]},
  forward: (inputs, {activation, widths}) => {
    const named = (name: string): Tensor[] => widths.map((_, part) => inputs[`${name}${part}`]);
    return addedBiases(named('x'), named('bias'), activation);
  },
  gradient: ([dy], [y], options) => {
    const {parts, biases} = biasSlopes(dy, y, options);
    return Object.fromEntries(
      parts.flatMap((part, i) => [
        [`x${i}`, () => part],
        [`bias${i}`, () => biases[i]],
      ]),
    );
  },
});

function addedBiases(
  parts: readonly Tensor[],
  biases: readonly Tensor[],
  activation?: Activation,
  factor?: Tensor,
): Tensor[] {
  const {inputs, count} = optional('factors', factor);
  const attributes = [typeOf('T', parts[0]), integer('parts', parts.length), activationNamed(activation)];
  return executeTyped('LabAddBias', [...attributes, count], [...parts, ...biases, ...inputs]);
}

interface SlopeOptions extends Activated {
  /** How many channels each part has. */
  widths: number[];
  /** Where `given` is what came before the bias, and not what came out. */
  bias?: Tensor;
}

/** The slopes in what had a bias added, and in the biases. */
export function biasSlopes(slope: Tensor, given: Tensor, {widths, bias, activation}: SlopeOptions) {
  const {inputs, count} = optional('biases', bias);
  const numbers = [integer('parts', widths.length), integer('widths', widths)];
  const attributes = [typeOf('T', given), ...numbers, activationNamed(activation), count];
  const operands = [slopeAs(given, slope), given, ...inputs];
  const slopes = executeTyped('LabAddBiasGrad', attributes, operands, 2 * widths.length);
  return {parts: slopes.slice(0, widths.length), biases: slopes.slice(widths.length)};
}

/** Adds a vector to the last axis, with an activation after it. What comes out is narrow where x is. */
export function biasAdd(x: Tensor, bias: Tensor, activation?: Activation): Tensor {
  if (hasSlopeAtOutput(activation)) return joinedBiasAdd([x], [bias], activation);
  if ((!activation && !isNarrow(x)) || !hasLabKernels())
    return activate(plainBias({x, bias}, {})[0], activation);
  return biasInOnePass({x, bias}, {activation})[0];
}

/** `biasAdd` of values side by side on the last axis, each with its own bias. */
export function joinedBiasAdd(
  parts: readonly Tensor[],
  biases: readonly Tensor[],
  activation?: Activation,
): Tensor {
  if (!hasSlopeAtOutput(activation)) {
    const added = parts.map((part, i) => biasAdd(part, biases[i], activation));
    return concat(added, parts[0].rank - 1);
  }
  const given = parts.flatMap((part, i) => [
    [`x${i}`, typedAs(parts[0], part)],
    [`bias${i}`, biases[i]],
  ]);
  const widths = biases.map(({size}) => size);
  return biasesByOutput(Object.fromEntries(given) as Record<string, Tensor>, {activation, widths})[0];
}

/** x * factor + shift over the last axis with an activation after it, for inference (no gradient). */
export function affine(x: Tensor, factor: Tensor, shift: Tensor, activation?: Activation): Tensor {
  if (!hasLabKernels())
    return tf.tidy(() => activate(binary('AddV2', binary('Mul', x, factor), shift), activation));
  return addedBiases([x], [shift], activation, factor)[0];
}

/** Two values side by side on the last axis (`joined`), and their `affine` (no gradient). */
export function joinedAffine(
  [first, second]: [Tensor, Tensor],
  factor: Tensor,
  shift: Tensor,
  activation?: Activation,
): {joined: Tensor; y: Tensor} {
  if (!hasLabKernels()) {
    const joined = concat([first, second], first.rank - 1);
    return {joined, y: affine(joined, factor, shift, activation)};
  }
  const given = [typedAs(second, first), second, factor, shift];
  const attributes = [typeOf('T', second), activationNamed(activation)];
  const [y, joined] = executeTyped('LabJoinedAffine', attributes, given, 2);
  return {joined, y};
}

/** A matrix product in float32, whether its operands are narrow or not (no gradient). */
export const matMul = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
  tf.tidy(() => {
    const transposes = [flag('transpose_a', transposeA), flag('transpose_b', transposeB)];
    return widen(executeAlike('MatMul', [T, ...transposes], [a, b]));
  });

/** Rows [count, in] by weights [out, in], by TensorFlow. */
function rowsByWeight(rows: Tensor, weight: Tensor): Tensor {
  if (rows.shape[0] >= fewRows) return matMul(rows, weight, false, true);
  return tf.tidy(() => tf.transpose(matMul(weight, rows, false, true)));
}

function layerSlopes(slope: Tensor, x: Tensor, weight: Tensor) {
  if (isNarrow(weight) && isProductInLab(x, weight)) {
    return {
      x: () => product(slope, weight, {transposed: false, narrow: isNarrow(x)}),
      weight: () => tiledWeightSlope(x, slope),
    };
  }
  const dy = slopeAs(weight, slope);
  const [out, width] = weight.shape;
  return {
    x: () =>
      isProductInLab(dy, weight)
        ? product(dy, weight, {transposed: false})
        : matMul(dy, weight, false, false),
    weight: () => tf.tidy(() => matMul(reshaped(dy, [-1, out]), reshaped(x, [-1, width]), true, false)),
  };
}

/** Takes x of any rank where the product is this project's, else rows. */
const denseLayer = operation<{narrow?: boolean}>('Linear', {
  saves: {inputs: ['x', 'weight']},
  forward: ({x, weight}, {narrow}) => [
    isProductInLab(x, weight) ? product(x, weight, {transposed: true, narrow}) : rowsByWeight(x, weight),
  ],
  gradient: ([slope], [x, weight]) => layerSlopes(slope, x, weight),
});

const biasedLayer = operation<{narrow?: boolean}>('BiasedLinear', {
  saves: {inputs: ['x', 'weight']},
  forward: ({x, weight, bias, residual}, {narrow}) => [
    product(x, weight, {transposed: true, bias, residual, narrow}),
  ],
  gradient: ([dy], [x, weight]) => ({
    ...layerSlopes(dy, x, weight),
    bias: () => biasSlope(dy),
    residual: () => dy.clone(),
  }),
});

interface LinearOptions extends Activated {
  /** Added before the activation; of the output's shape. */
  residual?: Tensor;
  /** Whether what comes out may be narrow. Default: with an activation. */
  narrow?: boolean;
}

const finished = (y: Tensor, {residual, activation}: LinearOptions): Tensor =>
  activate(residual ? add(y, residual) : y, activation);

/**
 * activation(x W^T + b + residual) over the last axis: `weight` is [out, in] as PyTorch keeps it. Where it is narrow, the
 * product is computed in bfloat16, and x may be narrow.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, options: LinearOptions = {}): Tensor {
  const {residual, activation, narrow} = options;
  const isInLab = isProductInLab(x, weight);
  if (isInLab && bias && !activation)
    return biasedLayer({x, weight, bias, ...(residual && {residual})}, {narrow})[0];
  const isActivated = bias !== undefined && activation !== undefined && !residual;
  const rows = isInLab || x.rank === 2 ? x : reshape(widen(x), [-1, x.shape[x.rank - 1]]);
  const [layer] = denseLayer({x: isInLab ? rows : alike(rows, weight), weight}, {narrow: isActivated});
  const direct = bias ? biasAdd(layer, bias, residual ? undefined : activation) : layer;
  const y = rows === x ? direct : reshape(direct, [...x.shape.slice(0, -1), weight.shape[0]]);
  return bias && !residual ? y : finished(y, options);
}

/** Activations that oneDNN computes inside a matrix product, under TensorFlow's names for them. */
const fusions: Partial<Record<Activation, string>> = {relu: 'Relu', gelu: 'GeluExact'};

/**
 * Linear layer, bias and activation in one operation, for inference (no gradient). Where the weight is narrow, x may be so.
 */
export function fusedLinear(x: Tensor, weight: Tensor, bias: Tensor, options: LinearOptions = {}): Tensor {
  const {residual, activation, narrow = activation !== undefined} = options;
  if (isProductInLab(x, weight)) return product(x, weight, {transposed: true, bias, ...options, narrow});
  return tf.tidy(() => {
    if (residual) return finished(widen(fusedLinear(x, weight, bias)), options);
    const fusion = activation && fusions[activation];
    const width = x.shape[x.rank - 1];
    if (!hasOneDNN() || (activation && !fusion) || x.size / width < fewRows) {
      return linear(widen(x), weight, bias, options);
    }
    const attributes = [
      T,
      flag('transpose_a', false),
      flag('transpose_b', true),
      integer('num_args', 1),
      text('fused_ops', fusion ? ['BiasAdd', fusion] : ['BiasAdd']),
      oneDNNKernel,
    ];
    const y = executeAlike('_MklNativeFusedMatMul', attributes, [reshaped(x, [-1, width]), weight, bias]);
    return reshaped(y, [...x.shape.slice(0, -1), weight.shape[0]]);
  });
}
