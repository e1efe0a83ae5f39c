import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {test, type TestContext} from 'node:test';

import {openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {temporaryFolder} from '../ending';

const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
const index = 'model.safetensors.index.json';

/** Two shards of a tensor each and their index, which says where `also` are too. */
function sharded(t: TestContext, also: Record<string, unknown> = {}): string {
  const folder = temporaryFolder(t);
  shards.forEach((shard, i) => {
    writeSafetensors(path.join(folder, shard), [
      {name: `layer${i}.weight`, shape: [2], values: Float32Array.of(i, 10 * i)},
    ]);
  });
  const map = {'layer1.weight': shards[1], 'layer0.weight': shards[0], ...also};
  fs.writeFileSync(path.join(folder, index), JSON.stringify({metadata: {total_size: 16}, weight_map: map}));
  return folder;
}

test('the index opens its shards together', (t) => {
  const checkpoint = openCheckpoint(path.join(sharded(t), index));
  assert.deepEqual(
    [...checkpoint.tensors.values()].map((tensor) => [tensor.name, ...tensor.values()]),
    [
      ['layer1.weight', 1, 10],
      ['layer0.weight', 0, 0],
    ],
  );
  checkpoint.close();
  assert.throws(() => checkpoint.tensors.get('layer0.weight')!.values(), /read after close/);
});

test('an index that an editor has given a byte order mark and the line ends of Windows is an index', (t) => {
  const file = path.join(sharded(t), index);
  const text = JSON.stringify(JSON.parse(fs.readFileSync(file, 'utf8')), null, 2);
  fs.writeFileSync(file, `\ufeff${text.replaceAll('\n', '\r\n')}`);
  const checkpoint = openCheckpoint(file);
  assert.equal(checkpoint.tensors.size, 2);
  checkpoint.close();
});

test('a missing shard, one without its tensor and one elsewhere are refused', (t) => {
  const folder = sharded(t);
  fs.rmSync(path.join(folder, shards[1]));
  assert.throws(() => openCheckpoint(path.join(folder, index)), {
    name: 'LabError',
    message: `${path.join(folder, index)}: 1 of its 2 shards are missing: ${shards[1]}. Put them into the folder of the index.`,
  });
  const lacking = path.join(sharded(t, {'layer2.weight': shards[0]}), index);
  assert.throws(
    () => openCheckpoint(lacking),
    /its shard model-00001-of-00002\.safetensors does not hold layer2\.weight/,
  );
  for (const elsewhere of ['../secret', '/etc/passwd', '..', '', 'a\\b', 5, null]) {
    const hostile = path.join(sharded(t, {x: elsewhere}), index);
    assert.throws(() => openCheckpoint(hostile), {
      name: 'LabError',
      message: /names no file beside it for x/,
    });
  }
});

test('a shard given alone is refused with what to give instead', (t) => {
  const folder = sharded(t);
  const [shard] = shards.map((name) => path.join(folder, name));
  assert.throws(() => openCheckpoint(shard), {
    name: 'LabError',
    message: `${shard}: one shard of 2, which hold the tensors together. Give the index instead: ${path.join(folder, index)}.`,
  });
  fs.rmSync(path.join(folder, index));
  assert.throws(
    () => openCheckpoint(shard),
    /Put all shards and their index, model\.safetensors\.index\.json, into one folder/,
  );
});
