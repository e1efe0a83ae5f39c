/** Each error about a file of weights that a machine can obey: what it says is done, and the weights are read. */
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {describe, test, type TestContext} from 'node:test';
import {gunzipSync, gzipSync} from 'node:zlib';

import {findNetwork, matchTensors, openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {unzip} from '../../lib/datasets';
import {zip} from '../datasets/zip-writer';
import {temporaryFolder} from '../ending';
import {remedyIn} from '../told';

const values = Float32Array.of(1, 2);
const weights = (prefix = '') => [{name: `${prefix}layer.weight`, shape: [2], values}];
const expected = new Map([['layer.weight', [2]]]);

function read(file: string): number[] {
  const checkpoint = openCheckpoint(file);
  try {
    return [...findNetwork(checkpoint, expected).tensors.get('layer.weight')!.values()];
  } finally {
    checkpoint.close();
  }
}

/** Asserts that a file is refused in words that destroy nothing; what `says` finds in them. */
function told(file: string, says: RegExp): string {
  try {
    read(file);
  } catch (error) {
    return remedyIn(error, says);
  }
  assert.fail('no error');
}

/** A folder with a file of weights, `whole`, and the path of another file in it. */
function files(t: TestContext, name: string) {
  const folder = temporaryFolder(t);
  const whole = path.join(folder, 'whole.safetensors');
  writeSafetensors(whole, weights());
  return {folder, whole, file: path.join(folder, name), bytes: fs.readFileSync(whole)};
}

test('it is compressed: unpacked', (t) => {
  const {file, whole, bytes} = files(t, 'weights.pth');
  fs.writeFileSync(file, gzipSync(bytes));
  told(file, /compressed with gzip\. Unpack it and give the file within/);
  fs.writeFileSync(whole, gunzipSync(fs.readFileSync(file)));
  assert.deepEqual(read(whole), [...values]);
});

test('it lies in an archive: unpacked', async (t) => {
  const {folder, file, bytes} = files(t, 'weights.pth');
  fs.writeFileSync(file, zip([{name: 'inner.safetensors', content: bytes}]));
  const inner = told(file, /a zip archive around (\S+)\. Unpack it and give the file within/);
  await unzip(file, path.join(folder, 'unpacked'));
  assert.deepEqual(read(path.join(folder, 'unpacked', inner)), [...values]);
});

test('it is a folder, or cut short: the file itself, fetched again', (t) => {
  const {folder, whole, file, bytes} = files(t, 'cut.safetensors');
  told(folder, /Name the checkpoint file itself/);
  fs.writeFileSync(file, bytes.subarray(0, bytes.length - 1));
  told(file, /damaged or incomplete: fetch it again/);
  fs.copyFileSync(whole, file);
  assert.deepEqual(read(file), [...values]);
});

test('it is one shard of several: the others and the index put beside it', (t) => {
  const {folder, whole} = files(t, '');
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const [first, second] = shards.map((name) => path.join(folder, name));
  fs.copyFileSync(whole, first);
  const name = told(first, /Put all shards and their index, (\S+), into one folder and give the index/);
  const index = path.join(folder, name);
  const map = {'layer.weight': shards[0], other: shards[1]};
  fs.writeFileSync(index, JSON.stringify({weight_map: map}));
  assert.equal(told(first, /Give the index instead: (.*)\.$/), index);
  told(index, /1 of its 2 shards are missing: .*Put them into the folder of the index/);
  writeSafetensors(second, [{name: 'other', shape: [2], values}]);
  assert.deepEqual(read(index), [...values]);
});

test('it holds several networks, or none under the name given: one of those it tells', (t) => {
  const {file} = files(t, 'two.safetensors');
  writeSafetensors(file, [...weights('ema.'), ...weights('model.')]);
  const meant = told(file, /Say which is meant by # .*: (.*)\.$/);
  assert.deepEqual(read(meant), [...values]);
  const some = told(`${file}#teacher`, /holds no tensors under "teacher"\. It holds some under (\w+)/);
  assert.deepEqual(read(`${file}#${some}`), [...values]);
});

describe('what an error says to do in Python works:', () => {
  const python = process.env.LAB_TORCH_PYTHON;
  const skip = python ? false : 'needs LAB_TORCH_PYTHON, a Python with PyTorch and safetensors';
  const run = (code: string, cwd: string) => {
    const {status, stderr} = spawnSync(python!, ['-c', code], {cwd, encoding: 'utf8'});
    assert.equal(status, 0, stderr);
  };
  const network =
    'layer = torch.nn.Linear(2, 1); net = torch.nn.Sequential(); net.add_module("layer", layer)';
  const prelude = `import torch, numpy, safetensors.numpy; ${network}`;
  for (const [what, make, before, result] of [
    ['a TorchScript archive', 'torch.jit.script(net).save("odd")', 'path = "odd"', 'state_dict.pth'],
    [
      'an archive of NumPy arrays',
      'numpy.savez("odd", **{"layer.weight": numpy.ones([1, 2], "float32")})',
      'path = "odd.npz"',
      'weights.safetensors',
    ],
    [
      'integers',
      'torch.save({"layer.weight": torch.ones(1, 2, dtype=torch.int8)}, "odd")',
      'weights = torch.load("odd")',
      'float.pth',
    ],
  ]) {
    test(what, {skip}, (t) => {
      const folder = temporaryFolder(t);
      run(`${prelude}\n${make}`, folder);
      const file = path.join(folder, fs.readdirSync(folder)[0]);
      const line = message(file).match(/in Python: (.*)\.$/)?.[1];
      run(`${prelude}\n${before}\n${line}`, folder);
      const checkpoint = openCheckpoint(path.join(folder, result));
      assert.equal(checkpoint.tensors.get('layer.weight')!.values().length, 2);
      checkpoint.close();
    });
  }
});

/** What is said of a file that cannot be read, or whose tensors are no weights. */
function message(file: string): string {
  try {
    const checkpoint = openCheckpoint(file);
    try {
      matchTensors(checkpoint, new Map([['layer.weight', [1, 2]]]));
    } finally {
      checkpoint.close();
    }
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail('no error');
}
