/** The two nets that compute: `InferenceNet` with folded weights and fused operations, `TrainingNet` on the gradient tape. */
import * as engine from '../engine';
import {tf, type Activation, type Precision, type Tensor} from '../engine';
import {LabError} from '../errors';
import {composedAttention} from './composedAttention';
import {
  type AttentionOptions,
  type ConvOptions,
  convolutionWindow,
  type LinearOptions,
  type NamedConv,
  type Net,
  oneByOne,
  type PoolOptions,
  poolWindow,
  sideBySide,
  type Value,
} from './net';
import type {Weights} from './weights';

/** A value as all operations take it. */
const tensor = (value: Value): Tensor => engine.widen(value as Tensor);
/** A value as convolutions, linear layers and residual sums take it: it may be narrow. */
const operand = (value: Value): Tensor => value as Tensor;
const defaultEpsilon = 1e-5;

/** What follows a layer's own output. */
type Ending = Pick<ConvOptions, 'residual' | 'activation'>;

/** What both nets do alike. */
abstract class TensorNet {
  protected abstract readonly recordsGradients: boolean;

  constructor(
    protected readonly weights: Weights,
    protected readonly precision: Precision = 'float32',
  ) {}

  abstract conv(name: string, x: Value, options: ConvOptions): Value;

  convs(x: Value, layers: readonly NamedConv[]): Value {
    return oneByOne(this, x, layers);
  }

  parallelConvs(x: Value, layers: readonly NamedConv[]): Value {
    return sideBySide(this, x, layers);
  }

  parameter(name: string): Value {
    return this.weights.get(name);
  }

  constant(values: Float32Array, shape: number[]): Value {
    return tf.tensor(values, shape);
  }

  activation(x: Value, activation: Activation): Value {
    return engine.activate(tensor(x), activation);
  }

  maxPool(x: Value, options: PoolOptions): Value {
    const {size, ...window} = poolWindow(options, x.shape[1], x.shape[2]);
    return engine.maxPool(operand(x), size, window, {gradient: this.recordsGradients});
  }

  averagePool(x: Value, options: PoolOptions): Value {
    const {size, ...window} = poolWindow(options, x.shape[1], x.shape[2]);
    return engine.averagePool(operand(x), size, window, {gradient: this.recordsGradients});
  }

  globalAverage(x: Value, keepDims = false): Value {
    return engine.globalAverage(operand(x), keepDims);
  }

  add(a: Value, b: Value, activation?: Activation): Value {
    const sum = engine.add(tensor(a), tensor(b));
    return activation ? engine.activate(sum, activation) : sum;
  }

  multiply(a: Value, b: Value): Value {
    return engine.multiply(operand(a), operand(b));
  }

  scale(x: Value, factor: number): Value {
    return tf.mul(tensor(x), factor);
  }

  concat(values: Value[], axis: number): Value {
    return engine.concat(values.map(operand), axis);
  }

  slice(x: Value, begin: number[], size: number[]): Value {
    return engine.slice(tensor(x), begin, size);
  }

  pad(x: Value, padding: [number, number, number, number]): Value {
    return engine.pad(tensor(x), padding);
  }

  reshape(x: Value, shape: number[]): Value {
    return engine.reshape(tensor(x), shape);
  }

  transpose(x: Value, order: number[]): Value {
    return tf.transpose(tensor(x), order);
  }

  matMul(a: Value, b: Value, {transposeB = false}: {transposeB?: boolean} = {}): Value {
    return tf.matMul(tensor(a), tensor(b), false, transposeB);
  }

  softmax(x: Value): Value {
    return engine.softmax(tensor(x));
  }

  attention(mixed: Value, {bias, ...layout}: AttentionOptions): Value {
    if (!engine.hasLabKernels()) return composedAttention(this, mixed, {bias, ...layout});
    const options = {...layout, bias: bias && tensor(bias)};
    return engine.attention(operand(mixed), options, {gradient: this.recordsGradients});
  }

  gather(x: Value, indices: Int32Array): Value {
    return tf.gather(tensor(x), tf.tensor1d(indices, 'int32'));
  }

  block<Result extends Value | Record<string, Value>>(forward: () => Result): Result {
    return tf.tidy(forward as () => never);
  }

  layerNorm(name: string, x: Value, {epsilon}: {epsilon: number}): Value {
    const [scale, offset] = [this.weights.get(`${name}.weight`), this.weights.get(`${name}.bias`)];
    return engine.layerNorm(tensor(x), scale, offset, epsilon);
  }

  /** Weights, or a value, as they are multiplied. */
  protected multiplied(factor: Tensor): Tensor {
    return this.precision === 'bfloat16' ? engine.narrow(factor) : factor;
  }

