/** Parts of a split as sources for training: photos decoded on the way, or frozen features read from their stores. */
import {batchCount, batches, type BatchItem, type Partition, partition} from '../batches';
import {tensorTaking} from '../engine';
import type {FeatureStore} from '../features';
import type {Augmentation, Preprocessing} from '../pictures';
import {fnv1a, mulberry32, shuffled} from '../random';
import type {Source} from '../training';

/** The order of an epoch, the same whenever it is drawn. */
function epochOrder(count: number, seed: number, epoch: number | 'evaluation'): number[] {
  const indices = Array.from({length: count}, (_, index) => index);
  return epoch === 'evaluation' ? indices : shuffled(indices, mulberry32(fnv1a(`order ${seed} ${epoch}`)));
}

/** A photo left alone has no statistics to train a BatchNorm with, so it joins the batch before it. */
const intoBatches = (batchSize: number): Partition => ({batchSize, joinSingle: true});

/** How many batches a source makes of so many photos. */
export const batchesPerEpoch = (count: number, batchSize: number): number =>
  batchCount(count, intoBatches(batchSize));

export interface PhotoSourceOptions {
  preprocessing: Preprocessing;
  augmentation: Augmentation;
  batchSize: number;
  seed: number;
}

/** Photos [batch, height, width, 3], each epoch of training in new augmented views. */
export function photoSource(photos: readonly BatchItem[], options: PhotoSourceOptions): Source {
  const {preprocessing, augmentation, batchSize, seed} = options;
  return {
    size: photos.length,
    batchesPerEpoch: batchesPerEpoch(photos.length, batchSize),
    async *batches(epoch, signal) {
      const view = epoch === 'evaluation' ? epoch : {augmentation, seed: fnv1a(`view ${seed} ${epoch}`)};
      const order = epochOrder(photos.length, seed, epoch);
      const stream = batches(photos, {
        ...intoBatches(batchSize),
        preprocessing,
        view: () => view,
        order,
        signal,
      });
      for await (const batch of stream) yield {x: batch.tensor(), labels: batch.labels};
    },
  };
}

/** Frozen features; epochs of training take turns through the stored views. `views[0]` serves evaluation. */
export function featureSource(
  photos: readonly BatchItem[],
  views: readonly FeatureStore[],
  {batchSize, seed}: {batchSize: number; seed: number},
): Source {
  return {
    size: photos.length,
    batchesPerEpoch: batchesPerEpoch(photos.length, batchSize),
    *batches(epoch) {
      const store = views[epoch === 'evaluation' ? 0 : (epoch - 1) % views.length];
      const order = epochOrder(photos.length, seed, epoch);
      for (const indices of partition(order, intoBatches(batchSize))) {
        const part = indices.map((index) => photos[index]);
        const values = store.read(part.map(({picture}) => picture.key));
        yield {
          x: tensorTaking(values, [part.length, ...store.shape]),
          labels: Int32Array.from(part, ({label}) => label),
        };
      }
    },
  };
}
