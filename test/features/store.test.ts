import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {basename, join} from 'node:path';
import test, {beforeEach} from 'node:test';
import {LabError} from '../../lib/errors';
import {type FeatureKey, featureFolders, folderOf, prune} from '../../lib/features/folders';
import {FeatureStore} from '../../lib/features/store';
import {temporaryFolder, wholeFile} from '../ending';

const root = temporaryFolder(wholeFile, 'lab-features-');

const key: FeatureKey = {weights: 'f00d', stage: 'layer3', preprocessing: {resize: 256, crop: 224}};
const shape = [2, 2, 3];
const names = ['éclair evaluation', 'b view-1', 'c', 'd'];
const recordBytes = 2 * 2 * 3 * 4;

let parent: string;
beforeEach(() => {
  parent = fs.mkdtempSync(join(root, 'store-'));
});

/** Features whose first number says whose they are. */
function records(...starts: number[]): Float32Array {
  return Float32Array.from(starts.flatMap((start) => Array.from({length: 12}, (_, i) => start + i / 16)));
}

/** Runs an action on a store that is closed after it. */
async function withStore<T>(
  action: (store: FeatureStore) => T | Promise<T>,
  description = {key, shape},
): Promise<T> {
  const store = await FeatureStore.open(parent, description);
  try {
    return await action(store);
  } finally {
    store.close();
  }
}

function fill(): Promise<string> {
  return withStore((store) => {
    store.append(names.slice(0, 3), records(100, 200, 300));
    store.append(names.slice(3), records(400));
    return store.folder;
  });
}

test('what records cost is kept with them, and null where that of one is not known', async () => {
  await withStore((store) => {
    store.append(['a', 'b'], records(1, 2), 0.25);
    store.append(['c'], records(3), 0.5);
  });
  await withStore((store) => {
    store.append(['d'], records(4));
    store.append(['e'], records(5), 2);
    assert.equal(store.secondsOf(['a', 'b', 'c', 'e']), 3);
    assert.equal(store.secondsOf([]), 0);
    assert.equal(store.secondsOf(['a', 'd']), null);
    assert.equal(store.secondsOf(['nowhere']), null);
    for (const name of fs.readdirSync(store.folder)) {
      if (name.endsWith('.seconds')) fs.rmSync(join(store.folder, name));
    }
    assert.equal(store.secondsOf(['a']), null, 'an older segment has no such file');
    assert.deepEqual(store.read(['a']), records(1));
  });
});

test('features are read in any order, also after reopening', async () => {
  await withStore((store) => {
    store.append(['a', 'b'], records(1, 2));
    store.append(['c'], records(3));
    assert.deepEqual(store.read(['c', 'a', 'c']), records(3, 1, 3));
  });
  await withStore((store) => {
    assert.equal(store.warning, null);
    assert.deepEqual(store.shape, shape);
    assert.equal(store.size, 3);
    assert.deepEqual([store.has('b'), store.has('x')], [true, false]);
    assert.deepEqual(store.read(['b']), records(2));
    assert.deepEqual(store.read([]), new Float32Array(0));
    store.append(['d'], records(4));
    assert.deepEqual(store.read(['d', 'a']), records(4, 1));
  });
});

test('an entry that is there already, or comes twice, is stored once', async () => {
  await withStore((store) => {
    store.append(['a', 'b', 'a'], records(1, 2, 1));
    store.append(['b', 'c'], records(2, 3));
    assert.equal(store.size, 3);
    assert.deepEqual(store.read(['a', 'b', 'c']), records(1, 2, 3));
  });
});

test('a key is the same whatever the order of its properties; another key has another folder', async () => {
  const folder = await fill();
  const {preprocessing, ...rest} = key;
  await withStore((store) => assert.equal(store.folder, folder), {key: {preprocessing, ...rest}, shape});
  await withStore((store) => assert.equal(store.size, 0), {key: {...key, stage: 'layer4'}, shape});
  assert.equal(featureFolders(parent).length, 2);
});

