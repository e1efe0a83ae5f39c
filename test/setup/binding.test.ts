import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {patchBackend, patchedFile} from '../../setup/binding-patch.mjs';
import {bindingLink, loadedVersion} from '../../setup/binding.mjs';
import {tensorflowVersion} from '../../setup/machine.mjs';
import {enginePackage} from '../../setup/project.mjs';

const source = readFileSync(path.join(enginePackage, 'binding', patchedFile), 'utf8');

test('the patch adds the two lists and the check to the published source and takes nothing away', () => {
  const patched = patchBackend(source);
  assert.equal(patched.match(/TFE_OpSetAttrStringList/g)?.length, 1);
  assert.equal(patched.match(/TFE_OpSetAttrTypeList/g)?.length, 1);
  assert.equal(patched.match(/TFE_OpGetAttrType\(/g)?.length, 1);
  const kept = new Set(patched.split('\n'));
  assert.ok(source.split('\n').every((line) => kept.has(line)));
});

test('another source is refused by name', () => {
  assert.throws(
    () => patchBackend(source.replace('case TF_ATTR_TYPE:', 'case OTHER:')),
    /tfjs_backend\.cc .* 0 places match/,
  );
  assert.throws(
    () => patchBackend(patchBackend(source)),
    /is not the source that setup\/binding-patch\.mjs knows/,
  );
});

test('the compiled binding loads TensorFlow from any folder', () => {
  assert.equal(loadedVersion(bindingLink), tensorflowVersion);
});
