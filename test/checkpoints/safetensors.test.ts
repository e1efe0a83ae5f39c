import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {test} from 'node:test';

import {openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {atEnd, temporaryFolder} from '../ending';
import {safetensorsFile, writePieces, type Piece} from './crafted';

test('what is written is read back: values, shapes, order and metadata', (t) => {
  const file = path.join(temporaryFolder(t), 'new', 'weights.safetensors');
  const values = Float32Array.from({length: 24}, (_, i) => Math.sqrt(i) - 2);
  const tensors = [
    {name: 'second.weight', shape: [2, 3, 4], values},
    {name: 'first.bias', shape: [5], values: values.subarray(7, 12)},
    {name: 'scalar', shape: [], values: Float32Array.of(-0.5)},
    {name: 'empty', shape: [0, 3], values: new Float32Array()},
    {name: '__proto__', shape: [1], values: Float32Array.of(9)},
  ];
  writeSafetensors(file, tensors, {run: 'größe'});

  const checkpoint = openCheckpoint(file);
  atEnd(t, () => checkpoint.close());
  assert.deepEqual(
    [...checkpoint.tensors.keys()],
    tensors.map(({name}) => name),
  );
  assert.deepEqual(checkpoint.metadata, {run: 'größe'});
  for (const {name, shape, values} of tensors) {
    const stored = checkpoint.tensors.get(name)!;
    assert.equal(stored.dtype, 'float32');
    assert.deepEqual(stored.shape, shape);
    assert.deepEqual(stored.values(), Float32Array.from(values));
  }
});

test('the data start at a multiple of 8 bytes', (t) => {
  const folder = temporaryFolder(t);
  for (const name of ['a', 'ab', 'abc', 'abcd', 'abcde']) {
    const file = path.join(folder, name);
    writeSafetensors(file, [{name, shape: [1], values: Float32Array.of(1)}]);
    assert.equal(Number(fs.readFileSync(file).readBigUInt64LE()) % 8, 0);
  }
});

test('values of every stored type are converted', (t) => {
  const bytes = (array: {buffer: ArrayBufferLike}) => Buffer.from(array.buffer as ArrayBuffer);
  const cases: [string, Buffer, number[]][] = [
    ['F64', bytes(Float64Array.of(0.5, -1e30)), [0.5, Math.fround(-1e30)]],
    ['F32', bytes(Float32Array.of(1.5, -2)), [1.5, -2]],
    [
      'F16',
      bytes(Uint16Array.of(0x3c00, 0xc000, 1, 0x03ff, 0x0400, 0x7bff, 0x8000)),
      [1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, -0],
    ],
    ['BF16', bytes(Uint16Array.of(0x3f80, 0xc000)), [1, -2]],
    ['I64', bytes(BigInt64Array.of(-(2n ** 40n), 3n)), [-(2 ** 40), 3]],
    ['I32', bytes(Int32Array.of(-(2 ** 31), 3)), [-(2 ** 31), 3]],
    ['I16', bytes(Int16Array.of(-(2 ** 15), 3)), [-(2 ** 15), 3]],
    ['I8', bytes(Int8Array.of(-128, 3)), [-128, 3]],
    ['U8', bytes(Uint8Array.of(255, 3)), [255, 3]],
    ['BOOL', bytes(Uint8Array.of(1, 0)), [1, 0]],
  ];
  const folder = temporaryFolder(t);
  for (const [dtype, data, expected] of cases) {
    const header = {x: {dtype, shape: [expected.length], data_offsets: [0, data.length]}};
    const checkpoint = openCheckpoint(writePieces(path.join(folder, dtype), safetensorsFile(header, data)));
    assert.deepEqual(checkpoint.tensors.get('x')!.values(), Float32Array.from(expected), dtype);
    checkpoint.close();
  }
});

test('numbers that are not finite are refused with their tensor, count and first place', (t) => {
  const bytes = (array: {buffer: ArrayBufferLike}) => Buffer.from(array.buffer as ArrayBuffer);
  const cases: [string, Buffer, string][] = [
    ['F32', bytes(Float32Array.of(0, 1, 2, 3, NaN, 5)), '1 NaN of 6 numbers, the first at [1, 1]'],
    [
      'F32',
      bytes(Float32Array.of(0, 1, -Infinity, NaN, NaN, 5)),
      '2 NaN and 1 infinite of 6 numbers, the first at [0, 2]',
    ],
    ['F64', bytes(Float64Array.of(1e300, 1, 2, 3, 4, 5)), '1 infinite of 6 numbers, the first at [0, 0]'],
    [
      'F16',
      bytes(Uint16Array.of(0x7c00, 0xfc00, 0x7e00, 0, 0, 0)),
      '1 NaN and 2 infinite of 6 numbers, the first at [0, 0]',
    ],
    [
      'BF16',
      bytes(Uint16Array.of(0, 0, 0, 0, 0x7f80, 0x7fc0)),
      '1 NaN and 1 infinite of 6 numbers, the first at [1, 1]',
    ],
  ];
  const folder = temporaryFolder(t);
  cases.forEach(([dtype, data, problem], index) => {
    const header = {'conv.weight': {dtype, shape: [2, 3], data_offsets: [0, data.length]}};
    const file = writePieces(path.join(folder, String(index)), safetensorsFile(header, data));
    const checkpoint = openCheckpoint(file);
    assert.throws(() => checkpoint.tensors.get('conv.weight')!.values(), {
      name: 'LabError',
      message: `${file}: conv.weight holds ${problem}. Weights must be finite numbers: take those from before the training diverged.`,
    });
    checkpoint.close();
  });
});

test('a float16 tensor longer than the reading window is converted whole, in well under a second', (t) => {
  const count = 4_000_000;
  const bits = Uint16Array.from({length: count}, (_, i) => 0x3c00 + (i % 1024));
  const header = {x: {dtype: 'F16', shape: [count], data_offsets: [0, 2 * count]}};
  const pieces = safetensorsFile(header, new Uint8Array(bits.buffer));
  const checkpoint = openCheckpoint(writePieces(path.join(temporaryFolder(t), 'half'), pieces));
  atEnd(t, () => checkpoint.close());
  const start = performance.now();
  const values = checkpoint.tensors.get('x')!.values();
  assert.ok(performance.now() - start < 1000);
  assert.ok(values.every((value, i) => value === 1 + (i % 1024) / 1024));
});

test('a file that breaks the format is refused, naming it, the problem and the remedy', (t) => {
  const folder = temporaryFolder(t);
  const x = {dtype: 'F32', shape: [2], data_offsets: [0, 8]};
  const two = (begin: number, end: number) => ({x, y: {dtype: 'U8', shape: [4], data_offsets: [begin, end]}});
  const cases: [string, Piece[], RegExp][] = [
    ['absurd header length', safetensorsFile({x}, 8, 2 ** 52), /header announces 4503599627370496 bytes/],
    ['header longer than the file', safetensorsFile({x}, 8, 10_000), /header announces 10000 bytes/],
    ['header cut', safetensorsFile({x}, 8, 20), /header is not JSON/],
    ['no tensor', safetensorsFile({x: 5}, 8), /tensor x has no proper dtype, shape and data_offsets/],
    ['negative offset', safetensorsFile({x: {...x, data_offsets: [-8, 0]}}, 8), /tensor x has no proper/],
    ['fractional shape', safetensorsFile({x: {...x, shape: [1.5]}}, 8), /tensor x has no proper/],
    [
      'range too short',
      safetensorsFile({x: {...x, data_offsets: [0, 4]}}, 8),
      /tensor x \(F32 \[2\], 8 bytes\) has the byte range 0 to 4/,
    ],
    [
      'huge shape',
      safetensorsFile({x: {...x, shape: [2 ** 50, 2 ** 50]}}, 8),
      /tensor x .* has the byte range 0 to 8/,
    ],
    ['overlap', safetensorsFile(two(4, 8), 8), /tensor y starts at data byte 4, where 8 is expected/],
    ['gap', safetensorsFile(two(12, 16), 16), /tensor y starts at data byte 12, where 8 is expected/],
    ['data cut', safetensorsFile({x}, 5), /tensors take 8 bytes, but 5 follow/],
    ['data left over', safetensorsFile({x}, 9), /tensors take 8 bytes, but 9 follow/],
    ['metadata', safetensorsFile({__metadata__: {a: 1}, x}, 8), /metadata are not texts/],
    ['deep', safetensorsFile(`{"x":${'['.repeat(100_000)}`, 8), /header is not JSON/],
  ];
  for (const [name, pieces, problem] of cases) {
    const file = writePieces(path.join(folder, name), pieces);
    assert.throws(
      () => openCheckpoint(file),
      (error) =>
        error instanceof LabError &&
        error.message.startsWith(file) &&
        problem.test(error.message) &&
        error.message.includes('fetch it again from where it came'),
      name,
    );
  }
});

test('unsigned integers, which PyTorch has since 2.3', (t) => {
  const header = {
    wide: {dtype: 'U32', shape: [2], data_offsets: [0, 8]},
    short: {dtype: 'U16', shape: [2], data_offsets: [8, 12]},
    long: {dtype: 'U64', shape: [1], data_offsets: [12, 20]},
  };
  const file = writePieces(path.join(temporaryFolder(t), 'unsigned'), safetensorsFile(header, 20));
  const checkpoint = openCheckpoint(file);
  assert.deepEqual(
    [...checkpoint.tensors.values()].map((tensor) => [tensor.dtype, tensor.values().length]),
    [
      ['uint32', 2],
      ['uint16', 2],
      ['uint64', 1],
    ],
  );
  checkpoint.close();
});

test('a number type that is not read is refused by its name', (t) => {
  const header = {x: {dtype: 'F8_E4M3', shape: [2], data_offsets: [0, 2]}};
  const file = writePieces(path.join(temporaryFolder(t), 'f8'), safetensorsFile(header, 2));
  assert.throws(() => openCheckpoint(file), /tensor x has the dtype F8_E4M3; read are F64, F32, .*BOOL/);
});

test('values that do not fill their shape, and a name given twice, are refused before anything is written', (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, 'weights');
  const w = {name: 'w', shape: [3], values: new Float32Array(3)};
  assert.throws(() => writeSafetensors(file, [{...w, shape: [2, 2]}]), {
    name: 'LabError',
    message: /tensor w: the shape \[2, 2\] needs 4 values, 3 are given/,
  });
  assert.throws(() => writeSafetensors(file, [w, w]), {name: 'LabError', message: /tensor name w is taken/});
  assert.deepEqual(fs.readdirSync(folder), []);
});
