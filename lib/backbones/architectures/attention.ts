/** What the transformers share. */
import type {LinearOptions, Net, Value} from '../net';

export interface AttentionOptions {
  heads: number;
  /** Name of the layer that makes queries, keys and values, and what joins it to `weight`. */
  mix: string;
  join?: LinearOptions['join'];
  /** Name of the layer that mixes the heads. */
  project: string;
  /** Changes the scores [batch, heads, query, key] before the softmax. */
  bias?: (scores: Value) => Value;
}

/** Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762): softmax(Q K^T / sqrt(d)) V in each head. */
export function selfAttention(
  net: Net,
  x: Value,
  {heads, mix, join, project, bias = (scores) => scores}: AttentionOptions,
): Value {
  const [batch, tokens, width] = x.shape;
  const depth = width / heads;
  const mixed = net.reshape(net.linear(mix, x, {out: 3 * width, join}), [batch, tokens, 3, heads, depth]);
  const byHead = net.transpose(mixed, [2, 0, 3, 1, 4]);
  const [queries, keys, values] = [0, 1, 2].map((part) =>
    net.reshape(net.slice(byHead, [part, 0, 0, 0, 0], [1, -1, -1, -1, -1]), [batch, heads, tokens, depth]),
  );
  const scores = bias(net.matMul(net.scale(queries, depth ** -0.5), keys, {transposeB: true}));
  const attended = net.transpose(net.matMul(net.softmax(scores), values), [0, 2, 1, 3]);
  return net.linear(project, net.reshape(attended, [batch, tokens, width]), {out: width});
}

/** A perceptron of one hidden layer four times as wide, over the last axis. */
export function perceptron(net: Net, x: Value, first: string, second: string): Value {
  const width = x.shape[x.shape.length - 1];
  return net.linear(second, net.linear(first, x, {out: 4 * width, activation: 'gelu'}), {out: width});
}
