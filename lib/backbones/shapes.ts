/** Follows an architecture by shapes alone: its parameters, its multiply-adds and its layers, without a tensor. */
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
  pair,
  poolWindow,
  sideBySide,
  type Value,
  windowCount,
} from './net';

/** How the engine lays a parameter out: convolutions are turned from PyTorch's OIHW, the rest stays. */
export type Layout = 'convolution' | 'depthwise' | 'plain';

export interface ParameterSpec {
  name: string;
  /** PyTorch's shape. */
  shape: number[];
  layout: Layout;
  /** False for running statistics. */
  trainable: boolean;
}

export interface LayerSummary {
  name: string;
  kind: string;
  output: number[];
  parameters: number;
  /** Multiply-adds of one photo. */
  multiplyAdds: number;
}

/** How many numbers a tensor of this shape holds. */
export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

const written = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** The shape that two shapes broadcast to as in NumPy; undefined where they do not fit. */
function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const pairs = Array.from({length: rank}, (_, axis) =>
    [a, b].map((shape) => shape[axis - rank + shape.length] ?? 1),
  );
  if (pairs.some(([left, right]) => left !== right && left !== 1 && right !== 1)) return undefined;
  return pairs.map(([left, right]) => (left === 1 ? right : left));
}

/**
 * Give it a batch of one: multiply-adds are those of what comes in. Throws a LabError that names the layer, or the last
 * one before what has no name, where shapes do not fit.
 */
export class ShapeNet implements Net {
  readonly parameters = new Map<string, ParameterSpec>();
  readonly layers: LayerSummary[] = [];

  conv(name: string, x: Value, options: ConvOptions): Value {
    const {out, groups = 1, norm, gate} = options;
    this.requireMap(name, 'a convolution', x);
    if (gate) this.multiply(x, gate);
    const [batch, height, width, channels] = x.shape;
    if (channels % groups !== 0 || out % groups !== 0) {
      throw new LabError(
        `${name}: ${channels} channels in and ${out} out cannot be split into ${groups} groups.`,
      );
    }
    const [kernelHeight, kernelWidth] = pair(options.kernel);
    const {strides, padding, dilations} = convolutionWindow(options, height, width);
    const reach = (kernel: number, axis: number) => (kernel - 1) * dilations[axis] + 1;
    const output = [
      batch,
      windowCount(height, reach(kernelHeight, 0), strides[0], padding[0], padding[1]),
      windowCount(width, reach(kernelWidth, 1), strides[1], padding[2], padding[3]),
      out,
    ];
    if (output[1] < 1 || output[2] < 1) {
      throw new LabError(
        `${name}: a picture of ${height} x ${width} is too small here; use a larger input size.`,
      );
    }
    const filter = [out, channels / groups, kernelHeight, kernelWidth];
    const layout = groups > 1 && groups === channels && groups === out ? 'depthwise' : 'convolution';
    let parameters = this.declare(`${name}.weight`, filter, layout);
    if (options.bias ?? !norm) parameters += this.declare(`${name}.bias`, [out]);
    this.record(
      name,
      layout === 'depthwise' ? 'depthwise convolution' : 'convolution',
      output,
      parameters,
      sizeOf(filter) * output[1] * output[2],
    );
    if (norm) this.batchNorm(norm, {shape: output});
    return options.residual ? this.add({shape: output}, options.residual) : {shape: output};
  }

  convs(x: Value, layers: readonly NamedConv[]): Value {
    return oneByOne(this, x, layers);
  }

  parallelConvs(x: Value, layers: readonly NamedConv[]): Value {
    return sideBySide(this, x, layers);
  }

  batchNorm(name: string, x: Value): Value {
    const channels = [x.shape[x.shape.length - 1]];
    const parameters = this.declare(`${name}.weight`, channels) + this.declare(`${name}.bias`, channels);
    this.declare(`${name}.running_mean`, channels, 'plain', false);
    this.declare(`${name}.running_var`, channels, 'plain', false);
    return this.record(name, 'batch normalisation', x.shape, parameters);
  }

  joinedBatchNorm(name: string, parts: [Value, Value]): {joined: Value; y: Value} {
    const joined = this.concat(parts, parts[0].shape.length - 1);
    return {joined, y: this.batchNorm(name, joined)};
  }

  layerNorm(name: string, x: Value): Value {
    const width = [x.shape[x.shape.length - 1]];
    const parameters = this.declare(`${name}.weight`, width) + this.declare(`${name}.bias`, width);
    return this.record(name, 'layer normalisation', x.shape, parameters);
  }

  linear(name: string, x: Value, {out, bias = true, scale, residual, join = '.'}: LinearOptions): Value {
    const width = x.shape[x.shape.length - 1];
    let parameters = this.declare(`${name}${join}weight`, [out, width]);
    if (bias) parameters += this.declare(`${name}${join}bias`, [out]);
    const output = [...x.shape.slice(0, -1), out];
    const y = this.record(name, 'linear', output, parameters, sizeOf(output) * width);
    if (scale) this.parameter(scale, [out, 1, 1]);
    return residual ? this.add(y, residual) : y;
  }

  parameter(name: string, shape: number[]): Value {
    return this.record(name, 'parameter', shape, this.declare(name, shape));
  }

  constant(_values: Float32Array, shape: number[]): Value {
    return {shape};
  }

  activation(x: Value): Value {
    return x;
  }

