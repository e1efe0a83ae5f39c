import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readdir, readFile, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {before, test} from 'node:test';
import {openDataset, storedSplit} from '../../lib/datasets';
import {catalogue, catalogued} from '../../lib/datasets/catalogue';
import {unpackRecords} from '../../lib/datasets/cifar';
import {openStandIn} from '../../lib/datasets/open';
import {scanRecords} from '../../lib/datasets/records';
import {temporaryFolder, wholeFile} from '../ending';
import {recordsArchive, sheetsArchive} from './cifar';

const layout = catalogued('cifar10')!.records!;
const options = {title: 'CIFAR-10', layout};
const root = temporaryFolder(wholeFile, 'cifar ');
let dataFolder = '';

before(async () => {
  dataFolder = path.join(root, 'data');
  await mkdir(path.join(dataFolder, 'cifar10'), {recursive: true});
  await unpackRecords(await recordsArchive(root), path.join(dataFolder, 'cifar10', 'records'), {
    ...options,
    form: 'records',
  });
});

test('both archives give the same files of records', async () => {
  const to = path.join(root, 'from sheets');
  await unpackRecords(await sheetsArchive(root), to, {...options, form: 'sheets'});
  const official = path.join(dataFolder, 'cifar10', 'records');
  assert.deepEqual((await readdir(to)).sort(), (await readdir(official)).sort());
  for (const file of Object.values(layout.files).flat()) {
    const [ours, theirs] = [await readFile(path.join(to, file)), await readFile(path.join(official, file))];
    assert.ok(ours.equals(theirs), file);
  }
});

test('all records open with their parts, and validation is drawn from training', async () => {
  const dataset = await openDataset('cifar10', {dataFolder, mirror: ''});
  const {photos, classes} = dataset;
  assert.deepEqual([photos.length, classes.length, dataset.groups], [60_000, 10, null]);
  const {picture, label, part} = photos[10_012];
  assert.deepEqual([picture.name, label, part], ['bird/data_batch_2-00012', 2, 'train']);
  const {data} = await (await picture.image()).raw().toBuffer({resolveWithObject: true});
  assert.deepEqual([...data.subarray(-3)], [40, 12, 12]);
  assert.deepEqual(await picture.size(), {width: 32, height: 32});
  assert.equal(photos.filter((photo) => photo.part === 'test').length, 10_000);
});

test('another opening reads what was kept, and says the same', async () => {
  const folder = path.join(dataFolder, 'cifar10', 'records');
  const [kept, anew] = [
    await scanRecords(folder, layout, {cacheFolder: folder}),
    await scanRecords(folder, layout),
  ];
  assert.deepEqual(
    kept.photos.map(({hash, label}) => [hash, label]),
    anew.photos.map(({hash, label}) => [hash, label]),
  );
  assert.ok(kept.photos.every(({picture}, i) => picture.key === anew.photos[i].picture.key));
});

test('stand-ins are the first pictures of their classes, part after part', async () => {
  const garbage = (await openStandIn('garbage', {dataFolder, mirror: ''}))!;
  assert.deepEqual(garbage.classes, ['airplane', 'automobile', 'bird', 'cat', 'horse', 'ship']);
  assert.equal(garbage.photos.length, 2527);
  assert.equal(garbage.standIn, 'CIFAR-10 photos');
  const birds = garbage.photos.filter(({label}) => label === 2).map(({picture}) => picture.name);
  assert.deepEqual([birds[1], birds.at(-1)], ['bird/data_batch_1-00012', 'bird/data_batch_1-04092']);

  const ants = (await openStandIn('hymenoptera', {dataFolder, mirror: ''}))!;
  const {parts, given} = await storedSplit(ants, {seed: 1, folder: dataFolder});
  assert.deepEqual([parts.train.length, parts.val.length, parts.test.length], [244, 153, 0]);
  assert.deepEqual(given, ['train', 'val']);
  const names = [...parts.train, ...parts.val].map(({picture}) => picture.name);
  assert.equal(new Set(names).size, 397);
  const cats = (await openStandIn('cats-dogs', {dataFolder, mirror: ''}))!;
  assert.deepEqual([cats.classes, cats.photos.length], [['cat', 'dog'], 2100]);
  assert.ok(cats.photos.every(({part}) => part === null));
  assert.equal((await openStandIn('cifar100', {dataFolder, mirror: ''}))!.photos.length, 60_000);
  assert.ok(!existsSync(path.join(dataFolder, 'cifar10-for-garbage', 'photos')));
});

