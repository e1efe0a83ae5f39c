import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {before, describe, test} from 'node:test';

describe('what tests made is undone', () => {
  let output: string;
  let undone: string[];
  before(() => {
    const {NODE_TEST_CONTEXT: _, ...env} = process.env;
    const command = ['--import', 'tsx', '--test-reporter=tap', join(__dirname, 'fixtures', 'undoing.ts')];
    output = spawnSync(process.execPath, command, {env, encoding: 'utf8'}).stdout;
    undone = [...output.matchAll(/^undone: (.*)$/gm)].map(([, name]) => name);
  });

  test('the last first, after one that could not be undone too', () => {
    assert.deepEqual(undone.slice(0, 4), ['fourth', 'stuck', 'second', 'first']);
    assert.match(output, /^not ok 1 - one thing that cannot be undone$/m);
    assert.match(output, /error: 'stuck cannot be undone'/);
  });

  test('and each failure is told', () => {
    assert.deepEqual(undone.slice(4, 7), ['stuck late', 'between', 'stuck early']);
    assert.match(output, /^not ok 2 - two of them$/m);
    assert.match(output, /Error: stuck late cannot be undone\n *Error: stuck early cannot be undone/);
  });

  test('a folder too into which something still writes', () => {
    assert.match(output, /^ok 3 - a folder into which something writes for a while yet$/m);
  });

  test('and what a whole file made', () => {
    assert.deepEqual(undone.slice(7), ['last of the file', 'stuck in the file', 'in the folder']);
    assert.match(output, /error: 'stuck in the file cannot be undone'/);
    assert.match(output, /^the folder is gone$/m);
  });
});