  maxPool(x: Value, options: Parameters<Net['maxPool']>[1]): Value {
    return this.pool('max pooling', x, options);
  }

  averagePool(x: Value, options: Parameters<Net['averagePool']>[1]): Value {
    return this.pool('average pooling', x, options);
  }

  globalAverage(x: Value, keepDims = false): Value {
    this.requireMap(this.here, 'an average over the map', x);
    const [batch, , , channels] = x.shape;
    return {shape: keepDims ? [batch, 1, 1, channels] : [batch, channels]};
  }

  add(a: Value, b: Value): Value {
    return this.elementwise('a sum', a, b);
  }

  multiply(a: Value, b: Value): Value {
    return this.elementwise('a product', a, b);
  }

  scale(x: Value): Value {
    return x;
  }

  concat(values: Value[], axis: number): Value {
    const shape = [...values[0].shape];
    const rest = ({shape: all}: Value) => all.filter((_, i) => i !== axis).join();
    if (values.some((value) => value.shape.length <= axis || rest(value) !== rest(values[0]))) {
      throw this.misfit('a concatenation', ...values);
    }
    shape[axis] = values.reduce((sum, value) => sum + value.shape[axis], 0);
    return {shape};
  }

  slice(x: Value, begin: number[], size: number[]): Value {
    return {shape: x.shape.map((length, axis) => (size[axis] === -1 ? length - begin[axis] : size[axis]))};
  }

  pad(x: Value, [top, bottom, left, right]: [number, number, number, number]): Value {
    const [batch, height, width, channels] = x.shape;
    return {shape: [batch, height + top + bottom, width + left + right, channels]};
  }

  reshape(x: Value, shape: number[]): Value {
    const known = sizeOf(shape.filter((size) => size !== -1));
    const complete = shape.map((size) => (size === -1 ? sizeOf(x.shape) / known : size));
    if (sizeOf(complete) === sizeOf(x.shape) && complete.every(Number.isInteger)) return {shape: complete};
    throw new LabError(`${this.here}: ${written(x.shape)} cannot be reshaped to ${written(shape)}.`);
  }

  transpose(x: Value, order: number[]): Value {
    return {shape: order.map((axis) => x.shape[axis])};
  }

  matMul(a: Value, b: Value, {transposeB = false}: {transposeB?: boolean} = {}): Value {
    const [rows, inner] = a.shape.slice(-2);
    const [height, width] = b.shape.slice(-2);
    if (inner !== (transposeB ? width : height)) throw this.misfit('a matrix product', a, b);
    const columns = transposeB ? height : width;
    const output = [...a.shape.slice(0, -2), rows, columns];
    return this.record('', 'matrix product', output, 0, sizeOf(output) * inner);
  }

  softmax(x: Value): Value {
    return x;
  }

  attention(mixed: Value, options: AttentionOptions): Value {
    return composedAttention(this, mixed, options);
  }

  gather(x: Value, indices: Int32Array): Value {
    return {shape: [indices.length, ...x.shape.slice(1)]};
  }

  dropout(x: Value): Value {
    return x;
  }

  block<Result>(forward: () => Result): Result {
    return forward();
  }

  private pool(kind: string, x: Value, options: Parameters<Net['maxPool']>[1]): Value {
    this.requireMap(this.here, kind, x);
    const [batch, height, width, channels] = x.shape;
    const {size, strides, padding} = poolWindow(options, height, width);
    const rows = windowCount(height, size[0], strides[0], padding[0], padding[1]);
    const columns = windowCount(width, size[1], strides[1], padding[2], padding[3]);
    if (rows < 1 || columns < 1) {
      throw new LabError(
        `${this.here}: a picture of ${height} x ${width} is too small for ${kind}; use a larger input size.`,
      );
    }
    return this.record('', kind, [batch, rows, columns, channels], 0);
  }

  /** For messages about what has no name. */
  private get here(): string {
    const last = this.layers.findLast(({name}) => name !== '');
    return last ? `After ${last.name}` : 'At the beginning';
  }

  private requireMap(where: string, what: string, {shape}: Value): void {
    if (shape.length === 4) return;
    throw new LabError(
      `${where}: ${what} takes a map [height, width, channel] of each photo, got ${written(shape.slice(1))}.`,
    );
  }

  private elementwise(what: string, a: Value, b: Value): Value {
    const shape = broadcast(a.shape, b.shape);
    if (!shape) throw this.misfit(what, a, b);
    return {shape};
  }

  private misfit(what: string, ...values: Value[]): LabError {
    const shapes = values.map(({shape}) => written(shape));
    return new LabError(`${this.here}: ${what} of shapes that do not fit together: ${shapes.join(' and ')}.`);
  }

  private declare(name: string, shape: number[], layout: Layout = 'plain', trainable = true): number {
    if (!shape.every((size) => Number.isInteger(size) && size > 0)) {
      throw new LabError(`${name} cannot have the shape ${written(shape)}. Give positive whole numbers.`);
    }
    if (this.parameters.has(name))
      throw new LabError(`Two tensors are called ${name}. Name each layer once.`);
    this.parameters.set(name, {name, shape, layout, trainable});
    return sizeOf(shape);
  }

  private record(
    name: string,
    kind: string,
    output: readonly number[],
    parameters: number,
    multiplyAdds = 0,
  ): Value {
    this.layers.push({name, kind, output: [...output], parameters, multiplyAdds});
    return {shape: output};
  }
}
