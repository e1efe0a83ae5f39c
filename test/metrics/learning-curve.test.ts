import assert from 'node:assert/strict';
import test from 'node:test';
import {LabError} from '../../lib/errors';
import {labelsToReach, learningCurve} from '../../lib/metrics';

test('mean and deviation over the seeds, and the first number of labels that comes to a score', () => {
  const curve = learningCurve(
    'random',
    [10, 20, 30],
    [
      [0.5, 0.75, 0.75],
      [0.5, 1, 0.5],
    ],
  );
  assert.deepEqual(curve.mean, [0.5, 0.875, 0.625]);
  assert.deepEqual(curve.deviation, [0, Math.sqrt(2 * 0.125 ** 2), Math.sqrt(2 * 0.125 ** 2)]);
  assert.deepEqual(
    [0.4, 0.625, 0.9].map((score) => labelsToReach(curve, score)),
    [10, 20, null],
  );
  assert.deepEqual(learningCurve('one seed', [10], [[0.5]]).deviation, [0]);
  assert.throws(
    () => learningCurve('random', [10, 20], [[0.5, 0.6], [0.5]]),
    (error: Error) =>
      error instanceof LabError && /2 numbers of labels stand against 1 scores/.test(error.message),
  );
});