test('the folder of a key stays the same from version to version', () => {
  const view = {augmentation: {flip: true, crop: undefined}, seed: 5};
  const preprocessing = {resize: 256, crop: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]};
  const folder = folderOf(parent, {
    architecture: 'mobilenet_v2',
    weights: 'f00d',
    stage: 19,
    preprocessing,
    view,
  });
  assert.equal(basename(folder), '3eb97083e6b6a437');
});

/** The names of the segments in a folder, without their ending. */
function segmentsOf(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.bin'))
    .map((name) => name.replace('.bin', ''));
}

const layouts = [
  ['of this layout', (segment: string) => [`${segment}.bin`, `${segment}.txt`]],
  ['of the older layout', () => ['features.bin', 'index.txt']],
] as const;

for (const [layout, filesOf] of layouts) {
  test(`wherever a kill cuts the files ${layout}, the whole records stay and the rest can be added`, async () => {
    const folder = await fill();
    const [segment] = segmentsOf(folder);
    const [features, index] = ['bin', 'txt'].map((ending) =>
      fs.readFileSync(join(folder, `${segment}.${ending}`)),
    );
    const keyJson = fs.readFileSync(join(folder, 'key.json'));
    assert.equal(features.length, 4 * recordBytes);
    const lineEnds = names.map((_, i) => Buffer.byteLength(names.slice(0, i + 1).join('\n')) + 1);
    const cuts = [
      ...Array.from({length: index.length + 1}, (_, bytes) => [features.length, bytes]),
      ...[0, 1, 2, 3, 4].flatMap((row) =>
        [-1, 0, 1].map((extra) => [Math.max(0, row * recordBytes + extra), index.length]),
      ),
      [2 * recordBytes + 5, lineEnds[0] + 2],
    ];
    for (const [featureBytes, indexBytes] of cuts) {
      fs.rmSync(folder, {recursive: true});
      fs.mkdirSync(folder);
      fs.writeFileSync(join(folder, 'key.json'), keyJson);
      const [bin, txt] = filesOf(segment).map((name) => join(folder, name));
      // Past its end a file holds what a half-written append left there.
      fs.writeFileSync(bin, Buffer.concat([features, Buffer.alloc(9)]).subarray(0, featureBytes));
      fs.writeFileSync(txt, index.subarray(0, indexBytes));
      const whole = Math.min(
        Math.floor(Math.min(featureBytes, features.length) / recordBytes),
        lineEnds.filter((end) => end <= indexBytes).length,
      );
      const message = `records cut at ${featureBytes}, index at ${indexBytes}`;
      await withStore((store) => {
        assert.equal(store.warning, null, message);
        assert.deepEqual(
          names.map((name) => store.has(name)),
          names.map((_, row) => row < whole),
          message,
        );
        store.append(names.slice(whole), records(100, 200, 300, 400).slice(whole * 12));
        assert.deepEqual(store.read(names), records(100, 200, 300, 400), message);
      });
      await withStore((store) => assert.deepEqual(store.read(names), records(100, 200, 300, 400), message));
    }
  });
}

const indexOf = (folder: string) => join(folder, `${segmentsOf(folder)[0]}.txt`);

const damages: [name: string, reason: RegExp, damage: (folder: string) => void][] = [
  [
    'another key',
    /key\.json of other features/,
    (folder) => fs.writeFileSync(join(folder, 'key.json'), '{"key":{}}'),
  ],
  ['half a key', /key\.json of other features/, (folder) => fs.truncateSync(join(folder, 'key.json'), 10)],
  ['no key', /has no key\.json/, (folder) => fs.rmSync(join(folder, 'key.json'))],
  ['a repeated line', /spoilt \w+\.txt/, (folder) => fs.appendFileSync(indexOf(folder), 'c\n')],
  ['an empty line', /spoilt \w+\.txt/, (folder) => fs.appendFileSync(indexOf(folder), '\n')],
];

