import type {Bucket} from './events';

/**
 * How many of the values lie in each of `count` equally wide buckets from the least to the greatest; one bucket where
 * all are equal. What is not finite is left out; no bucket where nothing is left.
 */
export function bucketsOf(values: Float32Array, count = 30): Bucket[] {
  let [least, greatest, finite] = [Infinity, -Infinity, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
    finite++;
  }
  if (finite === 0) return [];
  if (least === greatest) return [[least - 0.5, greatest + 0.5, finite]];
  const counts = new Float64Array(count);
  const scale = count / (greatest - least);
  for (const value of values) {
    if (Number.isFinite(value)) counts[Math.min(count - 1, Math.floor((value - least) * scale))]++;
  }
  const edge = (bucket: number) => least + ((greatest - least) * bucket) / count;
  return Array.from(counts, (inside, bucket) => [edge(bucket), edge(bucket + 1), inside]);
}

/** At most `most` of some tensors, the first and the last among them; of many, only those of rank 2 or more, which are no biases. */
export function someOf<T extends {shape: number[]}>(
  tensors: ReadonlyMap<string, T>,
  most: number,
): [string, T][] {
  const all = [...tensors];
  if (all.length <= most) return all;
  const matrices = all.filter(([, {shape}]) => shape.length > 1);
  if (matrices.length <= most) return matrices;
  return Array.from(
    {length: most},
    (_, index) => matrices[Math.round((index * (matrices.length - 1)) / Math.max(1, most - 1))],
  );
}