  /** An output with what follows it, where the layer has not done that itself. */
  protected ended(y: Value, {residual, activation}: Ending): Value {
    if (residual) return this.add(y, residual, activation);
    return activation ? this.activation(y, activation) : y;
  }

  protected optional(name: string): Tensor | undefined {
    return this.weights.has(name) ? this.weights.get(name) : undefined;
  }
}

interface Affine {
  factor: Tensor;
  shift: Tensor;
}

interface Folded {
  filter: Tensor;
  bias: Tensor;
}

/**
 * Computes without gradients. A BatchNorm uses its running statistics and is folded into the convolution before it,
 * once; what is folded or narrow is kept until `dispose`, so a net serves as long as its weights stay as they are. In
 * bfloat16 values stay narrow from one product to the next, and are float32 for all else.
 */
export class InferenceNet extends TensorNet implements Net {
  protected readonly recordsGradients = false;
  private readonly folded = new Map<string, Folded>();
  private readonly norms = new Map<string, Affine>();
  private readonly layers = new Map<string, {weight: Tensor; bias?: Tensor}>();
  /** Means over height and width that came with a value. */
  private readonly means = new WeakMap<Value, Tensor>();

  conv(name: string, x: Value, options: ConvOptions): Value {
    const {filter, bias} = this.fold(name, options);
    const window = convolutionWindow(options, x.shape[1], x.shape[2]);
    return engine.fusedConv2d(operand(x), filter, bias, window, {
      isDepthwise: isDepthwise(this.weights, name),
      residual: options.residual && operand(options.residual),
      activation: options.activation,
      gate: options.gate && tensor(options.gate),
    });
  }

  convs(x: Value, layers: readonly NamedConv[]): Value {
    return this.expanded(x, layers) ?? super.convs(x, layers);
  }

  globalAverage(x: Value, keepDims?: boolean): Value {
    const mean = keepDims ? this.means.get(x) : undefined;
    return mean ?? super.globalAverage(x, keepDims);
  }

  batchNorm(
    name: string,
    x: Value,
    {epsilon = defaultEpsilon, activation}: Parameters<Net['batchNorm']>[2] = {},
  ): Value {
    const {factor, shift} = this.norm(name, epsilon);
    return engine.affine(operand(x), factor, shift, activation);
  }

  joinedBatchNorm(
    name: string,
    [first, second]: [Value, Value],
    {epsilon = defaultEpsilon, activation}: Parameters<Net['batchNorm']>[2] = {},
  ): {joined: Value; y: Value} {
    const {factor, shift} = this.norm(name, epsilon);
    return engine.joinedAffine([operand(first), operand(second)], factor, shift, activation);
  }

  linear(name: string, x: Value, {scale, residual, activation, narrow, join = '.'}: LinearOptions): Value {
    const {weight, bias} = this.linearParameters(`${name}${join}`, scale);
    const options = {residual: residual && tensor(residual), activation, narrow};
    if (bias) return engine.fusedLinear(operand(x), weight, bias, options);
    return engine.linear(tensor(x), weight, undefined, options);
  }

  dropout(x: Value): Value {
    return x;
  }

  dispose(): void {
    for (const {filter, bias} of this.folded.values()) tf.dispose([filter, bias]);
    for (const {factor, shift} of this.norms.values()) tf.dispose([factor, shift]);
    for (const {weight, bias} of this.layers.values()) tf.dispose([weight, bias]);
    this.folded.clear();
    this.norms.clear();
    this.layers.clear();
  }

  /** A convolution and a depthwise one with the same activation at once, where the engine can do that. */
  private expanded(x: Value, layers: readonly NamedConv[]): Value | undefined {
    const [first, second] = layers;
    if (this.precision === 'float32' || layers.length !== 2 || !isDepthwise(this.weights, second[0]))
      return undefined;
    const {activation} = first[1];
    const isMore = layers.some(([, {residual, gate}]) => residual ?? gate);
    if (activation !== second[1].activation || isMore) return undefined;
    const [expansion, depthwise] = layers.map(([name, options]) => {
      const window = convolutionWindow(options, x.shape[1], x.shape[2]);
      return {...this.fold(name, options), window};
    });
    const made = engine.expandedDepthwise(operand(x), expansion, depthwise, activation);
    if (!made) return undefined;
    this.means.set(made.y, made.mean);
    return made.y;
  }

  /** A BatchNorm that does not fold into a convolution, kept as that is. */
  private norm(name: string, epsilon: number): Affine {
    const known = this.norms.get(name);
    if (known) return known;
    const made = tf.tidy(() => {
      const {factor, shift} = this.affine(name, epsilon);
      return {factor: tf.keep(factor), shift: tf.keep(shift)};
    });
    this.norms.set(name, made);
    return made;
  }

