import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {bindingLink, loadedVersion} from '../../setup/binding.mjs';
import {tensorflowVersion} from '../../setup/machine.mjs';
import {enginePackage, root} from '../../setup/project.mjs';

const ours = path.join(root, 'lib', 'engine', 'binding');
const published = path.join(enginePackage, 'binding');

test("the source of the binding is the installed tfjs-node's, with one file changed and one new", () => {
  const changed = readdirSync(published).filter(
    (name) =>
      readFileSync(path.join(ours, name), 'utf8') !== readFileSync(path.join(published, name), 'utf8'),
  );
  assert.deepEqual(changed, ['tfjs_backend.cc']);
  const [source, patched] = [published, ours].map((folder) =>
    readFileSync(path.join(folder, 'tfjs_backend.cc'), 'utf8'),
  );
  const kept = new Set(patched.split('\n'));
  assert.ok(source.split('\n').every((line) => kept.has(line)));
  assert.match(patched, /Changed for Transfer Lab/);
  const calls = ['TFE_OpSetAttrStringList', 'TFE_OpSetAttrTypeList', 'TFE_OpGetAttrType('];
  for (const call of [...calls, 'TFE_ContextOptionsSetConfig', 'getenv("LAB_DEVICE")']) {
    assert.equal(patched.split(call).length, 2, call);
  }
  assert.equal(patched.split('HeldSignals> held').length, 3);
});

test('the compiled binding loads TensorFlow from any folder', () => {
  assert.equal(loadedVersion(bindingLink), tensorflowVersion);
});
