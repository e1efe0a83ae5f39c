import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {type LabComparison, labTable, peerSplit} from '../../bench/lab-comparison';
import type {Photo} from '../../lib/datasets';
import {PhotoFile} from '../../lib/pictures';

const photo = (name: string, label: number): Photo => ({
  picture: new PhotoFile(`/home/data/photos/${name}`, name),
  label,
  hash: '0'.repeat(16),
  part: null,
});

const outcome = (seconds: number, peakRssMB: number) => ({
  seconds,
  secondsPerEpoch: [3, 1, 2],
  valMacroF1: [0.5, 0.75, 0.625],
  testMacroF1: 0.6875,
  peakRssMB,
});

const comparison = (changes: Partial<LabComparison>): LabComparison => ({
  network: 'mobilenet_v2',
  settings: {regime: 'frozen', photosPerClass: 10, epochs: 3, views: 0},
  size: 224,
  mode: 'expert',
  precision: 'float32',
  photos: {train: 42, val: 6, test: 12},
  ours: outcome(10, 600),
  theirs: outcome(20, 1200),
  ...changes,
});

describe('the split of the labs beside PyTorch', () => {
  it('names photos by their paths below the root, with their classes', () => {
    const parts = {
      train: [photo('glass/1.jpg', 0), photo('metal/2.jpg', 1)],
      val: [photo('glass/3.jpg', 0)],
      test: [],
    };
    assert.deepEqual(peerSplit(['glass', 'metal'], parts, '/home/data'), {
      classes: ['glass', 'metal'],
      train: [
        ['photos/glass/1.jpg', 0],
        ['photos/metal/2.jpg', 1],
      ],
      val: [['photos/glass/3.jpg', 0]],
      test: [],
    });
  });
});

describe('the table of the labs beside PyTorch', () => {
  it('has both sides in a cell, the median epoch and the best validation', () => {
    const [, , row] = labTable([comparison({})]).split('\n');
    assert.equal(
      row,
      '| mobilenet_v2 | frozen | an expert | float32 | 224 | 42 + 6 + 12 | 3 | 10.0 / 20.0 | 0.50 | 2.00 / 2.00 | 600 / 1200 | 0.50 ' +
        '| 0.750 / 0.750 | 0.688 / 0.688 |',
    );
  });

  it('takes for the mean each side in the precision in which it was quicker', () => {
    const table = labTable([
      comparison({}),
      comparison({precision: 'bfloat16', ours: outcome(12, 500), theirs: outcome(5, 1000)}),
      comparison({network: 'squeezenet1_1', ours: outcome(8, 300), theirs: outcome(16, 300)}),
    ]);
    // 10 s at 600 MB beside 5 s at 1000 MB, and 8 s beside 16 s at 300 MB each.
    assert.match(table, /geometric mean \| frozen \| an expert \| the quicker one .* 1\.00 \|.* 0\.77 \|/);
  });

  it('has a mean for each regime beside each way to write PyTorch', () => {
    const settings = {...comparison({}).settings, regime: 'last-stages' as const};
    const table = labTable([comparison({}), comparison({mode: 'student'}), comparison({settings})]);
    const means = table.split('\n').filter((line) => line.includes('geometric mean'));
    assert.deepEqual(
      means.map((line) => line.split(' | ').slice(1, 3).join(', ')),
      ['frozen, an expert', 'frozen, a student', 'last 3 stages, an expert'],
    );
  });
});