for (const [name, reason, damage] of damages) {
  test(`a damaged folder is set aside, not fatal: ${name}`, async () => {
    for (const number of [1, 2]) {
      const folder = await fill();
      damage(folder);
      await withStore((store) => {
        assert.match(store.warning ?? '', reason);
        assert.ok(store.warning?.includes(`${basename(folder)}.damaged-${number}`));
        assert.equal(store.size, 0);
      });
      assert.equal(segmentsOf(`${folder}.damaged-${number}`).length, 1);
    }
  });
}

test('features of another shape are set aside', async () => {
  await fill();
  await withStore((store) => assert.match(store.warning ?? '', /key\.json of other features/), {
    key,
    shape: [4],
  });
});

test('a store killed before it had a key begins again', async () => {
  const folder = await fill();
  for (const name of fs.readdirSync(folder)) fs.rmSync(join(folder, name));
  fs.writeFileSync(join(folder, 'key.json.part'), '{"key"');
  await withStore((store) => assert.deepEqual([store.size, store.warning], [0, null]));
});

test('stores of one key are open at once, write at once and see what the others add', async () => {
  await withStore((first) =>
    withStore((second) => {
      first.append(['a', 'b'], records(1, 2));
      assert.equal(second.has('a'), false);
      second.append(['c', 'b'], records(3, 2));
      for (const store of [first, second]) {
        store.refresh();
        assert.deepEqual(store.read(['a', 'b', 'c']), records(1, 2, 3));
      }
      first.append(['c', 'd'], records(3, 4));
      second.refresh();
      assert.deepEqual(second.read(['d', 'c']), records(4, 3));
      assert.equal(second.size, 4);
    }),
  );
  await withStore((store) => assert.deepEqual(store.read(['d', 'b']), records(4, 2)));
});

test('a folder that another has open is not removed, and one found damaged then not set aside', async () => {
  const folder = await withStore(async (store) => {
    assert.deepEqual(prune(parent, 0), []);
    store.append(['a'], records(1));
    fs.truncateSync(join(store.folder, 'key.json'), 10);
    await assert.rejects(
      FeatureStore.open(parent, {key, shape}),
      new RegExp(`key\\.json of other features, while process ${process.pid} on host .* has it open`),
    );
    return store.folder;
  });
  await withStore((store) => assert.match(store.warning ?? '', /set aside|renamed to/));
  assert.deepEqual(
    prune(parent, 0).map((pruned) => pruned.folder),
    [`${folder}.damaged-1`, folder],
  );
});

