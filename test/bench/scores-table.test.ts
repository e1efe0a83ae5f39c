import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {type ScoredRun, scoredRuns, scoresTable, withSeed} from '../../bench/scores-table';
import {codeCells} from '../../setup/notebook-cells.mjs';
import {findNotebook} from '../../setup/project.mjs';
import {INTERRUPTED, RUNS} from '../charts/runs';

const root = join(__dirname, '../..');

const run = (changes: Partial<ScoredRun>): ScoredRun => ({
  network: 'mobilenet_v2',
  regime: 'last 8 stages',
  seed: 1,
  precision: 'float32',
  val: 0.75,
  test: 0.5,
  ended: '2026-11-27T17:17:07.938Z',
  ...changes,
});

describe('the scores of the notebook in each precision', () => {
  it('gives every experiment of the garbage notebook a seed', () => {
    const notebook = readFileSync(findNotebook('garbage', root), 'utf8');
    const experiments = codeCells(withSeed(notebook, 3)).flatMap(
      (cell) => cell.match(/\blab\.run\(.*/g) ?? [],
    );
    assert.deepEqual(new Set(experiments), new Set(['lab.run({seed: 3, ']));
    assert.equal(experiments.length, 10);
    assert.throws(() => withSeed('{"cells": []}', 3), /no lab\.run/);
  });

  it('means what both precisions have', () => {
    const table = scoresTable([
      run({}),
      run({precision: 'bfloat16', val: 0.8125, test: 0.4375}),
      run({seed: 2, val: 0.25, test: 0.25}),
      run({seed: 2, precision: 'bfloat16', val: 0.25, test: 0.25}),
      run({seed: 3, val: 0.1}),
      run({network: 'vgg16', regime: 'feature extraction', seed: 2, val: 0.5, test: 0.5}),
      run({
        network: 'vgg16',
        regime: 'feature extraction',
        seed: 2,
        precision: 'bfloat16',
        val: 0.5,
        test: 0.75,
      }),
    ]);
    assert.deepEqual(table.split('\n').slice(2), [
      '| mobilenet_v2 | last 8 stages | 2 | 0.5000 | 0.5313 | +0.0313 | 0.3750 | 0.3438 | -0.0313 |',
      '| vgg16 | feature extraction | 1 | 0.5000 | 0.5000 | +0.0000 | 0.5000 | 0.7500 | +0.2500 |',
      '| all |  | 2 | 0.5000 | 0.5208 | +0.0208 | 0.4167 | 0.4792 | +0.0625 |',
    ]);
  });

  it('reads complete runs on real photos alone', () => {
    const seeded = RUNS.map((each) => ({...each, configuration: {...each.configuration, seed: 2}}));
    const [first, second] = seeded;
    const narrow = {...first, configuration: {...first.configuration, precision: 'bfloat16'}};
    const standIn = {...second, configuration: {...second.configuration, standIns: ['CIFAR-10 photos']}};
    const [wide, other, ...more] = scoredRuns([first, narrow, standIn, INTERRUPTED]);
    assert.deepEqual(more, []);
    assert.deepEqual(wide, {
      network: 'mobilenet_v2',
      regime: 'feature extraction',
      seed: 2,
      precision: 'float32',
      val: first.result!.val.macroF1,
      test: first.result!.test!.macroF1,
      ended: first.ended,
    });
    assert.deepEqual(other, {...wide, precision: 'bfloat16'});
    assert.equal(scoredRuns(seeded).length, RUNS.length);
  });
});
