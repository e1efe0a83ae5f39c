import type {Tensor} from '../engine';

/** A batch as a learner takes it; whoever receives it disposes `x`. */
export interface SourceBatch {
  /** Photos [batch, height, width, 3], or the output of the frozen stages. */
  x: Tensor;
  labels: Int32Array;
}

/** A part of the data set, ready for a learner: photos decoded on the way, or frozen features read from disk. */
export interface Source {
  size: number;
  /** How many batches `batches` gives. */
  batchesPerEpoch: number;
  /**
   * All photos once: in the given order for evaluation; for an epoch (from 1) of training shuffled and augmented by
   * the source's seed, so that an epoch is the same whenever it is run.
   */
  batches(
    epoch: number | 'evaluation',
    signal?: AbortSignal,
  ): AsyncIterable<SourceBatch> | Iterable<SourceBatch>;
}

/** What `use` makes of a batch; the batch is disposed, however that ends. */
export function spending<Result>(x: Tensor, use: () => Result): Result {
  try {
    return use();
  } finally {
    x.dispose();
  }
}
