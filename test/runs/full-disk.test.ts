import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import {temporaryFolder} from '../ending';
import {inMountNamespace} from '../processes';

test('a full disk costs no stored epoch', (t) => {
  const folder = temporaryFolder(t, 'lab-full-');
  const mount = 'mount -t tmpfs -o size=256k none "$1"';
  if (inMountNamespace(mount, folder).status !== 0) return t.skip('needs the right to mount a tmpfs');

  const program = join(__dirname, 'fixtures', 'full-disk.ts');
  const train = '"$2" --import tsx "$3" "$1"';
  const {stdout, stderr} = inMountNamespace(`${mount}; ${train}`, folder, process.execPath, program);
  assert.equal(stderr, '');
  const [full, resumed, complete] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

  assert.match(String(full.weights), /^LabError: .*last-3\.safetensors.* space/);
  assert.match(String(full.weights), /Epochs 1 to 3 are kept; run again to go on from there\.$/);
  assert.match(
    String(full.history),
    /^LabError: No disk space left while writing .*history\.jsonl\..* Epochs 1 to 3 are kept/,
  );
  assert.equal(full.wholeLines, true);
  assert.deepEqual(resumed, {resumedAt: 3, epochs: 3});
  assert.deepEqual(complete, {status: 'complete', epochs: 5});
});
