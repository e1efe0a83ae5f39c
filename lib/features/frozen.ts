/** What is frozen is computed once: the output of frozen stages per photo and view, kept on disk. */
import {setImmediate} from 'node:timers/promises';
import type {Backbone, InferenceNet} from '../backbones';
import {batches, type BatchItem} from '../batches';
import {release, tensorTaking, tf, type Tensor} from '../engine';
import type {Preprocessing, View} from '../pictures';
import {FeatureStore} from './store';

export interface FrozenOptions {
  backbone: Backbone;
  /** What tells these weights from others: the SHA-256 of their file. */
  weights: string;
  preprocessing: Preprocessing;
  view: View;
  /**
   * Numbers of frozen stages, ascending; all of them means what the head stands on. Every one gets a store, filled in a single
   * pass over the photos.
   */
  stages: number[];
  /** Where the stores lie. */
  folder: string;
  /** Default 32. */
  batchSize?: number;
  onProgress?: (done: number, total: number) => void;
  /** Told of the seconds that computing has taken since it was last told. */
  onSpent?: (seconds: number) => void;
  signal?: AbortSignal;
  /** Told once when another kernel keeps a store from being opened. */
  onWait?: (message: string) => void;
}

const defaultBatchSize = 32;

/** The key of a store: everything that its numbers depend on besides the photo. */
function storeKey(
  {backbone, weights, preprocessing, view}: FrozenOptions,
  stage: number,
): Record<string, unknown> {
  const key = {architecture: backbone.architecture.name, weights, stage, preprocessing, view};
  // Older versions knew float32 alone.
  return backbone.precision === 'float32' ? key : {...key, precision: backbone.precision};
}

/** Shape of one photo's output after `stage` stages. */
function outputShape({backbone, preprocessing}: FrozenOptions, stage: number): number[] {
  const {stages, featureShape} = backbone.architecture;
  return stage === stages.length
    ? featureShape
    : backbone.architecture.summary(preprocessing.crop)[stage - 1].output;
}

/**
 * Opens the stores of the given stages and computes what they lack of these photos, each photo from the output that the
 * store in front of the first that lacks it holds. What is computed is stored at once, so that an interruption loses
 * nothing. Others may compute and read the same stores at the same time, in this process or another. On an error no
 * store stays open.
 */
export async function frozenFeatures(
  photos: readonly BatchItem[],
  options: FrozenOptions,
): Promise<FeatureStore[]> {
  const {backbone, folder, stages, onProgress, onSpent, signal, onWait} = options;
  const stores: FeatureStore[] = [];
  const net = backbone.inference();
  try {
    for (const stage of stages) {
      const description = {key: storeKey(options, stage), shape: outputShape(options, stage)};
      stores.push(await FeatureStore.open(folder, description, {signal, onWait}));
    }
    const firstLacking = ({picture}: BatchItem) => stores.findIndex((store) => !store.has(picture.key));
    const lacking = stores.map((_, index) => photos.filter((photo) => firstLacking(photo) === index));
    let done = photos.length - lacking.flat().length;
    for (const [index, items] of lacking.entries()) {
      const outputs =
        index === 0 ? decodedPhotos(items, options) : storedOutputs(stores[index - 1], items, options);
      let began = performance.now();
      for await (const {x, keys} of outputs) {
        fillFrom(index, x, keys, began);
        onSpent?.(secondsSince(began));
        began = performance.now();
        done += keys.length;
        onProgress?.(done, photos.length);
        await setImmediate();
        signal?.throwIfAborted();
      }
    }
    return stores;
  } catch (error) {
    for (const store of stores) store.close();
    throw error;
  } finally {
    net.dispose();
  }

  /**
   * Runs on from the output in front of store `index` and puts what it and each later store lacks into them; nothing of
   * it when another experiment has put all of it there meanwhile. A record costs what has passed since `began`, when the
   * work on these photos began, and what the record cost that it was computed from.
   */
  function fillFrom(index: number, x: Tensor, keys: string[], began: number): void {
    const lacking = stores.slice(index);
    for (const store of lacking) store.refresh();
    if (keys.every((key) => lacking.every((store) => store.has(key)))) return x.dispose();
    let [map, reached] = [x, stages[index - 1] ?? 0];
    const before = index === 0 ? 0 : (stores[index - 1].secondsOf(keys) ?? NaN);
    for (let i = index; i < stages.length; i++) {
      const next = advanceTo(backbone, net, map, reached, stages[i]);
      map.dispose();
      [map, reached] = [next, stages[i]];
      const values = map.dataSync() as Float32Array;
      stores[i].append(keys, values, (before + secondsSince(began)) / keys.length);
      release(values);
    }
    map.dispose();
  }
}

/** The output after `to` stages, pooled when these are all. */
function advanceTo(backbone: Backbone, net: InferenceNet, x: Tensor, from: number, to: number): Tensor {
  return tf.tidy(() => {
    const map = backbone.run(net, x, {from, to});
    return to === backbone.architecture.stages.length ? backbone.pool(net, map) : map;
  });
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;

interface Output {
  x: Tensor;
  keys: string[];
}

function* storedOutputs(
  store: FeatureStore,
  photos: BatchItem[],
  {batchSize = defaultBatchSize}: FrozenOptions,
): Generator<Output> {
  for (let start = 0; start < photos.length; start += batchSize) {
    const keys = photos.slice(start, start + batchSize).map(({picture}) => picture.key);
    yield {x: tensorTaking(store.read(keys), [keys.length, ...store.shape]), keys};
  }
}

async function* decodedPhotos(
  photos: BatchItem[],
  {preprocessing, view, batchSize = defaultBatchSize, signal}: FrozenOptions,
): AsyncGenerator<Output> {
  for await (const batch of batches(photos, {preprocessing, view: () => view, batchSize, signal})) {
    yield {x: batch.tensor(), keys: batch.items.map((item) => photos[item].picture.key)};
  }
}
