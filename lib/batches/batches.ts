import {release, type Tensor} from '../engine';
import {LabError} from '../errors';
import {mulberry32, shuffled} from '../random';
import {type Picture, type Preprocessing, type View, checkedPreprocessing, decodeView} from '../pictures';
import {type Partition, partition} from './partition';
import {viewsTensor} from './views';

/** A picture to be put into a batch. */
export interface BatchItem {
  picture: Picture;
  label: number;
}

/** Some photos, decoded. */
export interface Batch {
  /** Makes of them what a backbone takes, once: `[size, crop, crop, 3]`, RGB, normalised; whoever calls it disposes that. */
  tensor(): Tensor;
  /** `[size]`. */
  labels: Int32Array;
  /** `[size]`: which of the given items these are. */
  items: number[];
}

export interface BatchOptions extends Partition {
  preprocessing: Preprocessing;
  /** The view of the item at this index; called once for every item, when its batch is begun. */
  view: (item: number) => View;
  /** The items in the order wanted, or the seed of a shuffle of all; without it the order given. */
  order?: readonly number[] | {shuffle: number};
  /** How many batches are decoded while the caller works on one; they bound the memory. Default 3. */
  ahead?: number;
  /** Aborted, the loop throws its reason. */
  signal?: AbortSignal;
}

/**
 * The photos as batches, decoded ahead of the caller in libuv's threads, so that they work while TensorFlow holds the
 * JavaScript thread. The same options give the same batches, whatever the timing.
 *
 * Throws a LabError that names the value or the unreadable file. However the loop ends (last batch, `break`, error,
 * abort), nothing is left running after it.
 */
export async function* batches(
  items: readonly BatchItem[],
  options: BatchOptions,
): AsyncGenerator<Batch, void, void> {
  const {ahead = 3} = options;
  checkOptions(items, options);
  options.signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = () => stop.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', forward);
  const waiting = partition(itemOrder(items.length, options.order), options);
  const underway: Promise<Batch>[] = [];
  const begin = () => {
    for (const part of waiting.splice(0, ahead - underway.length)) {
      const batch = loadBatch(items, part, options, stop.signal);
      batch.catch(() => {}); // Thrown when its turn comes; until then it is no unhandled rejection.
      underway.push(batch);
    }
  };
  try {
    begin();
    while (underway.length > 0) {
      const batch = await underway.shift()!;
      begin();
      yield batch;
      options.signal?.throwIfAborted();
    }
  } finally {
    stop.abort();
    options.signal?.removeEventListener('abort', forward);
    await Promise.allSettled(underway);
  }
}

/** The first batch of these alone; undefined where there are no items. */
export async function firstBatch(
  items: readonly BatchItem[],
  options: Omit<BatchOptions, 'ahead'>,
): Promise<Batch | undefined> {
  for await (const batch of batches(items, {...options, ahead: 1})) return batch;
  return undefined;
}

async function loadBatch(
  items: readonly BatchItem[],
  part: number[],
  {preprocessing, view}: BatchOptions,
  signal: AbortSignal,
): Promise<Batch> {
  const decoded = await Promise.allSettled(
    part.map((item) => decodeView(items[item].picture, preprocessing, view(item), signal)),
  );
  const views = decoded.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return {
    tensor: () => {
      const x = viewsTensor(views, preprocessing);
      for (const {window} of views) release(window.pixels);
      return x;
    },
    labels: Int32Array.from(part, (item) => items[item].label),
    items: part,
  };
}

function itemOrder(count: number, order: BatchOptions['order']): readonly number[] {
  const all = Array.from({length: count}, (_, item) => item);
  if (order === undefined) return all;
  return 'shuffle' in order ? shuffled(all, mulberry32(order.shuffle)) : order;
}

function checkOptions(
  items: readonly BatchItem[],
  {preprocessing, batchSize, order, ahead = 3}: BatchOptions,
): void {
  checkedPreprocessing(preprocessing);
  for (const [name, value] of Object.entries({batchSize, ahead})) {
    if (!Number.isInteger(value) || value < 1) {
      throw new LabError(`batches: ${name} is ${value}; give a whole number of at least 1.`);
    }
  }
  if (order === undefined || 'shuffle' in order) return;
  const stray = order.find((item) => !(item in items));
  if (stray !== undefined) {
    throw new LabError(
      `batches: order names item ${stray}, but there are ${items.length} items (0 to ${items.length - 1}).`,
    );
  }
}