test('every stand-in takes classes that there are', async () => {
  const {classes} = await openDataset('cifar10', {dataFolder, mirror: ''});
  for (const {standIn} of catalogue) {
    const counts = standIn ? [standIn.counts ?? {}, ...Object.values(standIn.parts ?? {})] : [];
    for (const name of counts.flatMap(Object.keys)) assert.ok(classes.includes(name), name);
  }
});

/** Records of two labels each, every picture one colour: [group, class, colour]. */
async function pairsFolder(train: [number, number, number][], names = 'ant\nbee\ncow\n'): Promise<string> {
  const folder = await mkdtemp(path.join(root, 'pairs-'));
  const records = (rows: [number, number, number][]) =>
    Buffer.concat(
      rows.map(([group, label, colour]) =>
        Buffer.concat([Buffer.from([group, label]), Buffer.alloc(3072, colour)]),
      ),
    );
  await writeFile(path.join(folder, 'train.bin'), records(train));
  await writeFile(path.join(folder, 'test.bin'), records([[0, 0, 200]]));
  await writeFile(path.join(folder, 'fine_label_names.txt'), names);
  await writeFile(path.join(folder, 'coarse_label_names.txt'), 'insect\nmammal\n');
  return folder;
}

test("CIFAR-100's layout, found in a user's own folder, has two labels", async () => {
  const folder = await pairsFolder([
    [0, 1, 1],
    [1, 2, 2],
    [0, 0, 3],
  ]);
  const dataset = await openDataset(folder, {dataFolder: path.join(root, 'own'), mirror: ''});
  assert.deepEqual(dataset.classes, ['ant', 'bee', 'cow']);
  assert.deepEqual(dataset.groups, {names: ['insect', 'mammal'], ofClass: [0, 0, 1]});
  assert.deepEqual(
    dataset.photos.map(({picture, part}) => [picture.name, part]),
    [
      ['bee/train-00000', 'train'],
      ['cow/train-00001', 'train'],
      ['ant/train-00002', 'train'],
      ['ant/test-00000', 'test'],
    ],
  );
  assert.ok(
    (await readdir(folder)).every((name) => !name.endsWith('.prints')),
    "a user's folder is only read",
  );
});

test('labels beyond the names and a file cut short are told by file, record and value', async () => {
  const cifar100 = catalogued('cifar100')!.records!;
  const open = async (folder: string) => scanRecords(folder, cifar100);
  await assert.rejects(
    open(
      await pairsFolder([
        [0, 1, 1],
        [0, 7, 2],
      ]),
    ),
    /train\.bin, record 1: the label is 7, beyond the 3 names/,
  );
  await assert.rejects(
    open(await pairsFolder([[5, 1, 1]])),
    /train\.bin, record 0: the group's label is 5, beyond the 2 names/,
  );
  const cut = await pairsFolder([
    [0, 1, 1],
    [0, 1, 2],
  ]);
  const file = path.join(cut, 'train.bin');
  await writeFile(file, (await readFile(file)).subarray(0, 4000));
  await assert.rejects(open(cut), /train\.bin is cut short .* of its record 1 there are 926 of 3074 bytes/);
});

for (const [what, archive, form, message] of [
  [
    'a sheet of a wrong size',
    () => sheetsArchive(root, {height: 9_999}),
    'sheets',
    /tgz cannot be read as CIFAR-10: data_batch_1\.png is 1024 x 9999 with 3 channels, not 1024 x 10000 with 3/,
  ],
  [
    'records cut short',
    () => recordsArchive(root, {cut: 100}),
    'records',
    /gz cannot be read as CIFAR-10: data_batch_1\.bin is cut short .* record 9999 there are 2973 of 3073 bytes/,
  ],
  [
    'a label beyond the classes',
    () => recordsArchive(root, {label: 10}),
    'records',
    /data_batch_1\.bin, record 1: the label is 10, beyond the 10 names\. Move it away/,
  ],
  [
    'an archive cut short',
    async () => {
      const file = await recordsArchive(root);
      await writeFile(file, (await readFile(file)).subarray(0, 100_000));
      return file;
    },
    'records',
    /cifar-10-binary\.tar\.gz cannot be read as CIFAR-10: .*truncated, damaged or no tar\.gz/,
  ],
  ['an archive of the other kind', () => recordsArchive(root), 'sheets', /it holds no data_batch_1\.png/],
] as const) {
  test(`${what} is told by its file, and nothing is left of it`, async () => {
    const to = await mkdtemp(path.join(root, 'bad-'));
    const records = path.join(to, 'records');
    await assert.rejects(unpackRecords(await archive(), records, {...options, form}), message);
    assert.deepEqual(await readdir(to), []);
  });
}
