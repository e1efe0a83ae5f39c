/** Files that are something else under a checkpoint's name are told for what they are. */
import assert from 'node:assert/strict';
import * as path from 'node:path';
import {test} from 'node:test';
import {gzipSync} from 'node:zlib';

import {openCheckpoint} from '../../lib/checkpoints';
import {temporaryFolder} from '../ending';
import {legacyFile, op, pickle, writePieces, zipFile, type Piece} from './crafted';

const zip = (...names: string[]) => zipFile(names.map((name) => ({name, data: Buffer.from('x')})));
const bytes = (latin1: string): Piece[] => [Buffer.from(latin1, 'latin1')];
const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n';

const files: [string, Piece[], RegExp][] = [
  ['LFS pointer', bytes(pointer), /a Git LFS pointer, .* Run `git lfs pull`/],
  [
    'Keras .h5',
    [Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), 100],
    /an HDF5 file, .* take the PyTorch checkpoint/,
  ],
  ['Keras .keras', zip('metadata.json', 'config.json', 'model.weights.h5'), /Keras' own format/],
  ['ONNX', bytes('\x08\x08\x12\x07pytorch\x1a\x052.1.0:\x00'), /an ONNX model\. .* exported from/],
  ['TensorFlow Lite', bytes('\x1c\0\0\0TFL3\0\0'), /a TensorFlow Lite model/],
  [
    '.npz',
    zip('conv1.weight.npy', 'conv1.bias.npy'),
    /NumPy arrays \(\.npz\)\. .*safetensors\.numpy\.save_file/,
  ],
  ['.npy', bytes("\x93NUMPY\x01\0v\0{'descr': '<f4'"), /a single NumPy array/],
  [
    'TorchScript',
    zip('net/data.pkl', 'net/code/__torch__/net.py', 'net/constants.pkl', 'net/data/0', 'net/version'),
    /a TorchScript archive .* torch\.save\(torch\.jit\.load\(path\)\.state_dict\(\)/,
  ],
  ['zip', zip('folder/weights.pth'), /a zip archive around folder\/weights\.pth\. Unpack it/],
  ['gzip', [gzipSync('weights')], /compressed with gzip\. Unpack it and give the file within\.$/],
  ['tar', [Buffer.alloc(257, 'x'), Buffer.from('ustar\x0000'), 300], /a tar archive\. Unpack/],
  [
    'web page',
    bytes('<!DOCTYPE html><title>404 Not Found</title>'),
    /a web page saved in place .* download button/,
  ],
  ['web page after blank lines', bytes('\n\n  <html lang="en">'), /a web page/],
  [
    'JSON',
    bytes('{"architectures": ["ResNet"]}'),
    /a JSON text without weights\. Give the safetensors or \.pth/,
  ],
  ['JSON with { at byte 8', bytes('{"abc": {"d": 1}}'), /a JSON text/],
  ['JSON cut short', bytes('{"weight_map": {"a": '), /a JSON text/],
  ['empty', [], /\(0 bytes\): the file is empty\. .* fetch it again/],
  ['text', bytes('hello'), /it starts with "hello"\. Give a safetensors or \.pth file/],
  [
    'quantised',
    legacyFile(pickle(op.dict(op.text('w'), op.global('torch._utils', '_rebuild_qtensor')))),
    /asks for torch\._utils\._rebuild_qtensor: its weights are quantised\. .* before it was quantised\.$/,
  ],
];

test('each is named with its remedy, whatever its name ends in', (t) => {
  const folder = temporaryFolder(t);
  for (const [name, pieces, problem] of files) {
    for (const ending of ['pth', 'safetensors', 'bin']) {
      const file = writePieces(path.join(folder, `${name}.${ending}`), pieces);
      assert.throws(
        () => openCheckpoint(file),
        (error: Error) => {
          assert.equal(error.name, 'LabError');
          assert.ok(error.message.startsWith(file), error.message);
          assert.match(error.message, problem);
          return true;
        },
        name,
      );
    }
  }
});
