/** What tells a checkpoint's weights from others, wherever it lies. */
import assert from 'node:assert/strict';
import {copyFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {checkpointDigest, writeSafetensors} from '../../lib/checkpoints';
import {sha256File} from '../../lib/downloads';
import {temporaryFolder, wholeFile} from '../ending';

const folder = temporaryFolder(wholeFile, 'digest-');

const path = (name: string) => join(folder, name);
const write = (name: string, value: number) =>
  writeSafetensors(path(name), [{name: `${name[0]}.weight`, shape: [1], values: new Float32Array([value])}]);

test('a file is known by its bytes, a part of it by # too', async () => {
  write('a.safetensors', 1);
  copyFileSync(path('a.safetensors'), path('b.bin'));
  const digest = await checkpointDigest(path('a.safetensors'));
  assert.equal(digest, await sha256File(path('a.safetensors')));
  assert.equal(await checkpointDigest(path('b.bin')), digest);
  assert.equal(await checkpointDigest(`${path('a.safetensors')}#ema`), `${digest}#ema`);
  write('a.safetensors', 2);
  assert.notEqual(await checkpointDigest(path('a.safetensors')), digest);
  await assert.rejects(checkpointDigest(path('absent')), /absent: cannot be opened \(ENOENT\)/);
});

test('a sharded one is known by its shards', async () => {
  const [one, two] = ['c-00001-of-00002.safetensors', 'd-00002-of-00002.safetensors'];
  write(one, 1);
  write(two, 1);
  const index = path('model.safetensors.index.json');
  writeFileSync(index, JSON.stringify({weight_map: {'c.weight': one, 'd.weight': two}}));
  const digest = await checkpointDigest(index);
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(await checkpointDigest(index), digest);
  write(two, 2);
  assert.notEqual(await checkpointDigest(index), digest);
  rmSync(path(two));
  await assert.rejects(checkpointDigest(index), /1 of its 2 shards are missing/);
});
