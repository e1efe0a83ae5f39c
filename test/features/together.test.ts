import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {featureFolders, prune} from '../../lib/features/folders';
import {FeatureStore} from '../../lib/features/store';
import {temporaryFolder} from '../ending';
import {noNamespace, startOther} from '../processes';

const adder = join(__dirname, 'fixtures', 'adder.ts');

const newFolder = (t: TestContext) => temporaryFolder(t, 'lab-together-');

/** Asserts that every record of a store is the one that its name tells. */
async function assertUnmixed(folder: string, round: string, writers: number): Promise<void> {
  const store = await FeatureStore.open(folder, {key: {round}, shape: [16]});
  assert.equal(store.size, 48 * writers + 3);
  for (let who = 0; who < writers; who++) {
    const names = Array.from({length: 48}, (_, i) => `${who}-${i}`);
    const expected = names.flatMap((_, i) => Array<number>(16).fill(1000 * who + i));
    assert.deepEqual(store.read(names), Float32Array.from(expected), `round ${round}`);
  }
  store.close();
}

for (const inNamespace of [false, true]) {
  const [where, rounds] = inNamespace ? ['containers', 20] : ['processes', 60];
  test(
    `two ${where} that open a store in one moment, ${rounds} times, both fill it and mix up nothing`,
    {skip: inNamespace && noNamespace},
    async (t) => {
      const folder = newFolder(t);
      const others = [0, 1].map((who) => startOther(t, adder, [folder, String(who)], {inNamespace}));
      await Promise.all(others.map((other) => other.line()));
      for (let round = 0; round < rounds; round++) {
        others.forEach((other) => other.send(String(round)));
        assert.deepEqual(await Promise.all(others.map((other) => other.line())), ['added', 'added']);
        await assertUnmixed(folder, String(round), 2);
      }
    },
  );
}

test('a process killed while it adds leaves whole records, and what it had open can be removed', async (t) => {
  const folder = newFolder(t);
  const other = startOther(t, adder, [folder, '0']);
  await other.line();
  other.send('kept');
  await other.line();
  for (let round = 0; round < 50; round++) other.send(String(round));
  await other.line();
  assert.deepEqual(prune(folder, 0), [], 'all are in use');
  await other.kill();
  await assertUnmixed(folder, 'kept', 1);
  for (let round = 0; round < 50; round++) {
    const store = await FeatureStore.open(folder, {key: {round: String(round)}, shape: [16]});
    assert.equal(store.warning, null);
    for (let i = 0; i < 48; i++) {
      if (store.has(`0-${i}`)) assert.equal(store.read([`0-${i}`])[15], i);
    }
    store.close();
  }
  prune(folder, 0);
  assert.deepEqual(featureFolders(folder), []);
  const left = fs.readdirSync(folder).filter((name) => !name.endsWith('.part'));
  assert.deepEqual(left, []);
});

test('a store that another container has open is not removed', {skip: noNamespace}, async (t) => {
  const folder = newFolder(t);
  const other = startOther(t, adder, [folder, '0'], {inNamespace: true});
  await other.line();
  other.send('0');
  await other.line();
  assert.deepEqual(prune(folder, 0), []);
  other.send('close');
  await other.line();
  assert.equal(prune(folder, 0).length, 1);
});

test('two that prune at once remove and tell of each store once', async (t) => {
  const folder = newFolder(t);
  const others = [0, 1].map((who) => startOther(t, adder, [folder, String(who)]));
  await Promise.all(others.map((other) => other.line()));
  for (let round = 0; round < 20; round++) {
    for (let key = 0; key < 3; key++) {
      (await FeatureStore.open(folder, {key: {round: `${round} ${key}`}, shape: [16]})).close();
    }
    others.forEach((other) => other.send('prune'));
    const removed = await Promise.all(others.map((other) => other.line()));
    assert.equal(Number(removed[0]) + Number(removed[1]), 3, `round ${round}`);
    assert.deepEqual(featureFolders(folder), []);
  }
});
