import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {test} from 'node:test';
import {absoluteMirror, jupyterEnvironment, kernelSpec} from '../../setup/jupyter.mjs';
import {venv} from '../../setup/project.mjs';

test("the kernel is the project's in the Node of the set-up, spaces or not", () => {
  const spec = kernelSpec('/opt/node 20/bin/node');
  const [node, kernel, ...rest] = spec.argv;
  assert.equal(node, '/opt/node 20/bin/node');
  assert.ok(existsSync(kernel));
  assert.deepEqual(rest, ['{connection_file}']);
  assert.equal(spec.env.TF_ENABLE_ONEDNN_OPTS, '1');
  assert.equal(spec.language, 'typescript');
});

test('Jupyter looks at .venv alone, and a relative mirror becomes absolute', () => {
  const environment = jupyterEnvironment({
    JUPYTER_PATH: '/elsewhere',
    LAB_MIRROR: 'mirror',
    LAB_PROFILE: 'smoke',
    INIT_CWD: '/home/me',
  });
  assert.equal(environment.JUPYTER_PATH, undefined);
  assert.equal(environment.LAB_MIRROR, '/home/me/mirror');
  assert.equal(environment.LAB_PROFILE, 'smoke');
  for (const name of ['JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR']) {
    assert.ok(environment[name]?.startsWith(venv), name);
  }
  assert.equal(absoluteMirror('https://example.org/mirror', '/home/me'), 'https://example.org/mirror');
  assert.equal(absoluteMirror('file:///srv/the%20mirror', '/home/me'), '/srv/the mirror');
  assert.throws(
    () => absoluteMirror('file://another-host/mirror', '/home/me'),
    /names no folder.*give its path/,
  );
});
