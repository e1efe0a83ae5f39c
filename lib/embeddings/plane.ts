/** Embeddings in two dimensions, by t-SNE and UMAP as druidjs computes them (LGPL-3.0, a library of its own, not bundled). */
import {setImmediate} from 'node:timers/promises';
import {TSNE, UMAP} from '@saehrimnir/druidjs';
import {LabError} from '../errors';
import type {Embeddings, EmbedHooks} from './embed';
import {principalComponents} from './principal';

/** t-SNE (van der Maaten and Hinton 2008), UMAP (McInnes et al. 2018, arXiv:1802.03426). */
export type PlaneMethod = 't-SNE' | 'UMAP';

export interface PlaneOptions extends EmbedHooks {
  method: PlaneMethod;
  /** Default: 1. */
  seed?: number;
  /** t-SNE: how many neighbours count, roughly. Default: 30. */
  perplexity?: number;
  /** UMAP: how many neighbours count. Default: 15. */
  neighbours?: number;
}

const dimensionsBefore = 50;
const iterations: Record<PlaneMethod, number> = {'t-SNE': 500, UMAP: 350};
const fewest = 5;

/**
 * A point [x, y] for each photo; near ones belong to similar photos, while lengths and the places of far groups say little.
 * Vectors are brought to length 1, so that their direction alone counts, and to their 50 principal components. The same
 * vectors and seed give the same points. Progress is told in steps of the method.
 */
export async function inPlane(
  {vectors, width, title}: Pick<Embeddings, 'vectors' | 'width' | 'title'>,
  {method, seed = 1, perplexity = 30, neighbours = 15, onProgress, signal}: PlaneOptions,
): Promise<[number, number][]> {
  const count = vectors.length / width;
  if (count < fewest) {
    throw new LabError(
      `${title}: ${method} of ${count} photos shows nothing. Give ${fewest} photos or more.`,
    );
  }
  const directions = unitRows(vectors, width);
  const reduced =
    width > dimensionsBefore ? principalComponents(directions, width, dimensionsBefore, seed) : directions;
  const dimensions = reduced.length / count;
  const points = Array.from({length: count}, (_, row) =>
    Array.from(reduced.subarray(row * dimensions, (row + 1) * dimensions)),
  );
  const reduction =
    method === 't-SNE'
      ? new TSNE(points, {seed, perplexity: Math.min(perplexity, (count - 1) / 3)})
      : new UMAP(points, {seed, n_neighbors: Math.min(neighbours, count - 1), min_dist: 0.1});
  const total = iterations[method];
  let [step, paused, places] = [0, performance.now(), points];
  for (const next of reduction.generator(total)) {
    places = next;
    step++;
    if (performance.now() - paused < 50) continue;
    onProgress?.(step, total);
    await setImmediate();
    signal?.throwIfAborted();
    paused = performance.now();
  }
  onProgress?.(total, total);
  if (!places.flat().every(Number.isFinite)) {
    throw new LabError(`${title}: ${method} found no places for these photos. Give other photos, or more.`);
  }
  return places.map(([x, y]) => [x, y]);
}

function unitRows(vectors: Float32Array, width: number): Float32Array {
  const rows = new Float32Array(vectors.length);
  for (let start = 0; start < vectors.length; start += width) {
    const row = vectors.subarray(start, start + width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0));
    rows.set(length === 0 ? row : row.map((value) => value / length), start);
  }
  return rows;
}
