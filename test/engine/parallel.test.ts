import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {join, resolve} from 'node:path';
import test from 'node:test';
import {findCompiler} from '../../setup/compiler.mjs';
import {temporaryFolder} from '../ending';

const project = resolve(__dirname, '..', '..');

test('what a thread of a kernel throws reaches the caller, and the next job is as if nothing had been', async (t) => {
  const folder = temporaryFolder(t, 'parallel ');
  const {command, args} = await findCompiler(process.env.LAB_COMPILER || undefined);
  const program = join(folder, 'parallel');
  const sources = ['test/engine/parallel.cc', 'lib/engine/kernels/parallel.cc'].map((file) =>
    join(project, file),
  );
  const cache = {ZIG_GLOBAL_CACHE_DIR: folder, ZIG_LOCAL_CACHE_DIR: folder};
  execFileSync(command, [...args, '-std=c++17', '-pthread', ...sources, '-o', program], {
    env: {...process.env, ...cache},
  });
  for (const threads of ['1', '2', '7']) {
    const env = {...process.env, TF_NUM_INTRAOP_THREADS: threads};
    assert.equal(execFileSync(program, {env, encoding: 'utf8', timeout: 60_000}), 'ok\n');
  }
});
