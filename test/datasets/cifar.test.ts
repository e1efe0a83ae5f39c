import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import * as path from 'node:path';
import {after, before, test} from 'node:test';
import sharp from 'sharp';
import {unpackCifar10} from '../../lib/datasets/cifar';
import {recordsArchive, sheetsArchive} from './cifar';

const counts = {bird: 3, truck: 1002, airplane: 1};
let root = '';
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'cifar '));
});
after(() => rm(root, {recursive: true}));

const names = async (folder: string) =>
  (await readdir(folder, {recursive: true})).filter((name) => name.endsWith('.png')).sort();

test('both archives give the same pictures of the classes wanted, the first in the official order', async () => {
  const [fromRecords, fromSheets] = [path.join(root, 'a'), path.join(root, 'b')];
  await unpackCifar10(await recordsArchive(root), 'CIFAR-10 records', fromRecords, {counts});
  await unpackCifar10(await sheetsArchive(root), 'CIFAR-10 sheets', fromSheets, {counts});
  const files = await names(fromRecords);
  assert.equal(files.length, 1006);
  assert.deepEqual(await names(fromSheets), files);
  for (const file of files) {
    assert.deepEqual(
      await readFile(path.join(fromSheets, file)),
      await readFile(path.join(fromRecords, file)),
      file,
    );
  }
  // The second bird stands in row 12 of the first batch, the last truck in row 19 of the second.
  for (const [file, colour] of [
    ['bird/bird0002.png', [0, 12, 12]],
    ['truck/truck1002.png', [40, 19, 19]],
  ] as const) {
    const {data, info} = await sharp(path.join(fromSheets, file)).raw().toBuffer({resolveWithObject: true});
    assert.deepEqual([info.width, info.height, info.channels], [32, 32, 3]);
    assert.deepEqual([...data.subarray(-3)], colour);
  }
});

for (const [what, archive, kind, message] of [
  [
    'a sheet of a wrong size',
    () => sheetsArchive(root, {height: 9_999}),
    'CIFAR-10 sheets',
    /tgz cannot be read as CIFAR-10: data_batch_1\.png is 1024 x 9999 with 3 channels, not 1024 x 10000 with 3/,
  ],
  [
    'records cut short',
    () => recordsArchive(root, {cut: 100}),
    'CIFAR-10 records',
    /data_batch_1\.bin has 30729900 bytes, not 10000 records of 3073/,
  ],
  [
    'a label beyond the classes',
    () => recordsArchive(root, {label: 10}),
    'CIFAR-10 records',
    /data_batch_1\.bin has the label 10, beyond the 10 classes/,
  ],
  [
    'an archive cut short',
    async () => {
      const file = await recordsArchive(root);
      await writeFile(file, (await readFile(file)).subarray(0, 100_000));
      return file;
    },
    'CIFAR-10 records',
    /cifar-10-binary\.tar\.gz cannot be read as CIFAR-10: .*truncated, damaged or no tar\.gz/,
  ],
  [
    'an archive of the other kind',
    () => recordsArchive(root),
    'CIFAR-10 sheets',
    /it holds no data_batch_1\.png/,
  ],
] as const) {
  test(`${what} is told by its file, and nothing is left of it`, async () => {
    const to = await mkdtemp(path.join(root, 'bad-'));
    const photos = path.join(to, 'photos');
    const all = {...counts, dog: 100_000};
    await assert.rejects(unpackCifar10(await archive(), kind, photos, {counts: all}), message);
    assert.ok(!existsSync(photos));
    assert.deepEqual(await readdir(to), []);
  });
}
