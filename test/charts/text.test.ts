import assert from 'node:assert/strict';
import {test} from 'node:test';
import {duration} from '../../lib/charts/text';

test('durations are said in the one or two units that matter', () => {
  assert.deepEqual([0, 59.4, 59.5, 150, 569, 570, 3569, 3570, 4800].map(duration), [
    ...['0 s', '59 s', '1 min', '2.5 min', '9.5 min', '10 min', '59 min'],
    ...['1 h 0 min', '1 h 20 min'],
  ]);
});
