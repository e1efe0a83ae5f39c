import {tf, type Tensor} from '../engine';
import {mulberry32} from '../random';

const rounds = 12;
const spare = 10;

/**
 * Points [count, width] in the coordinates of their `dimensions` principal components (fewer where there are fewer points),
 * centred, each with either sign. Found by subspace iteration with matrix products (Halko et al. 2011, SIAM Review 53,
 * algorithm 4.4).
 */
export function principalComponents(
  vectors: Float32Array,
  width: number,
  dimensions: number,
  seed = 1,
): Float32Array {
  const count = vectors.length / width;
  const kept = Math.min(dimensions, count - 1, width);
  const searched = Math.min(kept + spare, count, width);
  const random = mulberry32(seed);
  const start = Float32Array.from({length: width * searched}, () => 2 * random() - 1);
  const found = tf.tidy(() => {
    const raw = tf.tensor2d(vectors, [count, width]);
    const x = tf.sub(raw, tf.mean(raw, 0));
    let axes: Tensor = orthonormal(tf.tensor2d(start, [width, searched]));
    for (let round = 0; round < rounds; round++) {
      axes = tf.tidy(() => orthonormal(tf.matMul(x, tf.matMul(x, axes), true)));
    }
    const scores = tf.matMul(x, axes);
    return tf.matMul(scores, strongest(tf.matMul(scores, scores, true), kept));
  });
  const values = found.dataSync() as Float32Array;
  found.dispose();
  return values;
}

/** Columns made orthonormal, one after the other (Gram-Schmidt, twice for accuracy). */
function orthonormal(columns: Tensor): Tensor {
  const [height, count] = columns.shape as [number, number];
  const rows = tf.tidy(() => tf.transpose(columns)).dataSync() as Float32Array;
  const basis = Array.from({length: count}, (_, i) =>
    Float64Array.from(rows.subarray(i * height, (i + 1) * height)),
  );
  basis.forEach((vector, i) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const other of basis.slice(0, i)) subtract(vector, other, dot(vector, other));
    }
    const length = Math.sqrt(dot(vector, vector));
    vector.forEach((value, k) => (vector[k] = length < 1e-12 ? 0 : value / length));
  });
  const flat = Float32Array.from({length: rows.length}, (_, i) => basis[Math.floor(i / height)][i % height]);
  return tf.transpose(tf.tensor2d(flat, [count, height]));
}

/** The eigenvectors of the largest eigenvalues of a symmetric matrix, as columns, by Jacobi's rotations. */
function strongest(matrix: Tensor, kept: number): Tensor {
  const size = matrix.shape[0];
  const values = Float64Array.from(matrix.dataSync());
  const vectors = Float64Array.from({length: size * size}, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const at = (row: number, column: number) => row * size + column;
  const rotate = (array: Float64Array, i: number, j: number, c: number, s: number) => {
    const [a, b] = [array[i], array[j]];
    array[i] = c * a - s * b;
    array[j] = s * a + c * b;
  };
  for (let sweep = 0; sweep < 20; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const off = values[at(p, q)];
        if (Math.abs(off) < 1e-12 * Math.sqrt(Math.abs(values[at(p, p)] * values[at(q, q)]))) continue;
        const theta = (values[at(q, q)] - values[at(p, p)]) / (2 * off);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        for (let k = 0; k < size; k++) rotate(values, at(k, p), at(k, q), c, t * c);
        for (let k = 0; k < size; k++) rotate(values, at(p, k), at(q, k), c, t * c);
        for (let k = 0; k < size; k++) rotate(vectors, at(k, p), at(k, q), c, t * c);
      }
    }
  }
  const order = Array.from({length: size}, (_, i) => i).sort((a, b) => values[at(b, b)] - values[at(a, a)]);
  const columns = Float32Array.from(
    {length: size * kept},
    (_, i) => vectors[at(Math.floor(i / kept), order[i % kept])],
  );
  return tf.tensor2d(columns, [size, kept]);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function subtract(vector: Float64Array, other: Float64Array, factor: number): void {
  for (let i = 0; i < vector.length; i++) vector[i] -= factor * other[i];
}
