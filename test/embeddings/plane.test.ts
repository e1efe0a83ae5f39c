import assert from 'node:assert/strict';
import {test} from 'node:test';
import {inPlane, type PlaneMethod, separation} from '../../lib/embeddings';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {mulberry32} from '../../lib/random';

/** 90 vectors of 64 numbers in three groups. */
function groups() {
  const random = mulberry32(3);
  const labels = Array.from({length: 90}, (_, index) => index % 3);
  const vectors = Float32Array.from({length: 90 * 64}, (_, i) => {
    const [index, axis] = [Math.floor(i / 64), i % 64];
    return random() + (axis % 3 === labels[index] ? 1 : 0);
  });
  return {title: 'groups', vectors, width: 64, photos: labels.map((label) => ({label}))};
}

for (const method of ['t-SNE', 'UMAP'] satisfies PlaneMethod[]) {
  test(`${method} keeps groups together, the same way each time`, async () => {
    const {numTensors} = tf.memory();
    const points = groups();
    const told: number[] = [];
    const places = await inPlane(points, {method, onProgress: (step) => told.push(step)});
    assert.equal(places.length, 90);
    const vectors = Float32Array.from(places.flat());
    const {knnAccuracy, silhouette} = separation({...points, vectors, width: 2}, {distance: 'euclidean'});
    assert.equal(knnAccuracy, 1);
    assert.ok(silhouette > 0.5, `silhouette ${silhouette}`);
    assert.deepEqual(await inPlane(points, {method}), places);
    assert.notDeepEqual(await inPlane(points, {method, seed: 2}), places);
    assert.equal(told.at(-1), method === 'UMAP' ? 350 : 500);
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  });
}

test('it stops when it is told to, and few photos are refused', async () => {
  const points = groups();
  const stop = new AbortController();
  const stopped = inPlane(points, {method: 't-SNE', signal: stop.signal});
  stop.abort(new Error('stopped'));
  await assert.rejects(stopped, /stopped/);
  const few = {...points, vectors: points.vectors.slice(0, 4 * 64)};
  await assert.rejects(
    inPlane(few, {method: 'UMAP'}),
    (error) => error instanceof LabError && /groups: UMAP of 4 photos shows nothing/.test(error.message),
  );
});
