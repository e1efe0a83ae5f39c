import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import type {ScaleReport} from '../../bench/scale-run';
import {epochsTable, scaleTable} from '../../bench/scale-tables';

const megabyte = 2 ** 20;

const report = (pictures: number, seconds: number, megabytes: number): ScaleReport => ({
  pictures,
  steps: [
    {name: 'opening', seconds: 1, processor: 1, peak: megabyte},
    {name: 'frozen', seconds: seconds - 1, processor: seconds, peak: megabytes * megabyte},
  ],
  epochs: [],
});

describe('the tables of how a lab scales', () => {
  it('tells what a picture more costs, and the ratios of 30 times as many', () => {
    const table = scaleTable([report(500, 5, 600), report(2000, 8, 610), report(15_000, 60, 660)]);
    assert.deepEqual(table.split('\n').slice(2), [
      '| 500 | 1.0 | 4.0 | 5.0 |  | 6.0 | 600 |',
      '| 2000 | 1.0 | 7.0 | 8.0 | 2.00 | 9.0 | 610 |',
      '| 15000 | 1.0 | 59.0 | 60.0 | 4.00 | 61.0 | 660 |',
      '| 15000 / 500 | 1.0 | 14.8 | 12.0 |  | 10.2 | 1.10 |',
    ]);
  });

  it('shows the epochs that are asked for', () => {
    const states = [1, 2, 3].map((each) => ({
      tensors: 10,
      tensorBytes: each * megabyte,
      resident: (500 + each) * megabyte,
    }));
    assert.deepEqual(epochsTable(states, [1, 3]).split('\n').slice(2), [
      '| 1 | 10 | 1.00 | 501 |',
      '| 3 | 10 | 3.00 | 503 |',
    ]);
  });
});
