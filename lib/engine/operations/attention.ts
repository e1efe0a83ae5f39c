import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {executeTyped, isNarrow, slopeAs, widen} from './bfloat16';
import {integer, operationWithMemory, optional} from './native';
import {hasTiles} from './tiles';

export interface AttentionOptions {
  heads: number;
  /** Added to the scores before the softmax, [kinds, heads, tokens, tokens]; sequence `i` takes kind `i % kinds`. */
  bias?: Tensor;
  windows?: AttentionWindows;
}

/**
 * Attention within squares of an image, which are its sequences, row by row and photo by photo (Liu et al. 2021,
 * arXiv:2103.14030). They divide height and width, and begin so many pixels down and to the right: what reaches past an
 * edge goes on at the opposite one.
 */
export interface AttentionWindows {
  side: number;
  shift: [number, number];
}

type Layout = Omit<AttentionOptions, 'bias'>;

const layoutAttributes = ({heads, windows}: Layout) => [
  integer('heads', heads),
  integer('side', windows?.side ?? 0),
  integer('shift', windows?.shift ?? [0, 0]),
];

const kept = (isKept: boolean) => integer('kept', isKept ? 1 : 0);

/** The slope of a bias that served several photos; those of scores have a row for each key. */
const biasSlope = (dScores: Tensor, shape: number[]): Tensor =>
  tf.tidy(() => tf.transpose(tf.sum(dScores.reshape([-1, ...shape]), 0), [0, 1, 3, 2]));

const nameFor = (mixed: Tensor): string => (isNarrow(mixed) ? 'LabTiledAttention' : 'LabAttention');

function run(mixed: Tensor, {bias, ...layout}: AttentionOptions, keeps: boolean): Tensor[] {
  const {inputs, count} = optional('biases', bias);
  const attributes = [...layoutAttributes(layout), count, kept(keeps)];
  return executeTyped(nameFor(mixed), attributes, [mixed, ...inputs], keeps ? 2 : 1);
}

const withGradient = operationWithMemory<Layout>({
  forward: ({mixed, bias}, layout) => {
    const [y, logarithms] = run(mixed, {...layout, bias}, true);
    return [y, y, logarithms];
  },
  gradient: ([dy], saved, layout) => {
    const [[mixed], [y, logarithms]] = [saved, saved.slice(-2)];
    const bias = saved.length > 3 ? saved[1] : undefined;
    const {inputs, count} = optional('biases', bias);
    const attributes = [...layoutAttributes(layout), count, kept(bias !== undefined)];
    const given = [slopeAs(mixed, dy), mixed, y, logarithms, ...inputs];
    const [dMixed, dScores] = executeTyped(`${nameFor(mixed)}Grad`, attributes, given, bias ? 2 : 1);
    return {mixed: () => dMixed, ...(bias && {bias: () => biasSlope(dScores, bias.shape)})};
  },
});

/**
 * Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762) of queries, keys and values that lie side by side in
 * `mixed`, [batch, tokens, 3 x width] or, with windows, [batch, height, width, 3 x width]: softmax(Q K^T / sqrt(width /
 * heads) + bias) V of each head, in the shape of `mixed` with a third of its width. What comes out is narrow where `mixed`
 * is and the processor has tiles. One of this project's kernels: see `hasLabKernels`.
 */
export function attention(
  given: Tensor,
  {bias, ...layout}: AttentionOptions,
  {gradient}: {gradient: boolean},
): Tensor {
  const mixed = hasTiles() ? given : widen(given);
  if (!gradient) return run(mixed, {...layout, bias}, false)[0];
  return withGradient(bias ? {mixed, bias} : {mixed}, layout);
}
