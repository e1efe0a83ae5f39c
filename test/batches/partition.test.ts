import assert from 'node:assert/strict';
import test from 'node:test';
import {batchCount, type Partition, partition} from '../../lib/batches';

const cases: [number, Partition, number[]][] = [
  [0, {batchSize: 3}, []],
  [6, {batchSize: 3}, [3, 3]],
  [7, {batchSize: 3}, [3, 3, 1]],
  [7, {batchSize: 3, joinSingle: true}, [3, 4]],
  [8, {batchSize: 3, joinSingle: true}, [3, 3, 2]],
  [28, {batchSize: 27, joinSingle: true}, [28]],
  [1, {batchSize: 3, joinSingle: true}, [1]],
  [3, {batchSize: 1, joinSingle: true}, [1, 1, 1]],
  [0, {batchSize: 3, joinSingle: true}, []],
  [8, {batchSize: 3, dropLast: true}, [3, 3]],
  [7, {batchSize: 3, dropLast: true, joinSingle: true}, [3, 3]],
  [2, {batchSize: 3, dropLast: true}, []],
];

for (const [count, options, lengths] of cases) {
  test(`${count} items into batches ${JSON.stringify(options)}`, () => {
    const items = Array.from({length: count}, (_, i) => i);
    const batches = partition(items, options);
    assert.deepEqual(
      batches.map((batch) => batch.length),
      lengths,
    );
    assert.equal(batchCount(count, options), lengths.length);
    const whole = batches.flat();
    assert.deepEqual(whole, items.slice(0, whole.length));
  });
}
