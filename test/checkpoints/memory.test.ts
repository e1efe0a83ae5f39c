import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import * as path from 'node:path';
import {test} from 'node:test';
import {promisify} from 'node:util';
import {temporaryFolder} from '../ending';

import {
  legacyFile,
  op,
  pickle,
  safetensorsFile,
  storage,
  tensor,
  writePieces,
  zipFile,
  type Piece,
} from './crafted';

const run = promisify(execFile);

const rows = 2000;
const columns = 6553;
const elements = rows * columns;
const bytes = 4 * elements;
const keys = ['0', '1', '2', '3'];
const fileSize = keys.length * bytes; // 210 MB

/** Three row-major tensors and a transposed one. */
const stateDict = pickle(
  op.dict(
    ...keys.flatMap((key, index) => [
      op.text(key),
      index < 3
        ? tensor(storage({key, count: elements}), 0, [rows, columns], [columns, 1])
        : tensor(storage({key, count: elements}), 0, [columns, rows], [1, columns]),
    ]),
  ),
);

const formats: Record<string, Piece[]> = {
  safetensors: safetensorsFile(
    Object.fromEntries(
      keys.map((key, i) => [
        key,
        {dtype: 'F32', shape: [rows, columns], data_offsets: [i * bytes, (i + 1) * bytes]},
      ]),
    ),
    fileSize,
  ),
  'zip .pth': zipFile([
    {name: 'archive/data.pkl', data: stateDict},
    ...keys.map((key) => ({name: `archive/data/${key}`, data: bytes})),
  ]),
  'legacy .pth': legacyFile(
    stateDict,
    keys.map((key) => ({key, count: elements, data: bytes})),
  ),
};

for (const [name, pieces] of Object.entries(formats)) {
  test(`${name}: a 210 MB file read whole and kept takes at most 1.5 times its size`, async (t) => {
    const file = writePieces(path.join(temporaryFolder(t), 'large'), pieces);
    const {stdout} = await run(process.execPath, [
      '--import',
      'tsx',
      path.join(__dirname, 'read-all.ts'),
      file,
    ]);
    const [growth, tensors] = stdout.split(' ').map(Number);
    t.diagnostic(`${(growth / fileSize).toFixed(2)} times`);
    assert.equal(tensors, keys.length);
    assert.ok(growth < 1.5 * fileSize, `${growth} bytes for a file of ${fileSize}`);
  });
}
