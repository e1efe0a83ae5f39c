/** Which photos are asked for next, on numbers small enough to follow by hand. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {choosePhotos, highestEntropy, leastMargin, type Rows, spread, strategies} from '../../lib/labelling';
import {mulberry32} from '../../lib/random';

const rows = (...rows: number[][]): Rows => ({
  values: Float32Array.from(rows.flat()),
  width: rows[0].length,
});

const PROBABILITIES = rows(
  [0.9, 0.05, 0.05],
  [0.5, 0.49, 0.01],
  [0.4, 0.3, 0.3],
  [0.34, 0.33, 0.33],
  [0.6, 0.2, 0.2],
);

test('the margin looks at the two most probable classes alone, the entropy at all', () => {
  assert.deepEqual(leastMargin(PROBABILITIES, [0, 1, 2, 3, 4], 3), [1, 3, 2]);
  assert.deepEqual(highestEntropy(PROBABILITIES, [0, 1, 2, 3, 4], 3), [3, 2, 4]);
  assert.deepEqual(leastMargin(PROBABILITIES, [0, 4], 3), [4, 0], 'no more than there are');
  assert.deepEqual(highestEntropy(rows([1, 0], [0.5, 0.5]), [0, 1], 1), [1], 'a sure one has no entropy');
});

test('equally unsure photos come in their own order', () => {
  const same = rows([0.5, 0.5], [0.5, 0.5], [0.5, 0.5]);
  assert.deepEqual(leastMargin(same, [2, 0, 1], 2), [0, 1]);
});

test('the spread takes what is farthest from all that is chosen or labelled', () => {
  const line = rows([0], [1], [4], [5], [11]);
  assert.deepEqual(spread(line, [0, 1, 2, 3, 4], 3), [2, 4, 0], 'the first is nearest to the mean of 4.2');
  assert.deepEqual(spread(line, [1, 2, 3], 2, [0, 4]), [3, 1], '5 is 5 from 0, then 1 and 4 are each 1 away');
  assert.deepEqual(spread(line, [0, 1], 5), [0, 1]);
});

test('each strategy chooses as many as are wanted, none twice, the same for the same seed', () => {
  const random = mulberry32(5);
  const features = rows(...Array.from({length: 60}, () => [random(), random()]));
  const certainty = Array.from({length: 60}, () => random());
  const probabilities = rows(...certainty.map((p) => [p, 1 - p]));
  const labelled = [0, 1, 2];
  const candidates = Array.from({length: 57}, (_, i) => i + 3);
  const choose = (strategy: (typeof strategies)[number], said: Rows | null) =>
    choosePhotos(strategy, {features, candidates, labelled, count: 7, random: mulberry32(1)}, said);
  for (const strategy of strategies) {
    for (const said of [null, probabilities]) {
      const chosen = choose(strategy, said);
      assert.equal(new Set(chosen).size, 7, strategy);
      assert.ok(
        chosen.every((row) => candidates.includes(row)),
        strategy,
      );
      assert.deepEqual(choose(strategy, said), chosen, strategy);
    }
  }
  const unsure = leastMargin(probabilities, candidates, 35);
  assert.ok(choose('margin and spread', probabilities).every((row) => unsure.includes(row)));
  assert.deepEqual(choose('least margin', probabilities), unsure.slice(0, 7));
});
