/** Packages that the lab can do without. */
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {test} from 'node:test';
import {LabError} from '../../lib/errors';
import {optionalPackage} from '../../lib/notebook/optional';

test('danfojs groups rows where it is installed', () => {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment
  const {DataFrame} = optionalPackage('danfojs-node');
  const rows = [1, 2, 6].map((f1, i) => ({kind: i < 2 ? 'a' : 'b', f1}));
  // eslint-disable-next-line
  const means = new DataFrame(rows).groupby(['kind']).col(['f1']).mean();
  // eslint-disable-next-line
  assert.deepEqual(means.values, [
    ['a', 1.5],
    ['b', 6],
  ]);
});

test('without it the library loads, and the cell that wants it is told what is missing', () => {
  assert.throws(
    () => optionalPackage('a-package-that-is-not-there') as unknown,
    (error: LabError) =>
      error instanceof LabError && /needs the npm package a-pack.*npm ci/.test(error.message),
  );
  // The package hidden from a process of its own.
  const code = `
    const Module = require('node:module');
    const find = Module._resolveFilename;
    Module._resolveFilename = function (name, ...rest) {
      if (name === 'danfojs-node') throw Object.assign(new Error('hidden'), {code: 'MODULE_NOT_FOUND'});
      return find.call(this, name, ...rest);
    };
    const {optionalPackage, openLab} = require('./lib/index.ts');
    console.log(typeof openLab);
    try { optionalPackage('danfojs-node'); } catch (error) { console.log(error.message); }`;
  const {stdout, stderr} = spawnSync(process.execPath, ['--import', 'tsx', '-e', code], {encoding: 'utf8'});
  assert.match(stdout, /function\n.*needs the npm package danfojs-node, which is not installed/, stderr);
});
