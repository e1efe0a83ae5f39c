/** What the transformers share. */
import type {AttentionOptions, LinearOptions, Net, ResidualOptions, Value} from '../net';

/** With the sum after the second layer. */
export interface SelfAttentionOptions extends AttentionOptions, ResidualOptions {
  /** Name of the layer that makes queries, keys and values, and what joins it to `weight`. */
  mix: string;
  join?: LinearOptions['join'];
  /** Name of the layer that mixes the heads. */
  project: string;
}

/** Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762) with the layers before and after it. */
export function selfAttention(
  net: Net,
  x: Value,
  {mix, join, project, residual, dropRate, ...options}: SelfAttentionOptions,
): Value {
  const width = x.shape[x.shape.length - 1];
  const mixed = net.linear(mix, x, {out: 3 * width, join, narrow: true});
  return net.linear(project, net.attention(mixed, options), {out: width, residual, dropRate});
}

/** A perceptron of one hidden layer four times as wide, over the last axis, and the residual sum after it. */
export function perceptron(net: Net, x: Value, first: string, second: string, sum: ResidualOptions): Value {
  const width = x.shape[x.shape.length - 1];
  const hidden = net.linear(first, x, {out: 4 * width, activation: 'gelu'});
  return net.linear(second, hidden, {out: width, ...sum});
}
