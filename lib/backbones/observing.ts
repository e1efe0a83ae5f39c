/** Looking into a network: an inference net that keeps what comes into and out of the layers that are asked for. */
import {tf, type Tensor} from '../engine';
import type {ConvOptions, LinearOptions, Net, Value} from './net';
import {InferenceNet} from './tensors';
import type {Weights} from './weights';

/**
 * Keeps, under a layer's name, what the layer passes on: of a convolution that is what follows its BatchNorm, its residual
 * sum and its activation. Under the name of a BatchNorm it keeps what that gives before any activation, and under
 * `<name>.input` what comes into a layer. The values in `kept` belong to the caller.
 */
export class ObservingNet extends InferenceNet {
  /** `wanted` are names and names with `.input`; several nets may fill one `kept`. */
  constructor(
    weights: Weights,
    private readonly wanted: ReadonlySet<string>,
    private readonly kept: Map<string, Tensor>,
  ) {
    super(weights);
  }

  /** Keeps a value, if it is wanted, beyond the tidy that it was made in. */
  keep(name: string, value: Value): void {
    if (!this.wanted.has(name)) return;
    this.kept.get(name)?.dispose();
    this.kept.set(name, tf.keep((value as Tensor).clone()));
  }

  conv(name: string, x: Value, {gate, ...options}: ConvOptions): Value {
    if (gate) return this.conv(name, this.multiply(x, gate), options);
    const {norm} = options;
    if (!norm || !this.asksFor(norm)) return this.layer(name, x, () => super.conv(name, x, options));
    const {residual, activation, norm: _, bias: __, ...plain} = options;
    return this.layer(name, x, () => {
      const product = super.conv(name, x, plain);
      const normalised = this.batchNorm(norm, product, {epsilon: options.epsilon});
      return this.ended(normalised, {residual, activation});
    });
  }

  batchNorm(name: string, x: Value, options: Parameters<Net['batchNorm']>[2] = {}): Value {
    if (!this.asksFor(name)) return super.batchNorm(name, x, options);
    const {activation, ...plain} = options;
    const y = this.layer(name, x, () => super.batchNorm(name, x, plain));
    return this.ended(y, {activation});
  }

  joinedBatchNorm(
    name: string,
    parts: [Value, Value],
    options?: Parameters<Net['batchNorm']>[2],
  ): {joined: Value; y: Value} {
    if (!this.asksFor(name)) return super.joinedBatchNorm(name, parts, options);
    const joined = this.concat(parts, parts[0].shape.length - 1);
    return {joined, y: this.batchNorm(name, joined, options)};
  }

  layerNorm(name: string, x: Value, options: {epsilon: number}): Value {
    return this.layer(name, x, () => super.layerNorm(name, x, options));
  }

  linear(name: string, x: Value, options: LinearOptions): Value {
    const {residual, activation, ...plain} = options;
    if (!residual || !this.asksFor(name)) return this.layer(name, x, () => super.linear(name, x, options));
    return this.add(
      this.layer(name, x, () => super.linear(name, x, plain)),
      residual,
      activation,
    );
  }

  private asksFor(name: string): boolean {
    return this.wanted.has(name) || this.wanted.has(`${name}.input`);
  }

  private layer(name: string, x: Value, forward: () => Value): Value {
    this.keep(`${name}.input`, x);
    const y = forward();
    this.keep(name, y);
    return y;
  }
}
