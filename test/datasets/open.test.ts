import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import * as path from 'node:path';
import {before, beforeEach, describe, test} from 'node:test';

import {
  catalogue,
  DatasetUnavailable,
  openDrawings,
  openDataset,
  splitPhotos,
  storedSplit,
  verifySplit,
  type DatasetProgress,
  type OpenOptions,
} from '../../lib/datasets';
import {drawingSvg, renderDrawing} from '../../lib/datasets/drawings';
import {LabError} from '../../lib/errors';
import {mulberry32} from '../../lib/random';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {zip, type ZipEntry} from './zip-writer';

const {classes} = catalogue[0].folders!;
const root = temporaryFolder(wholeFile, 'data sets ');
let options: OpenOptions;
const pictures: ZipEntry[] = [];

before(async () => {
  for (const name of classes) {
    for (let i = 1; i <= 4; i++) {
      const content = await renderDrawing(name as 'glass', i);
      pictures.push({name: `${name}/${name}${i}.jpg`, content});
    }
  }
});
beforeEach(async () => {
  options = {dataFolder: await mkdtemp(path.join(root, 'data-')), mirror: ''};
});

/** An archive of the garbage classes under the given folder, with what else lies about in it. */
function garbageZip(under: string, others: string[] = []): Buffer {
  return zip([
    ...pictures.map((entry) => ({...entry, name: `${under}/${entry.name}`})),
    ...others.map((name) => ({name, content: 'glass1.jpg 1'})),
  ]);
}

const huggingFace = () =>
  garbageZip('dataset-resized', ['__MACOSX/dataset-resized/glass/._glass1.jpg', 'dataset-resized/.DS_Store']);
const kaggle = () =>
  garbageZip('Garbage classification/Garbage classification', [
    'Garbage classification/one-indexed-files.txt',
    'one-indexed-files-notrash_train.txt',
  ]);

async function mirrorWith(archive: Buffer): Promise<string> {
  const mirror = await mkdtemp(path.join(root, 'mirror-'));
  await mkdir(path.join(mirror, 'datasets'));
  await writeFile(path.join(mirror, 'datasets', 'dataset-resized.zip'), archive);
  const sum = createHash('sha256').update(archive).digest('hex');
  await writeFile(path.join(mirror, 'SHA256SUMS'), `${sum}  datasets/dataset-resized.zip\n`);
  return mirror;
}