  /** BatchNorm in inference is one multiplication and one addition per channel. */
  private affine(name: string, epsilon: number): Affine {
    const part = (suffix: string) => this.weights.get(`${name}.${suffix}`);
    const factor = tf.mul(part('weight'), tf.rsqrt(tf.add(part('running_var'), epsilon)));
    return {factor, shift: tf.sub(part('bias'), tf.mul(part('running_mean'), factor))};
  }

  /** A linear layer's parameters as they are multiplied, by its layer scale if it has one. */
  private linearParameters(prefix: string, scale?: string): {weight: Tensor; bias?: Tensor} {
    const [weight, bias] = [this.weights.get(`${prefix}weight`), this.optional(`${prefix}bias`)];
    if (this.precision === 'float32' && !scale) return {weight, bias};
    const known = this.layers.get(prefix);
    if (known) return known;
    const made = tf.tidy(() => {
      if (!scale) return {weight: tf.keep(this.multiplied(weight)), bias: bias && tf.keep(bias.clone())};
      const factor = this.weights.get(scale);
      const scaled = tf.mul(weight, factor.reshape([-1, 1]));
      const scaledBias = bias && tf.keep(tf.mul(bias, factor.reshape([-1])));
      return {weight: tf.keep(this.multiplied(scaled)), bias: scaledBias};
    });
    this.layers.set(prefix, made);
    return made;
  }

  private fold(name: string, {norm, epsilon = defaultEpsilon, out}: ConvOptions): Folded {
    const known = this.folded.get(name);
    if (known) return known;
    const made = tf.tidy(() => {
      const filter = this.weights.get(`${name}.weight`) as Tensor;
      const bias = this.optional(`${name}.bias`);
      const multiplied = isDepthwise(this.weights, name) ? operand : (y: Tensor) => this.multiplied(y);
      if (!norm) return {filter: multiplied(filter.clone()), bias: bias?.clone() ?? tf.zeros([out])};
      const {factor, shift} = this.affine(norm, epsilon);
      const perFilter = isDepthwise(this.weights, name) ? factor.reshape([-1, 1]) : factor;
      const folded = tf.mul(filter, perFilter);
      return {filter: multiplied(folded), bias: bias ? tf.add(shift, tf.mul(bias, factor)) : shift};
    });
    this.folded.set(name, {filter: tf.keep(made.filter), bias: tf.keep(made.bias)});
    return made;
  }
}

export interface TrainingOptions {
  /** Draws dropout masks; without it nothing is dropped. */
  random?: () => number;
  /** Share of a batch in the running statistics, in place of the architecture's own. */
  momentum?: number;
}

/** Computes on the gradient tape, with batch statistics; the running statistics it finds are handed over by `updates`. */
export class TrainingNet extends TensorNet implements Net {
  protected readonly recordsGradients = true;
  /** New running statistics by name, to be assigned after the step. */
  readonly updates = new Map<string, Tensor>();

  constructor(
    weights: Weights,
    private readonly options: TrainingOptions = {},
    precision?: Precision,
  ) {
    super(weights, precision);
  }

  conv(name: string, x: Value, {gate, ...options}: ConvOptions): Value {
    const gated = gate ? this.multiply(x, gate) : x;
    return this.withSum(options, (sum) => this.convolve(name, gated, {...options, ...sum}));
  }

  parallelConvs(x: Value, layers: readonly NamedConv[]): Value {
    const [[, {activation}]] = layers;
    const biases = layers.map(([name]) => this.optional(`${name}.bias`));
    const isMore = layers.some(([, {norm, residual, gate}]) => norm ?? residual ?? gate);
    const isSame = layers.every(([, options]) => options.activation === activation);
    if (isMore || !isSame || !biases.every((bias) => bias !== undefined))
      return super.parallelConvs(x, layers);
    const narrow = activation !== undefined;
    const products = layers.map(([name, options]) => {
      const {isDepthwise, filter, window} = this.factors(name, x, options);
      return engine.conv2d(operand(x), filter, window, {isDepthwise, narrow});
    });
    return engine.joinedBiasAdd(products, biases, activation);
  }

  private convolve(name: string, x: Value, options: ConvOptions): Value {
    const {norm, residual, activation, epsilon, momentum} = options;
    const bias = this.optional(`${name}.bias`);
    const {isDepthwise, filter, window} = this.factors(name, x, options);
    if (bias && norm === undefined) {
      const end = {isDepthwise, activation: residual ? undefined : activation};
      const y = engine.biasedConv2d(operand(x), filter, bias, window, end);
      return residual ? this.add(y, residual, activation) : y;
    }
    const isNormed = norm !== undefined;
    const product = engine.conv2d(operand(x), filter, window, {isDepthwise, narrow: isNormed && !bias});
    if (!isNormed) return this.ended(product, {residual, activation});
    const biased = bias ? engine.biasAdd(product, bias) : product;
    return this.normalise(norm, biased, {epsilon, momentum, residual, activation});
  }

