/** npm run doctor in a throw-away copy of the project that was broken by hand. */
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {readdir, rm, symlink, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {type TestContext, test} from 'node:test';
import {engineFolder} from '../../setup/engine.mjs';
import {root, venv} from '../../setup/project.mjs';
import {temporaryFolder} from '../ending';

/** The copy shares its files with the project (hard links), so what is broken in it is removed, never written into. */
function copyOfProject(t: TestContext): string {
  const copy = temporaryFolder(t, 'lab doctor ', path.dirname(root));
  const parts = ['package.json', 'package-lock.json', 'tsconfig.json', 'setup', 'lib', 'dist', 'notebooks'];
  for (const part of [...parts, 'node_modules', '.venv']) {
    const {status, stderr} = spawnSync('cp', ['-a', '-l', path.join(root, part), copy], {encoding: 'utf8'});
    assert.equal(status, 0, stderr);
  }
  return copy;
}

function doctor(copy: string): {status: number | null; text: string} {
  const {status, stdout, stderr} = spawnSync(process.execPath, [path.join(copy, 'setup', 'doctor.mjs')], {
    cwd: copy,
    encoding: 'utf8',
    env: {...process.env, INIT_CWD: copy, LAB_MIRROR: 'file:///srv/mirror'},
  });
  return {status, text: stdout + stderr};
}

test('the doctor finds what was broken by hand', {timeout: 300_000}, async (t) => {
  if (process.platform !== 'linux' || !existsSync(venv)) return t.skip('needs Linux and .venv');
  const copy = copyOfProject(t);
  const remove = (...parts: string[]) => rm(path.join(copy, ...parts), {recursive: true});
  const lib = path.join('.venv', 'lib');
  const [python] = await readdir(path.join(copy, lib));

  await remove(lib, python, 'site-packages', 'nbclient');
  await remove(path.relative(root, engineFolder()), 'tensorflow', 'libtensorflow_framework.so.2');
  await remove('node_modules', 'sharp', 'dist');
  const kernel = path.join(copy, '.venv', 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');
  await rm(kernel);
  await writeFile(kernel, JSON.stringify({argv: ['/opt/another/node', 'kernel.mjs']}));
  const broken = doctor(copy);
  assert.equal(broken.status, 1);
  assert.match(broken.text, /MISSING {2}JupyterLab .*No module named 'nbclient'; run: npm run setup/);
  assert.match(broken.text, /MISSING {2}TensorFlow .*libtensorflow_framework\.so\.2 is missing/);
  assert.match(broken.text, /MISSING {2}the binding .*TensorFlow does not load/);
  assert.match(
    broken.text,
    /MISSING {2}the TypeScript kernel .*kernel\.json in \.venv is missing or out of date/,
  );
  assert.match(broken.text, /MISSING {2}npm packages .*Cannot find module/);
  assert.match(broken.text, /LAB_MIRROR +\/srv\/mirror does not exist/);

  await remove('.venv', 'bin', 'python');
  await symlink('/opt/python-that-is-gone', path.join(copy, '.venv', 'bin', 'python'));
  const gone = doctor(copy);
  assert.equal(gone.status, 1);
  assert.match(gone.text, /MISSING {2}JupyterLab .*\.venv has no Python, or one that is gone/);
});
