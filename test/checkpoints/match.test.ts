import assert from 'node:assert/strict';
import * as path from 'node:path';
import {test, type TestContext} from 'node:test';

import {matchTensors, openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {atEnd, temporaryFolder} from '../ending';
import {safetensorsFile, writePieces} from './crafted';

function checkpointWith(t: TestContext, shapes: Record<string, number[]>) {
  const file = path.join(temporaryFolder(t), 'weights.safetensors');
  const sizes = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    size: shape.reduce((a, b) => a * b, 1),
  }));
  writeSafetensors(
    file,
    sizes.map(({name, shape, size}) => ({name, shape, values: new Float32Array(size)})),
  );
  const checkpoint = openCheckpoint(file);
  atEnd(t, () => checkpoint.close());
  return checkpoint;
}

test('tensors that fit are accepted', (t) => {
  const checkpoint = checkpointWith(t, {'conv.weight': [2, 3], scalar: []});
  matchTensors(
    checkpoint,
    new Map([
      ['conv.weight', [2, 3]],
      ['scalar', []],
    ]),
  );
});

test('counters and index tables are no unexpected weights', (t) => {
  const checkpoint = openCheckpoint(path.join(__dirname, 'fixtures', 'legacy-protocol4.pth'));
  atEnd(t, () => checkpoint.close());
  const floats = [...checkpoint.tensors.values()].filter(({dtype}) => dtype.includes('float'));
  matchTensors(checkpoint, new Map(floats.map(({name, shape}) => [name, shape])));
  assert.ok(checkpoint.tensors.has('num_batches_tracked'));
});

test('missing, unexpected and misshapen tensors are named in one error', (t) => {
  const checkpoint = checkpointWith(t, {'conv.weight': [2, 3], 'old.bias': [4]});
  const expected = new Map([
    ['conv.weight', [3, 2]],
    ['new.bias', [5]],
  ]);
  assert.throws(() => matchTensors(checkpoint, expected), {
    name: 'LabError',
    message:
      `${checkpoint.file} does not fit the architecture: 1 tensor missing (new.bias [5]); ` +
      '1 tensor unexpected (old.bias); 1 tensor of another shape (conv.weight [2, 3] instead of [3, 2]). ' +
      'Use the checkpoint of this architecture, or the architecture of this checkpoint.',
  });
});

test('integers in place of weights are refused, unexpected ones passed over', (t) => {
  const header = Object.fromEntries(
    ['U8', 'I32', 'I8', 'I64'].map((dtype) => [`${dtype}.weight`, {dtype, shape: [0], data_offsets: [0, 0]}]),
  );
  const file = writePieces(path.join(temporaryFolder(t), 'quantised.safetensors'), safetensorsFile(header));
  const checkpoint = openCheckpoint(file);
  atEnd(t, () => checkpoint.close());
  matchTensors(checkpoint, new Map());
  const expected = new Map([...checkpoint.tensors.values()].map(({name, shape}) => [name, shape]));
  assert.throws(
    () => matchTensors(checkpoint, expected),
    /: U8\.weight is uint8; weights must be float32, float16, bfloat16 or float64 \(nor are 3 more of 4 tensors\)\. Take the checkpoint from before it was quantised or/,
  );
});

test('of many, ten are named and all are counted', (t) => {
  const checkpoint = checkpointWith(t, {});
  const expected = new Map(Array.from({length: 12}, (_, i) => [`w${i}`, [1]]));
  assert.throws(
    () => matchTensors(checkpoint, expected),
    /12 tensors missing \(w0 \[1\], .*, w9 \[1\], and 2 more\)/,
  );
});

test('ignored names are passed over on both sides; optional ones may be absent but not misshapen', (t) => {
  const checkpoint = checkpointWith(t, {'head.weight': [2], 'aux.weight': [3]});
  const isHead = (name: string) => name.startsWith('head.');
  const optional = (name: string) => name.startsWith('aux.');
  matchTensors(
    checkpoint,
    new Map([
      ['head.bias', [1]],
      ['aux.weight', [3]],
      ['aux.bias', [1]],
    ]),
    {ignore: isHead, optional},
  );
  assert.throws(
    () => matchTensors(checkpoint, new Map([['aux.weight', [4]]]), {ignore: isHead, optional}),
    /1 tensor of another shape \(aux\.weight \[3\] instead of \[4\]\)/,
  );
});