  /** What a convolution multiplies x with, and how. */
  private factors(name: string, x: Value, options: ConvOptions) {
    const filters = isDepthwise(this.weights, name);
    const filter = this.weights.get(`${name}.weight`) as Tensor;
    return {
      isDepthwise: filters,
      filter: filters ? filter : this.multiplied(filter),
      window: convolutionWindow(options, x.shape[1], x.shape[2]),
    };
  }

  batchNorm(name: string, x: Value, options: Parameters<Net['batchNorm']>[2] = {}): Value {
    return this.normalise(name, x, options);
  }

  joinedBatchNorm(
    name: string,
    [first, second]: [Value, Value],
    {epsilon = defaultEpsilon, momentum = 0.1, activation}: Parameters<Net['batchNorm']>[2] = {},
  ): {joined: Value; y: Value} {
    const {joined, ...normalised} = engine.joinedBatchNorm(
      [operand(first), operand(second)],
      this.normParameters(name, first),
      {epsilon, momentum: this.options.momentum ?? momentum, activation},
    );
    return {joined, y: this.noted(name, normalised)};
  }

  private normalise(
    name: string,
    x: Value,
    {
      epsilon = defaultEpsilon,
      momentum = 0.1,
      residual,
      activation,
    }: Pick<ConvOptions, 'epsilon' | 'momentum' | 'residual' | 'activation'>,
  ): Value {
    const normalised = engine.batchNorm(operand(x), this.normParameters(name, x), {
      epsilon,
      momentum: this.options.momentum ?? momentum,
      residual: residual && operand(residual),
      activation,
    });
    return this.noted(name, normalised);
  }

  private normParameters(name: string, x: Value): engine.BatchNormParameters {
    const part = (suffix: string): Tensor => this.weights.get(`${name}.${suffix}`);
    if (x.shape.slice(0, -1).every((size) => size === 1)) {
      throw new LabError(
        `${name}: a batch of one photo has no statistics here. Train with 2 photos or more, and a batch size of 2 or more.`,
      );
    }
    return {
      scale: part('weight'),
      offset: part('bias'),
      mean: part('running_mean'),
      variance: part('running_var'),
    };
  }

  /** Notes the running statistics after a batch. */
  private noted(name: string, {y, mean, variance}: engine.BatchNormResult): Tensor {
    this.updates.set(`${name}.running_mean`, tf.keep(mean));
    this.updates.set(`${name}.running_var`, tf.keep(variance));
    return y;
  }

  linear(name: string, x: Value, {scale, narrow, join = '.', ...options}: LinearOptions): Value {
    const weight = this.multiplied(this.weights.get(`${name}${join}weight`));
    const bias = this.optional(`${name}${join}bias`);
    return this.withSum(options, ({residual, activation}) => {
      if (!scale) {
        const end = {residual: residual && tensor(residual), activation, narrow};
        return engine.linear(operand(x), weight, bias, end);
      }
      const factor = engine.reshape(this.weights.get(scale), [-1]);
      const y = this.multiply(engine.linear(operand(x), weight, bias), factor);
      return this.ended(y, {residual, activation});
    });
  }

  dropout(x: Value, rate: number): Value {
    return this.drop(x, rate, [...x.shape]);
  }

  /** A layer with what follows it: it adds the residual itself, unless photos are to be left out of that sum. */
  private withSum(
    {residual, dropRate = 0, activation}: Ending & Pick<ConvOptions, 'dropRate'>,
    layer: (end: Ending) => Value,
  ): Value {
    if (!residual || !this.options.random || dropRate === 0) return layer({residual, activation});
    const y = layer({residual: undefined, activation: undefined});
    const kept = this.drop(y, dropRate, [y.shape[0], ...y.shape.slice(1).fill(1)]);
    return this.add(kept, residual, activation);
  }

  /** Assigns the running statistics of the last pass and forgets them. */
  applyUpdates(): void {
    for (const [name, value] of this.updates) {
      this.weights.get(name).assign(value);
      value.dispose();
    }
    this.updates.clear();
  }

  /** Forgets what a pass that was not completed has found. */
  dispose(): void {
    tf.dispose([...this.updates.values()]);
    this.updates.clear();
  }

  private drop(x: Value, rate: number, shape: number[]): Value {
    const {random} = this.options;
    if (!random || rate === 0) return x;
    return tf.mul(tensor(x), engine.dropoutMask(shape, rate, random));
  }
}

function isDepthwise(weights: Weights, name: string): boolean {
  return weights.specs.get(`${name}.weight`)?.layout === 'depthwise';
}
