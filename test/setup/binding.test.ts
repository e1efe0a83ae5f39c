import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {bindingLink, loadedVersion} from '../../setup/binding.mjs';
import {tensorflowVersion} from '../../setup/machine.mjs';
import {enginePackage, root} from '../../setup/project.mjs';

const ours = path.join(root, 'lib', 'engine', 'binding');
const published = path.join(enginePackage, 'binding');

test("the source of the binding is the installed tfjs-node's, but for what is said to differ", () => {
  const read = (folder: string, name: string) => readFileSync(path.join(folder, name), 'utf8');
  const [before, now] = [published, ours].map((folder) => readdirSync(folder));
  const isSource = (name: string) => /\.(cc|h)$/.test(name);
  assert.deepEqual(
    now.filter((name) => isSource(name) && !before.includes(name)),
    ['held_signals.h'],
  );
  assert.deepEqual(
    before.filter((name) => !now.includes(name)),
    ['napi_auto_ref.h'],
  );
  const changed = before.filter((name) => now.includes(name) && read(ours, name) !== read(published, name));
  assert.deepEqual(changed, ['tfjs_backend.cc', 'tfjs_binding.cc']);
  for (const name of changed) {
    const [source, patched] = [published, ours].map((folder) => read(folder, name));
    const kept = new Set(patched.split('\n'));
    const gone = source.split('\n').filter((line) => !kept.has(line));
    assert.equal(gone.length > 0, name === 'tfjs_backend.cc');
    if (gone.length > 0) assert.match(gone[0], /napi_auto_ref/);
    assert.match(patched, /Changed for Transfer Lab/);
  }
  const patched = read(ours, 'tfjs_backend.cc');
  assert.ok(!/AutoRef|TF_NewTensor/.test(patched));
  const calls = ['TFE_OpSetAttrStringList', 'TFE_OpSetAttrTypeList', 'TFE_OpGetAttrType('];
  for (const call of [...calls, 'TFE_ContextOptionsSetConfig', 'getenv("LAB_DEVICE")']) {
    assert.equal(patched.split(call).length, 2, call);
  }
  assert.equal(patched.split('HeldSignals> held').length, 3);
});

test('the compiled binding loads TensorFlow from any folder', () => {
  assert.equal(loadedVersion(bindingLink), tensorflowVersion);
});
