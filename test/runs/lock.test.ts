import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {setImmediate} from 'node:timers/promises';
import {runId, RunStore} from '../../lib/runs';
import {temporaryFolder} from '../ending';
import {noNamespace, startOther} from '../processes';
import {configuration, finish, trainEpoch} from './fixtures/runs';

const id = runId(configuration);
const trainer = join(__dirname, 'fixtures', 'trainer.ts');

const newFolder = (t: TestContext) => temporaryFolder(t, 'lab-lock-');

/** A folder that holds a complete run of one epoch. */
function withCompleteRun(t: TestContext): {folder: string; store: RunStore} {
  const folder = newFolder(t);
  const store = new RunStore(folder, assert.fail);
  const run = store.open(configuration);
  trainEpoch(run, 1);
  finish(run, 1);
  return {folder, store};
}

test('a run that another kernel trains cannot be opened, only read; killed, it goes on at once', async (t) => {
  const folder = newFolder(t);
  const store = new RunStore(folder, assert.fail);
  const other = startOther(t, trainer, [folder, '1000000', '6']);
  for (const line of ['opened', 'epoch 1', 'epoch 2']) assert.equal(await other.line(), line);

  assert.throws(() => store.open(configuration), {
    name: 'LockHeld',
    message: new RegExp(
      `^Run ${id} is being trained by process ${other.pid} on host ${hostname()} \\(started 2.* UTC\\), since 2`,
    ),
  });
  for (let look = 0; look < 50; look++) {
    const [found] = store.list();
    assert.equal(found.status, 'running');
    assert.ok(found.history.length >= 2);
  }
  // Damage is left alone as long as the other kernel may be writing.
  fs.renameSync(join(folder, id, 'configuration.json'), join(folder, 'kept'));
  assert.deepEqual(store.list(), []);
  fs.renameSync(join(folder, 'kept'), join(folder, id, 'configuration.json'));

  await other.kill();
  assert.equal(store.find(configuration)?.status, 'interrupted');
  const run = store.open(configuration);
  assert.ok(run.record().history.length >= 2);
  run.release();
  assert.deepEqual(fs.readdirSync(folder), [id]);
});

test(
  'a run that another container trains is refused and goes on undisturbed',
  {skip: noNamespace},
  async (t) => {
    const folder = newFolder(t);
    const args = [folder, '1000000', '6'];
    const first = startOther(t, trainer, args, {inNamespace: true});
    assert.equal(await first.line(), 'opened');
    const second = startOther(t, trainer, args, {inNamespace: true});
    assert.match(
      await second.line(),
      new RegExp(`^LockHeld: Run ${id} is being trained by process 1 on host ${hostname()} \\(started `),
    );
    await second.ended;
    for (let epoch = 1; epoch <= 3; epoch++) assert.equal(await first.line(), `epoch ${epoch}`);
    await first.kill();
    const record = new RunStore(folder, assert.fail).find(configuration);
    assert.equal(record?.status, 'running', 'it cannot be seen from here that it was killed');
    assert.ok(record.history.length >= 3);
  },
);

test('this kernel does not train a run twice at once', (t) => {
  const store = new RunStore(newFolder(t));
  const run = store.open(configuration);
  assert.throws(() => store.open(configuration), /is being trained by this very kernel/);
  run.release();
  run.release();
  store.open(configuration).release();
});

test('a run whose lock is lost is not written on', (t) => {
  const folder = newFolder(t);
  const store = new RunStore(folder);
  const run = store.open(configuration);
  trainEpoch(run, 1);
  fs.rmSync(join(folder, `${id}.lock`));
  assert.throws(() => trainEpoch(run, 2), /no longer by this kernel: .* Run again\.$/);
  assert.equal(store.find(configuration)?.history.length, 1);
  run.release();
});

test('kernels that list at once repair a run once', async (t) => {
  const folder = newFolder(t);
  const lister = join(__dirname, 'fixtures', 'lister.ts');
  const others = [1, 2].map(() => startOther(t, lister, [folder]));
  await Promise.all(others.map((other) => other.line()));
  for (let round = 0; round < 20; round++) {
    const run = new RunStore(folder).open(configuration);
    trainEpoch(run, 1);
    run.release();
    fs.rmSync(join(folder, id, 'configuration.json'));
    others.forEach((other) => other.send('list'));
    const warnings = await Promise.all(others.map((other) => other.line()));
    assert.deepEqual(warnings.map(Number).sort(), [0, 1], `round ${round}`);
  }
  assert.equal(fs.readdirSync(folder).filter((name) => name.includes('.damaged-')).length, 20);
});

test('a complete run that another kernel trains anew is seen complete at any moment', async (t) => {
  const {folder, store} = withCompleteRun(t);
  const redoer = startOther(t, join(__dirname, 'fixtures', 'redoer.ts'), [folder, '60']);
  let done = false;
  void redoer.ended.then(() => (done = true));
  while (!done) {
    assert.deepEqual(
      store.list().map(({status}) => status),
      ['complete'],
    );
    await setImmediate();
  }
  assert.deepEqual(fs.readdirSync(folder).sort(), [id, `${id}.previous`]);
});

test('a name is given also while another kernel looks the run through', async (t) => {
  const {folder, store} = withCompleteRun(t);
  const locker = join(__dirname, '..', 'storage', 'fixtures', 'locker.ts');
  const other = startOther(t, locker, [join(folder, `${id}.repair.lock`), 'brief']);
  assert.equal(await other.line(), 'held');
  assert.equal(store.rename(id, 'named')?.name, 'named');
});