describe('a data set of the catalogue', () => {
  for (const [layout, archive] of [
    ['Hugging Face', huggingFace],
    ['Kaggle', kaggle],
  ] as const) {
    test(`opens from a mirror folder in the layout of ${layout}, and then without it`, async () => {
      const mirror = await mirrorWith(archive());
      const steps = new Set<DatasetProgress['step']>();
      const onProgress = ({step}: DatasetProgress) => void steps.add(step);
      const dataset = await openDataset('garbage', {...options, mirror, onProgress});
      assert.deepEqual(dataset.classes, [...classes]);
      assert.equal(dataset.photos.length, 24);
      assert.equal(dataset.standIn, null);
      assert.match(dataset.licence, /^MIT/);
      assert.match(dataset.source, /^dataset-resized\.zip from a local mirror \(SHA-256 .*SHA256SUMS\)$/);
      assert.deepEqual([...steps], ['unpacking', 'scanning']);
      const kept = (await readdir(path.join(options.dataFolder, 'garbage'))).sort();
      assert.deepEqual(kept, ['photos', 'scan.json', 'source.txt']);
      await rm(mirror, {recursive: true});
      assert.deepEqual(await openDataset('garbage', options), dataset);
    });
  }

  test('opens from a mirror at a base URL, with the progress of its download', async (t) => {
    const server: Server = createServer((request, response) => {
      if (request.url === '/datasets/dataset-resized.zip') response.end(huggingFace());
      else response.writeHead(404).end();
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    atEnd(t, () => server.close());
    const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const reports: DatasetProgress[] = [];
    const dataset = await openDataset('garbage', {
      ...options,
      mirror,
      onProgress: (report) => reports.push(report),
    });
    assert.match(dataset.source, /recorded at this first use/);
    const download = reports.filter(({step}) => step === 'downloading').at(-1);
    assert.equal(download?.done, huggingFace().length);
  });

  test('opens from an archive that was put in place by hand', async () => {
    await mkdir(path.join(options.dataFolder, 'garbage'));
    await writeFile(path.join(options.dataFolder, 'garbage', 'dataset-resized.zip'), kaggle());
    assert.match((await openDataset('garbage', options)).source, /^put there by hand/);
  });

  test('refuses a truncated archive, and takes the whole one afterwards', async () => {
    const file = path.join(options.dataFolder, 'garbage', 'dataset-resized.zip');
    await mkdir(path.dirname(file));
    await writeFile(file, huggingFace().subarray(0, 5000));
    await assert.rejects(
      openDataset('garbage', options),
      /^LabError: .*dataset-resized\.zip cannot be unpacked/,
    );
    await writeFile(file, huggingFace());
    assert.equal((await openDataset('garbage', options)).photos.length, 24);
  });

  test('is a plain error, not a reason for a stand-in, when a mirror is named and lacks it', async () => {
    const unreachable = catalogue[0].archives[0] as {addresses: readonly string[]};
    const {addresses} = unreachable;
    unreachable.addresses = ['http://127.0.0.1:1/archive'];
    try {
      const mirror = path.join(root, 'nowhere');
      await assert.rejects(openDataset('garbage', {...options, mirror}), (error: Error) => {
        assert.ok(error instanceof LabError && !(error instanceof DatasetUnavailable));
        assert.match(error.message, /nowhere: no such folder/);
        return true;
      });
      await assert.rejects(openDataset('garbage', options), (error: Error) => {
        assert.ok(error instanceof DatasetUnavailable);
        assert.match(error.message, /Put the file at .*dataset-resized\.zip by hand, or set LAB_MIRROR/);
        return true;
      });
    } finally {
      unreachable.addresses = addresses;
    }
  });
});

describe('a name that is not in the catalogue', () => {
  test('is a folder of class folders, which is only read', async () => {
    const own = path.join(root, 'my photos');
    for (const {name, content} of pictures.slice(0, 8)) {
      await mkdir(path.dirname(path.join(own, name)), {recursive: true});
      await writeFile(path.join(own, name), content);
    }
    const dataset = await openDataset(own, options);
    assert.equal(dataset.name, 'my photos');
    assert.match(dataset.home, /^my_photos-[0-9a-f]{8}$/);
    assert.equal(dataset.source, own);
    assert.deepEqual((await readdir(own)).sort(), ['cardboard', 'glass']);
    assert.deepEqual(await readdir(path.join(options.dataFolder, dataset.home)), ['scan.json']);
  });

  test('is a zip archive, unpacked once for each content', async () => {
    const file = path.join(options.dataFolder, '..', 'my pets.zip');
    await writeFile(
      file,
      zip(pictures.slice(0, 8).map(({name, content}) => ({name: name.replace('/', '\\'), content}))),
    );
    const steps = new Set<string>();
    const onProgress = ({step}: DatasetProgress) => void steps.add(step);
    const dataset = await openDataset(file, {...options, onProgress});
    assert.deepEqual([dataset.name, dataset.classes], ['my pets', ['cardboard', 'glass']]);
    assert.match(dataset.home, /^my_pets-[0-9a-f]{8}$/);
    assert.ok(steps.delete('unpacking'));
    const again = await Promise.all([1, 2].map(() => openDataset(file, {...options, onProgress})));
    assert.deepEqual([...again, steps.has('unpacking')], [dataset, dataset, false]);
    assert.deepEqual(await readdir(options.dataFolder), [dataset.home]);
    await writeFile(file, zip(pictures.slice(0, 12)));
    assert.deepEqual((await openDataset(file, options)).classes, ['cardboard', 'glass', 'metal']);
  });

  test('or a misspelt one, or a folder that does not exist', async () => {
    await assert.rejects(openDataset('garbge', options), /no data set 'garbge'.*Did you mean garbage\?/);
    await assert.rejects(
      openDataset('qqqq', options),
      /no data set 'qqqq'.*Known data sets: garbage, cifar10, cifar100, hymenoptera, cats-dogs, drawings/,
    );
    for (const name of ['', ' ']) {
      await assert.rejects(openDataset(name, options), /^LabError: The data set's name is empty/);
    }
    const file = path.join(options.dataFolder, 'photos.tar.gz');
    await writeFile(file, 'no zip');
    await assert.rejects(openDataset(file, options), /neither a folder nor a zip archive.* unpacked first/);
    await assert.rejects(openDataset('./nowhere', options), /^LabError: The folder .*nowhere does not exist/);
  });
});

describe('the drawings', () => {
  test('is drawn once, by its seed, and can be split', async () => {
    const dataset = await openDrawings({...options, perClass: 10});
    assert.equal(dataset.standIn, 'drawings');
    assert.deepEqual(dataset.classes, [...classes]);
    assert.equal(dataset.photos.length, 60);
    assert.deepEqual([dataset.skipped, dataset.conflicts], [[], []]);
    verifySplit(splitPhotos(dataset, {seed: 1}));
    const steps: string[] = [];
    const onProgress = ({step}: DatasetProgress) => steps.push(step);
    assert.deepEqual(await openDrawings({...options, perClass: 10, onProgress}), dataset);
    assert.equal(steps.includes('drawing'), false);
    const other = await openDrawings({...options, perClass: 10, seed: 2});
    assert.notEqual(other.photos[0].picture.key, dataset.photos[0].picture.key);
    assert.deepEqual((await readdir(options.dataFolder)).sort(), ['drawings']);
  });

  test('draws the same picture from the same numbers', () => {
    for (const name of classes) {
      const draw = (seed: number) => drawingSvg(name as 'glass', mulberry32(seed));
      assert.equal(draw(1), draw(1));
      assert.notEqual(draw(1), draw(2));
    }
  });
});

describe('storedSplit', () => {
  async function opened() {
    const dataset = await openDrawings({...options, perClass: 8});
    const wanted = {seed: 42, folder: options.dataFolder};
    return {dataset, wanted, file: path.join(options.dataFolder, 'drawings', 'split-42-70-15-15.json')};
  }

  test('is drawn once and then read', async () => {
    const {dataset, wanted, file} = await opened();
    const split = await storedSplit(dataset, wanted);
    const text = await readFile(file, 'utf8');
    assert.deepEqual(await storedSplit(dataset, wanted), split);
    assert.deepEqual(split, splitPhotos(dataset, {seed: 42}));
    assert.equal(await readFile(file, 'utf8'), text);
    const halves = {train: 0.5, val: 0.25, test: 0.25};
    assert.notEqual((await storedSplit(dataset, {...wanted, fractions: halves})).id, split.id);
  });

  test('is refused when it was damaged or edited', async () => {
    const {dataset, wanted, file} = await opened();
    await storedSplit(dataset, wanted);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.slice(0, 100));
    await assert.rejects(storedSplit(dataset, wanted), /is damaged/);
    await writeFile(file, 'null');
    await assert.rejects(storedSplit(dataset, wanted), /is damaged/);
    const edited = JSON.parse(text) as {parts: Record<string, unknown[]>};
    edited.parts.train.push(edited.parts.test.pop());
    await writeFile(file, JSON.stringify(edited));
    await assert.rejects(storedSplit(dataset, wanted), /was edited/);
  });

  test('survives a move of the photos', async () => {
    const {dataset, wanted} = await opened();
    const split = await storedSplit(dataset, wanted);
    const moved = path.join(root, 'moved');
    await cp(options.dataFolder, moved, {recursive: true});
    options.dataFolder = moved;
    const again = await openDrawings({...options, perClass: 8});
    assert.equal((await storedSplit(again, {...wanted, folder: moved})).id, split.id);
  });
});