test('what cannot be stored or read is refused, with the value', async () => {
  await withStore((store) => {
    store.append(['a'], records(1));
    assert.throws(
      () => store.append(['b', 'c'], records(1)),
      /2 entries of shape \[2, 2, 3\] are 24 numbers, got 12/,
    );
    assert.throws(() => store.append(['two\nlines'], records(1)), /"two\\nlines" is no name/);
    assert.throws(() => store.append([''], records(1)), LabError);
    assert.throws(() => store.read(['a', 'z']), /'z' is not in/);
    assert.equal(store.size, 1);
    const [segment] = segmentsOf(store.folder);
    fs.truncateSync(join(store.folder, `${segment}.bin`), recordBytes - 1);
    assert.throws(() => store.read(['a']), /\w\.bin was cut short/);
  });
  for (const wrong of [[], [0], [2.5]]) {
    await assert.rejects(FeatureStore.open(parent, {key, shape: wrong}), /shape is \[/);
  }
});

test('a full disk is an error that says what can be deleted', async (t) => {
  if (!fs.existsSync('/dev/full')) return t.skip('no /dev/full on this system to stand for a full disk');
  const folder = await withStore((store) => {
    const many = Array.from({length: 100}, (_, i) => `${i}`);
    store.append(many, records(...many.map(Number)));
    return store.folder;
  });
  await withStore(
    (store) => {
      store.append(['first'], records(0));
      const bin = join(store.folder, `${segmentsOf(store.folder)[0]}.bin`);
      fs.rmSync(bin);
      fs.symlinkSync('/dev/full', bin);
      const full = (error: unknown) =>
        error instanceof LabError &&
        /^no space left on the disk for frozen features \(ENOSPC\).* delete folders/.test(error.message) &&
        error.message.includes(`the largest: ${folder}, 0.0 MB`);
      assert.throws(() => store.append(['a'], records(1)), full);
      assert.equal(store.has('a'), false);
      assert.deepEqual(store.read(['first']), records(0));
    },
    {key: {...key, stage: 'layer4'}, shape},
  );
});

test('the least recently used stores are removed first, until the rest is small enough', async () => {
  const keyOf = (stage: number) => ({...key, stage: `layer${stage}`});
  const fillStage = (stage: number) =>
    withStore(
      (store) => {
        store.append(['a', 'b'], records(1, 2));
        return store.folder;
      },
      {key: keyOf(stage), shape},
    );
  const folders = [await fillStage(1), await fillStage(2), await fillStage(3)];
  fs.mkdirSync(join(parent, 'something else'));
  folders.forEach((folder, i) => fs.utimesSync(join(folder, 'key.json'), 1e9 + i, 1e9 + i));
  await withStore(() => {}, {key: keyOf(1), shape}); // Using a store makes it recent.
  const found = featureFolders(parent);
  assert.deepEqual(
    found.map(({folder}) => folder),
    [folders[1], folders[2], folders[0]],
  );
  assert.deepEqual(found[0].key, keyOf(2));
  assert.ok(found[0].bytes > 2 * recordBytes && found[0].bytes < 1000);

  assert.deepEqual(prune(parent, 1e6), []);
  assert.deepEqual(
    prune(parent, found[2].bytes + found[1].bytes).map(({folder}) => folder),
    [folders[1]],
  );
  await withStore(
    () =>
      assert.deepEqual(
        prune(parent, 0).map(({folder}) => folder),
        [folders[0]],
      ),
    {key: keyOf(3), shape},
  );
  assert.deepEqual(fs.readdirSync(parent).sort(), [basename(folders[2]), 'something else'].sort());
});

test('what a killed removal has left is removed, and is no store', async () => {
  const folder = await fill();
  fs.renameSync(folder, `${folder}.pruned-0123abcd`);
  assert.deepEqual(featureFolders(parent), []);
  assert.deepEqual(prune(parent, 1e9), []);
  assert.deepEqual(fs.readdirSync(parent), []);
});

test('damaged folders are listed without a key and can be pruned; no folder, no stores', async () => {
  fs.rmSync(join(await fill(), 'key.json'));
  await withStore(() => {});
  const damaged = featureFolders(parent).filter(({folder}) => folder.includes('.damaged-'));
  assert.deepEqual(
    damaged.map(({key}) => key),
    [null],
  );
  prune(parent, 0);
  assert.deepEqual(featureFolders(parent), []);
  assert.deepEqual(featureFolders(join(parent, 'none')), []);
});

test('a batch of records is read within milliseconds', async () => {
  const large = {key, shape: [7, 7, 512]};
  await withStore((store) => {
    const length = 7 * 7 * 512;
    const features = new Float32Array(64 * length);
    for (let row = 0; row < 64; row++) features.fill(row, row * length, (row + 1) * length);
    const entries = Array.from({length: 64}, (_, row) => `photo ${row}`);
    store.append(entries, features);
    const wanted = Array.from({length: 32}, (_, i) => (i * 37) % 64);
    const started = performance.now();
    const got = store.read(wanted.map((row) => entries[row]));
    assert.ok(performance.now() - started < 100);
    wanted.forEach((row, i) => assert.equal(got[i * length + 5], row));
  }, large);
});
