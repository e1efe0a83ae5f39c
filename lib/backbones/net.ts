/**
 * What an architecture is written with. An architecture is a plain function of a `Net` and a value; which net it gets
 * decides what happens: `ShapeNet` follows shapes alone (parameters, multiply-adds, summary), `InferenceNet` computes
 * with frozen, folded weights, `TrainingNet` computes with gradients. So an architecture is written once.
 * Names are the checkpoint's own keys. Images are [batch, height, width, channel], sequences [batch, token, width].
 */
import {type Activation, type AttentionWindows, samePadding, type WindowMoves} from '../engine';

/** A tensor, or in a `ShapeNet` the mere shape of one. */
export interface Value {
  readonly shape: readonly number[];
}

export type Pair = number | [number, number];

/** A sum at the end of a layer. */
export interface ResidualOptions {
  /** Added to the (normalised) output before the activation. */
  residual?: Value;
  /**
   * How often training leaves the layer's output out of that sum, for a photo as a whole: stochastic depth (Huang et al.
   * 2016, arXiv:1603.09382).
   */
  dropRate?: number;
}

export interface ConvOptions extends ResidualOptions {
  /** Output channels. */
  out: number;
  /** Kernel size, [height, width] or one number for both. */
  kernel: Pair;
  stride?: Pair;
  /** Rows and columns of zeros on each side, as in PyTorch; or TensorFlow's SAME, which follows from the image's size. */
  padding?: Pair | 'same';
  dilation?: number;
  groups?: number;
  /** Whether it has a bias of its own. Default: only without a `norm`. */
  bias?: boolean;
  /** Factors of each photo's channels, [batch, 1, 1, channels], by which the image is multiplied before. */
  gate?: Value;
  /** Name of the BatchNorm that follows; it folds into the convolution for inference. */
  norm?: string;
  epsilon?: number;
  momentum?: number;
  activation?: Activation;
}

export type NamedConv = [name: string, options: ConvOptions];

export interface LinearOptions extends ResidualOptions {
  out: number;
  bias?: boolean;
  /** Name of a parameter `[out, 1, 1]` by which the output is multiplied: layer scale (Touvron et al. 2021, arXiv:2103.17239). */
  scale?: string;
  activation?: Activation;
  /** Whether only attention takes what comes out: in bfloat16 it stays so. */
  narrow?: boolean;
  /** What stands between the layer's name and `weight` or `bias`. Default: '.'; torch's MultiheadAttention has '_'. */
  join?: '.' | '_';
}

export interface PoolOptions {
  kernel: Pair;
  stride: Pair;
  padding?: Pair;
  /** Whether a last, partly covered window counts (PyTorch's ceil_mode). */
  ceil?: boolean;
}

export interface AttentionOptions {
  heads: number;
  /** Added to the scores before the softmax, [kinds, heads, tokens, tokens]; sequence `i` takes kind `i % kinds`. */
  bias?: Value;
  /** Makes sequences of the squares of an image. */
  windows?: AttentionWindows;
}

