import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type Distance, neighbours, principalComponents, separation} from '../../lib/embeddings';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import fixture from './fixtures/quality.json';

const near = (actual: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, scikit-learn says ${expected}`);

const pointsOf = ({points, width, labels}: {points: number[]; width: number; labels: number[]}) => ({
  vectors: Float32Array.from(points),
  width,
  photos: labels.map((label) => ({label})),
});

test('neighbours, their votes and the silhouette are those of scikit-learn', () => {
  for (const each of fixture.cases) {
    const points = pointsOf(each);
    const expected = new Map(Object.entries(each.expected));
    for (const distance of ['cosine', 'euclidean'] satisfies Distance[]) {
      for (const k of [1, 4, 5]) {
        const {knnAccuracy, silhouette} = separation(points, {k, distance});
        near(knnAccuracy, expected.get(`${distance} ${k}`)!, 1e-12, `${each.name}, ${distance}, k = ${k}`);
        near(silhouette, expected.get(distance)!, 1e-6, `${each.name}, ${distance}`);
      }
    }
    const nearest = neighbours(points, 5, 5);
    assert.deepEqual(
      nearest.map(({photo}) => photo),
      each.nearestOfFive.map(({photo}) => photo),
      each.name,
    );
    nearest.forEach(({distance}, i) => near(distance, each.nearestOfFive[i].distance, 1e-6, each.name));
  }
});

test('principal components are those of scikit-learn, and of few points there are fewer', () => {
  const {numTensors} = tf.memory();
  const {points, width, variances, distances} = fixture.principal;
  const reduced = principalComponents(Float32Array.from(points), width, 5);
  const count = points.length / width;
  const row = (index: number) => Array.from(reduced.subarray(5 * index, 5 * index + 5));
  variances.forEach((variance, axis) => {
    const values = Array.from({length: count}, (_, index) => row(index)[axis]);
    const mean = values.reduce((sum, value) => sum + value ** 2, 0) / count;
    near(mean, variance, 1e-3 * variance, `variance of component ${axis}`);
  });
  distances.forEach((distance, index) => {
    const [from, to] = [row(0), row(index)];
    near(Math.hypot(...from.map((value, i) => value - to[i])), distance, 2e-3, `distance to point ${index}`);
  });
  assert.equal(principalComponents(Float32Array.from(points.slice(0, 3 * width)), width, 5).length, 3 * 2);
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
});

test('what cannot be told apart is refused', () => {
  const [case0] = fixture.cases;
  const points = pointsOf(case0);
  const refused = (call: () => unknown, wanted: RegExp) =>
    assert.throws(call, (error) => error instanceof LabError && wanted.test(error.message));
  refused(() => separation({...points, photos: points.photos.map(() => ({label: 0}))}), /1 classes/);
  refused(() => separation(points, {k: 31}), /31 photos of 3 classes with k = 31/);
  refused(() => separation(points, {k: 0}), /k = 0/);
  refused(() => neighbours(points, 31), /no photo 31 among these. Give 0 to 30/);
});
