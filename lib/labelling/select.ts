/**
 * Which photos to ask for next (Settles 2009, Active Learning Literature Survey, and as noted below). Pure functions of
 * what the network says of the photos and of their features; photos are named by their rows.
 */
import {LabError} from '../errors';
import {shuffled} from '../random';

/** A row of `width` numbers for each photo. */
export interface Rows {
  values: Float32Array;
  width: number;
}

/** How the photos to ask for are chosen. */
export const strategies = ['margin and spread', 'least margin', 'entropy', 'spread', 'random'] as const;
export type Strategy = (typeof strategies)[number];

export const defaultStrategy: Strategy = 'margin and spread';

/** Among how many times the photos wanted chance or the margin selects before they are spread. */
const oversampling = 5;

/** What a choice is made from. */
export interface Choice {
  features: Rows;
  /** The photos that may be asked for. */
  candidates: readonly number[];
  /** Those that have a label. */
  labelled: readonly number[];
  count: number;
  random: () => number;
}

/**
 * Chooses photos by a strategy. Before there is a network, which `probabilities` are of, all but 'random' choose photos that
 * lie apart, of a few drawn at random: so the classes come out balanced without being known, and there are few outliers.
 */
export function choosePhotos(strategy: Strategy, choice: Choice, probabilities: Rows | null): number[] {
  const {features, candidates, labelled, count, random} = choice;
  if (strategy === 'random') return drawn(candidates, count, random);
  if (!probabilities)
    return spread(features, drawn(candidates, oversampling * count, random), count, labelled);
  switch (strategy) {
    case 'least margin':
      return leastMargin(probabilities, candidates, count);
    case 'entropy':
      return highestEntropy(probabilities, candidates, count);
    case 'spread':
      return spread(features, candidates, count, labelled);
    case 'margin and spread':
      return spread(features, leastMargin(probabilities, candidates, oversampling * count), count);
    default:
      throw new LabError(`There is no strategy "${String(strategy)}". Give ${strategies.join(', ')}.`);
  }
}

/** The margin between the two most probable classes, least first: 0 where the network cannot tell them apart. */
export function leastMargin(probabilities: Rows, candidates: readonly number[], count: number): number[] {
  return leastFirst(candidates, (row) => margin(rowOf(probabilities, row))).slice(0, count);
}

/** The entropy of the probabilities, highest first; with two classes the order is that of the margins. */
export function highestEntropy(probabilities: Rows, candidates: readonly number[], count: number): number[] {
  return leastFirst(candidates, (row) => -entropy(rowOf(probabilities, row))).slice(0, count);
}

/**
 * Photos spread over the feature space: each is the one farthest from all before it and from those in `labelled`
 * (k-center greedy: Sener and Savarese 2018, arXiv:1708.00489). Without any before it, the first is the one nearest to
 * the candidates' mean.
 */
export function spread(
  features: Rows,
  candidates: readonly number[],
  count: number,
  labelled: readonly number[] = [],
): number[] {
  const distances = new Float64Array(candidates.length).fill(Infinity);
  const nearTo = (center: Float32Array) =>
    candidates.forEach((row, i) => {
      distances[i] = Math.min(distances[i], squaredDistance(rowOf(features, row), center));
    });
  for (const row of labelled) nearTo(rowOf(features, row));
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, candidates.length)) {
    const isFirst = chosen.length + labelled.length === 0;
    const place = isFirst ? mostTypical(features, candidates) : placeOfGreatest(distances);
    chosen.push(candidates[place]);
    nearTo(rowOf(features, candidates[place]));
    distances[place] = -Infinity;
  }
  return chosen;
}

/** Photos as chance draws them. */
export function drawn(candidates: readonly number[], count: number, random: () => number): number[] {
  return shuffled(candidates, random).slice(0, count);
}

/** The place among the candidates of the one nearest to their mean. */
function mostTypical(features: Rows, candidates: readonly number[]): number {
  const mean = new Float32Array(features.width);
  for (const row of candidates) {
    rowOf(features, row).forEach((value, i) => (mean[i] += value / candidates.length));
  }
  return placeOfGreatest(candidates.map((row) => -squaredDistance(rowOf(features, row), mean)));
}

function placeOfGreatest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function margin(probabilities: Float32Array): number {
  const [first, second] = [...probabilities].sort((a, b) => b - a);
  return first - second;
}

/** In nats. */
function entropy(probabilities: Float32Array): number {
  return -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
}

function leastFirst(candidates: readonly number[], value: (row: number) => number): number[] {
  return candidates
    .map((row) => ({row, value: value(row)}))
    .sort((a, b) => a.value - b.value || a.row - b.row)
    .map(({row}) => row);
}

export function rowOf({values, width}: Rows, row: number): Float32Array {
  return values.subarray(row * width, (row + 1) * width);
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}
