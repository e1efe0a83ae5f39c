import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {execute, integer, operationWithMemory, optional} from './native';

export interface AttentionOptions {
  heads: number;
  /** Added to the scores before the softmax, [kinds, heads, tokens, tokens]; photo `i` takes kind `i % kinds`. */
  bias?: Tensor;
}

const recorded = operationWithMemory<{heads: number}>({
  forward: ({mixed, bias}, {heads}) => run(mixed, heads, bias, true),
  gradient: ([dy], saved, {heads}) => {
    const [mixed, probabilities] = [saved[0], saved[saved.length - 1]];
    const bias = saved.length > 2 ? saved[1] : undefined;
    const attributes = [integer('heads', heads), integer('kept', bias ? 1 : 0)];
    const inputs = [dy, mixed, probabilities];
    const [dMixed, dScores] = execute('LabAttentionGrad', attributes, inputs, bias ? 2 : 1);
    return {mixed: () => dMixed, ...(bias && {bias: () => sumOfKinds(dScores, bias.shape)})};
  },
});

function run(mixed: Tensor, heads: number, bias: Tensor | undefined, keeps: boolean): Tensor[] {
  const {inputs, count} = optional('biases', bias);
  const attributes = [integer('heads', heads), count, integer('kept', Number(keeps))];
  return execute('LabAttention', attributes, [mixed, ...inputs], keeps ? 2 : 1);
}

/** The slope of a bias that served several photos. */
const sumOfKinds = (dScores: Tensor, shape: number[]): Tensor =>
  tf.tidy(() => tf.sum(dScores.reshape([-1, ...shape]), 0));

/**
 * Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762) of queries, keys and values that lie side by side in
 * `mixed`, [batch, tokens, 3 x width]: softmax(Q K^T / sqrt(width / heads) + bias) V of each head, [batch, tokens, width].
 * One of this project's kernels: see `hasLabKernels`.
 */
export function attention(
  mixed: Tensor,
  {heads, bias}: AttentionOptions,
  {gradient}: {gradient: boolean},
): Tensor {
  if (!gradient) return run(mixed, heads, bias, false)[0];
  return recorded(bias ? {mixed, bias} : {mixed}, {heads});
}
