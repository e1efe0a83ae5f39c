import assert from 'node:assert/strict';
import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import * as fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {LabError} from '../../lib/errors';
import {runId, RunStore} from '../../lib/runs';
import {lockHolders, lockRun} from '../../lib/runs/lock';
import {configuration, trainEpoch} from './fixtures/runs';

const id = runId(configuration);

function newFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lab-lock-'));
  t.after(() => fs.rmSync(folder, {recursive: true}));
  return folder;
}

/** A process that idles until it is killed. */
async function otherProcess(t: TestContext): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)']);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

test('a run that another kernel trains cannot be opened, only read', async (t) => {
  const folder = newFolder(t);
  const store = new RunStore(folder, assert.fail);
  const run = store.open(configuration);
  trainEpoch(run, 1);
  run.release();
  const other = await otherProcess(t);
  const lock = join(folder, `${id}.lock-${other.pid}`);
  fs.writeFileSync(lock, '');

  assert.throws(
    () => store.open(configuration),
    (error) => error instanceof LabError && error.message.includes(`another kernel (process ${other.pid})`),
  );
  assert.equal(store.find(configuration)?.status, 'running');
  // Damage is left alone as long as the other kernel may be writing.
  fs.rmSync(join(folder, id, 'configuration.json'));
  assert.deepEqual(store.list(), []);
  assert.deepEqual(fs.readdirSync(folder).sort(), [id, `${id}.lock-${other.pid}`]);
});

test('the lock of a process that is gone is broken', async (t) => {
  const folder = newFolder(t);
  const other = await otherProcess(t);
  fs.writeFileSync(join(folder, `${id}.lock-${other.pid}`), '');
  assert.deepEqual(lockHolders(folder, id), [other.pid]);
  other.kill('SIGKILL');
  await once(other, 'close');
  const run = new RunStore(folder).open(configuration);
  assert.deepEqual(fs.readdirSync(folder).sort(), [id, `${id}.lock-${process.pid}`]);
  run.release();
  assert.deepEqual(fs.readdirSync(folder), [id]);
});

test('this kernel does not train a run twice at once', (t) => {
  const store = new RunStore(newFolder(t));
  const run = store.open(configuration);
  assert.throws(() => store.open(configuration), /is being trained by this very kernel/);
  run.release();
  run.release();
  store.open(configuration).release();
});

test("a lock with this process's id but older than it is an earlier container's", (t) => {
  const folder = newFolder(t);
  const lock = join(folder, `${id}.lock-${process.pid}`);
  fs.writeFileSync(lock, '');
  assert.deepEqual(lockHolders(folder, id), [process.pid]);
  fs.utimesSync(lock, new Date(0), new Date(0));
  assert.deepEqual(lockHolders(folder, id), []);
  lockRun(folder, id)();
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('of many kernels that start at once at most one trains', async (t) => {
  const folder = newFolder(t);
  const script = `
    const {lockRun} = require(${JSON.stringify(join(__dirname, '../../lib/runs/lock'))});
    process.stdin.once('data', () => {
      try { lockRun(${JSON.stringify(folder)}, 'run'); console.log('locked'); } catch { console.log('refused'); }
    });
    console.log('ready');`;
  const children = Array.from({length: 4}, () => spawn(process.execPath, ['--import', 'tsx', '-e', script]));
  t.after(() => children.forEach((child) => child.kill('SIGKILL')));
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  const answers = children.map(async (child) => String(await once(child.stdout, 'data')).trim());
  for (const child of children) child.stdin.write('go\n');
  const locked = (await Promise.all(answers)).filter((answer) => answer === 'locked');
  assert.ok(locked.length <= 1, `${locked.length} hold the lock`);
});
