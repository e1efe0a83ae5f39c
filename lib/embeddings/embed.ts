import {batches} from '../batches';
import type {Part, Photo, Split} from '../datasets';
import {tf} from '../engine';
import type {NetworkParts} from '../experiments';
import {LabError} from '../errors';
import {penultimate} from '../heads';
import {mulberry32, shuffled} from '../random';

/** What a network's layer before the last makes of photos. */
export interface Embeddings {
  /** The network's. */
  title: string;
  /** What stands in for photos and networks. */
  standIns: readonly string[];
  classes: readonly string[];
  photos: readonly Photo[];
  /** [photos, width], row by row. */
  vectors: Float32Array;
  width: number;
}

export interface EmbedHooks {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** At most so many photos of a part, drawn by the split's seed, in the part's order: the same ones for every network. */
export function somePhotos({parts, seed}: Split, part: Part, most: number): Photo[] {
  if (!Number.isInteger(most) || most < 1) {
    throw new LabError(`most is ${most}. Give a whole number of photos from 1 on.`);
  }
  const photos = parts[part];
  if (photos.length <= most) return [...photos];
  const drawn = shuffled(
    photos.map((_, index) => index),
    mulberry32(seed),
  ).slice(0, most);
  return drawn.sort((a, b) => a - b).map((index) => photos[index]);
}

/** The features that the output layer stands on, of each photo in evaluation's view. */
export async function embed(
  {title, experiment, learner}: Omit<NetworkParts, 'dispose'>,
  photos: readonly Photo[],
  {onProgress, signal}: EmbedHooks = {},
): Promise<Embeddings> {
  if (photos.length === 0) throw new LabError(`${title}: there is no photo in this part. Name another part.`);
  const {preprocessing, standIns, classes} = experiment;
  const parts: Float32Array[] = [];
  let done = 0;
  const stream = batches(photos, {preprocessing, view: () => 'evaluation', batchSize: 32, signal});
  for await (const batch of stream) {
    const features = tf.tidy(() => penultimate(learner, batch.tensor()));
    parts.push(features.dataSync() as Float32Array);
    features.dispose();
    onProgress?.((done += batch.items.length), photos.length);
  }
  const width = parts.reduce((sum, {length}) => sum + length, 0) / photos.length;
  const vectors = new Float32Array(photos.length * width);
  parts.reduce((place, part) => {
    vectors.set(part, place);
    return place + part.length;
  }, 0);
  return {title, standIns, classes, photos, vectors, width};
}
