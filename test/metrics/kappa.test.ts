import assert from 'node:assert/strict';
import test from 'node:test';
import {cohensKappa} from '../../lib/metrics';

test("Cohen's own example and the ends of the scale", () => {
  // 20 and 15 of 50 agreed on; chance would give 0.5.
  assert.ok(
    Math.abs(
      cohensKappa([
        [20, 5],
        [10, 15],
      ])! - 0.4,
    ) < 1e-12,
  );
  assert.equal(
    cohensKappa([
      [3, 0],
      [0, 4],
    ]),
    1,
  );
  assert.equal(
    cohensKappa([
      [5, 0],
      [5, 0],
    ]),
    0,
    'one that always says the same',
  );
  assert.equal(
    cohensKappa([
      [0, 2],
      [2, 0],
    ]),
    -1,
  );
  assert.equal(
    cohensKappa([
      [7, 0],
      [0, 0],
    ]),
    null,
    'nothing beyond chance',
  );
});
