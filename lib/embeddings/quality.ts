/** How well a space tells classes apart, in numbers, and what lies near what in it; equal to scikit-learn's. */
import {LabError} from '../errors';
import type {Embeddings} from './embed';

type Points = Pick<Embeddings, 'vectors' | 'width'>;
/** Points and the class of each. */
export interface LabelledPoints extends Points {
  photos: readonly {label: number}[];
}

/** Of two points: 1 - the cosine of the angle between them (1 where one is zero), or the Euclidean length between them. */
export type Distance = 'cosine' | 'euclidean';

const row = ({vectors, width}: Points, index: number): Float32Array =>
  vectors.subarray(index * width, (index + 1) * width);

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The distances of one point to all, itself included. */
function distancesFrom(points: Points, index: number, distance: Distance, norms: Float64Array): Float64Array {
  const here = row(points, index);
  return norms.map((norm, other) => {
    const there = row(points, other);
    if (distance === 'cosine') {
      const lengths = norms[index] * norm;
      return lengths === 0 ? 1 : 1 - dot(here, there) / lengths;
    }
    let sum = 0;
    for (let i = 0; i < here.length; i++) sum += (here[i] - there[i]) ** 2;
    return Math.sqrt(sum);
  });
}

const normsOf = (points: Points): Float64Array =>
  Float64Array.from({length: points.vectors.length / points.width}, (_, index) =>
    Math.sqrt(dot(row(points, index), row(points, index))),
  );

/** All points but `index`, the nearest first. */
function nearestTo(distances: Float64Array, index: number, count: number): number[] {
  return Array.from(distances, (_, other) => other)
    .filter((other) => other !== index)
    .sort((a, b) => distances[a] - distances[b] || a - b)
    .slice(0, count);
}

/**
 * The photos nearest to photo number `index`, the nearest first, by cosine distance. Throws a LabError where there is no
 * such photo.
 */
export function neighbours(points: Points, index: number, count = 8): {photo: number; distance: number}[] {
  const norms = normsOf(points);
  if (!(index in norms)) {
    throw new LabError(`There is no photo ${index} among these. Give 0 to ${norms.length - 1}.`);
  }
  const distances = distancesFrom(points, index, 'cosine', norms);
  return nearestTo(distances, index, count).map((photo) => ({photo, distance: distances[photo]}));
}

export interface Separation {
  /** Share of the photos whose class is that of most of their `k` nearest neighbours, themselves left out. */
  knnAccuracy: number;
  /**
   * Mean over the photos of (b - a) / max(a, b), where a is the mean distance to the others of its class and b that to
   * the nearest other class (Rousseeuw 1987): 1 is apart, 0 is mixed.
   */
  silhouette: number;
}

/**
 * How well the classes lie apart. Equal votes go to the first of the classes, as in scikit-learn. Throws a LabError unless
 * there are two classes or more, and more photos than `k` and than classes.
 */
export function separation(
  points: LabelledPoints,
  {k = 5, distance = 'cosine'}: {k?: number; distance?: Distance} = {},
): Separation {
  const labels = points.photos.map(({label}) => label);
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  if (sizes.size < 2 || sizes.size >= labels.length || !Number.isInteger(k) || k < 1 || k >= labels.length) {
    throw new LabError(
      `${labels.length} photos of ${sizes.size} classes with k = ${k}: give photos of two classes or more, and more photos than k and than classes.`,
    );
  }
  const norms = normsOf(points);
  let [right, sum] = [0, 0];
  labels.forEach((label, index) => {
    const distances = distancesFrom(points, index, distance, norms);
    if (majority(nearestTo(distances, index, k).map((other) => labels[other])) === label) right++;
    sum += silhouetteOf(distances, index, labels, sizes);
  });
  return {knnAccuracy: right / labels.length, silhouette: sum / labels.length};
}

function majority(votes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const vote of votes) counts.set(vote, (counts.get(vote) ?? 0) + 1);
  return [...counts].sort(([a, votesOfA], [b, votesOfB]) => votesOfB - votesOfA || a - b)[0][0];
}

function silhouetteOf(
  distances: Float64Array,
  index: number,
  labels: readonly number[],
  sizes: ReadonlyMap<number, number>,
): number {
  const own = labels[index];
  if (sizes.get(own) === 1) return 0;
  const sums = new Map<number, number>();
  distances.forEach((distance, other) => {
    if (other !== index) sums.set(labels[other], (sums.get(labels[other]) ?? 0) + distance);
  });
  const a = sums.get(own)! / (sizes.get(own)! - 1);
  const others = [...sums].filter(([label]) => label !== own).map(([label, sum]) => sum / sizes.get(label)!);
  const b = Math.min(...others);
  return Math.max(a, b) === 0 ? 0 : (b - a) / Math.max(a, b);
}