export interface Net {
  /** Convolution, with the BatchNorm, the residual sum and the activation that follow it. */
  conv(name: string, x: Value, options: ConvOptions): Value;
  /** Convolutions one after another, which inference may compute at once. */
  convs(x: Value, layers: readonly NamedConv[]): Value;
  /** Convolutions of one value, side by side on the last axis. */
  parallelConvs(x: Value, layers: readonly NamedConv[]): Value;
  /** BatchNorm that does not follow a convolution directly. */
  batchNorm(
    name: string,
    x: Value,
    options?: {epsilon?: number; momentum?: number; activation?: Activation},
  ): Value;
  /** BatchNorm `y` of two values side by side on the last axis, and these (`joined`). */
  joinedBatchNorm(
    name: string,
    parts: [Value, Value],
    options?: {epsilon?: number; momentum?: number; activation?: Activation},
  ): {joined: Value; y: Value};
  layerNorm(name: string, x: Value, options: {epsilon: number}): Value;
  /** Linear layer over the last axis. */
  linear(name: string, x: Value, options: LinearOptions): Value;
  /** A parameter used as it is, in PyTorch's shape: a class token, a position embedding, a layer scale. */
  parameter(name: string, shape: number[]): Value;
  /** Numbers that follow from shapes alone, such as an attention mask. */
  constant(values: Float32Array, shape: number[]): Value;
  activation(x: Value, activation: Activation): Value;
  maxPool(x: Value, options: PoolOptions): Value;
  averagePool(x: Value, options: PoolOptions): Value;
  /** Mean over height and width: [batch, channels], or [batch, 1, 1, channels] with `keepDims`. */
  globalAverage(x: Value, keepDims?: boolean): Value;
  /** Element-wise, with broadcasting. */
  add(a: Value, b: Value, activation?: Activation): Value;
  multiply(a: Value, b: Value): Value;
  scale(x: Value, factor: number): Value;
  concat(values: Value[], axis: number): Value;
  slice(x: Value, begin: number[], size: number[]): Value;
  pad(x: Value, padding: [number, number, number, number]): Value;
  reshape(x: Value, shape: number[]): Value;
  transpose(x: Value, order: number[]): Value;
  matMul(a: Value, b: Value, options?: {transposeB?: boolean}): Value;
  softmax(x: Value): Value;
  /**
   * Multi-head self-attention: `mixed` holds queries, keys and values side by side, [batch, tokens, 3 x width] or, with
   * windows, [batch, height, width, 3 x width]; the result has a third of its width.
   */
  attention(mixed: Value, options: AttentionOptions): Value;
  /** Rows of `x` picked by index along the first axis. */
  gather(x: Value, indices: Int32Array): Value;
  /** Zeroes elements (dropout) in training. */
  dropout(x: Value, rate: number): Value;
  /** A part whose intermediate values are released as soon as it is done, but those that a gradient needs. */
  block<Result extends Value | Record<string, Value>>(forward: () => Result): Result;
}

export const oneByOne = (net: Pick<Net, 'conv'>, x: Value, layers: readonly NamedConv[]): Value =>
  layers.reduce((y, [name, options]) => net.conv(name, y, options), x);

export const sideBySide = (
  net: Pick<Net, 'conv' | 'concat'>,
  x: Value,
  layers: readonly NamedConv[],
): Value =>
  net.concat(
    layers.map(([name, options]) => net.conv(name, x, options)),
    x.shape.length - 1,
  );

export const pair = (value: Pair): [number, number] => (typeof value === 'number' ? [value, value] : value);

/** The window of a convolution in the engine's terms for an image of `height` x `width`. */
export function convolutionWindow(
  {kernel, stride = 1, padding = 0, dilation = 1}: ConvOptions,
  height: number,
  width: number,
): WindowMoves {
  const [strides, size] = [pair(stride), pair(kernel)];
  const sides = [height, width].map((length, axis): [number, number] => {
    if (padding === 'same') return samePadding(length, (size[axis] - 1) * dilation + 1, strides[axis]);
    const amount = pair(padding)[axis];
    return [amount, amount];
  });
  return {strides, padding: [...sides[0], ...sides[1]], dilations: [dilation, dilation]};
}

/** Rows (or columns) of output of a window moved over `size` rows. */
export function windowCount(
  size: number,
  kernel: number,
  stride: number,
  before: number,
  after: number,
): number {
  return Math.floor((size + before + after - kernel) / stride) + 1;
}

/**
 * The window of a pooling in the engine's terms for an image of `height` x `width`: in ceil mode the last window may
 * reach past the image, yet must start inside it or its left padding.
 */
export function poolWindow(
  {kernel, stride, padding = 0, ceil = false}: PoolOptions,
  height: number,
  width: number,
) {
  const [strides, size, sides] = [pair(stride), pair(kernel), pair(padding)];
  const extra = [height, width].map((length, axis) => {
    const span = length + 2 * sides[axis] - size[axis];
    if (!ceil || span % strides[axis] === 0) return 0;
    const starts = Math.ceil(span / strides[axis]) * strides[axis];
    return starts < length + sides[axis] ? strides[axis] - (span % strides[axis]) : 0;
  });
  const around: WindowMoves['padding'] = [sides[0], sides[0] + extra[0], sides[1], sides[1] + extra[1]];
  return {size, strides, padding: around};
}
