import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {LabError} from '../../lib/errors';
import {
  LockHeld,
  type LockHolder,
  lockHolder,
  takeLock,
  tryLock,
  waitForLock,
  withLock,
} from '../../lib/storage';
import {temporaryFolder} from '../ending';
import {noNamespace, startOther} from '../processes';

const locker = join(__dirname, 'fixtures', 'locker.ts');
const purpose = 'The test is being run';

function newLock(t: TestContext): string {
  const folder = temporaryFolder(t, 'lab-lock-');
  return join(folder, 'deeper', 'x.lock');
}

/** Nothing but the lock, or nothing at all, stands in its folder. */
function assertNoLitter(file: string): void {
  const left = fs.readdirSync(join(file, '..')).filter((name) => name !== 'x.lock');
  assert.deepEqual(left, []);
}

/** Lays a lock by hand: this process's, with changes, whose last sign is so many seconds old. */
function layLock(file: string, changes: Partial<LockHolder>, secondsSilent = 0): void {
  fs.rmSync(file, {force: true});
  const lock = takeLock(file, purpose);
  const holder = JSON.parse(fs.readFileSync(file, 'utf8')) as LockHolder;
  lock.release();
  fs.writeFileSync(file, JSON.stringify({...holder, token: 'by hand', ...changes}));
  const date = Date.now() / 1000 - secondsSilent;
  fs.utimesSync(file, date, date);
}

const elsewhere: Partial<LockHolder> = {
  host: 'other-box',
  numbering: 'another boot pid:[4026531836]',
  process: process.pid,
};

test('a lock excludes others until it is released, also within this process', (t) => {
  const file = newLock(t);
  const lock = takeLock(file, purpose);
  assert.equal(lockHolder(file)?.process, process.pid);
  assert.equal(tryLock(file, purpose), null);
  assert.throws(
    () => takeLock(file, purpose),
    (error) =>
      error instanceof LockHeld &&
      error.holder.host === hostname() &&
      /^The test is being run by this very kernel, since 2.* UTC\. .*restart the kernel\.$/.test(
        error.message,
      ),
  );
  lock.requireHeld();
  lock.release();
  lock.release();
  assert.equal(lockHolder(file), null);
  takeLock(file, purpose).release();
  assertNoLitter(file);
});

test('of callers in one process each waits for those before it', async (t) => {
  const file = newLock(t);
  let inside = 0;
  const told: string[] = [];
  const work = () =>
    withLock(file, purpose, {onWait: (message) => told.push(message)}, async () => {
      assert.equal(++inside, 1);
      await sleep(400);
      inside--;
    });
  await Promise.all([work(), work(), work()]);
  assert.equal(told.length, 1, 'of two that wait one waits for longer than half a second');
  assert.match(told[0], /^The test is being run by this very kernel, since .* UTC\. Waiting for it\.$/);
  await assert.rejects(
    withLock(file, purpose, {}, () => Promise.reject(new Error('failed'))),
    /failed/,
  );
  assert.equal(lockHolder(file), null);
});

test('a waiting can be stopped', async (t) => {
  const file = newLock(t);
  const lock = takeLock(file, purpose);
  const controller = new AbortController();
  const waiting = waitForLock(file, purpose, {signal: controller.signal});
  setTimeout(() => controller.abort(new Error('stop button')), 50);
  await assert.rejects(waiting, /stop button/);
  lock.release();
  assertNoLitter(file);
});

test('another process is named; once it is killed its lock is taken at once', async (t) => {
  const file = newLock(t);
  const other = startOther(t, locker, [file, 'now']);
  assert.equal(await other.line(), 'held');
  assert.throws(() => takeLock(file, purpose), {
    name: 'LockHeld',
    message: new RegExp(
      `^The test is being run by process ${other.pid} on host ${hostname()} \\(started 2.* UTC\\), ` +
        'since 2.* UTC\\. Wait for it or shut that kernel down, then run again\\.$',
    ),
  });
  await other.kill();
  assert.equal(lockHolder(file), null);
  takeLock(file, purpose).release();
  assertNoLitter(file);
});

test('a living process keeps its lock however long it is silent', async (t) => {
  const file = newLock(t);
  const other = startOther(t, locker, [file, 'now']);
  await other.line();
  fs.utimesSync(file, new Date(0), new Date(0));
  assert.equal(tryLock(file, purpose), null);
});

test('an earlier process of the same id holds nothing', (t) => {
  const file = newLock(t);
  if (fs.existsSync('/proc/self/stat')) {
    layLock(file, {birth: '1'});
    takeLock(file, purpose).release();
  }
  layLock(file, {process: 2 ** 22 + 1}); // beyond the largest id
  takeLock(file, purpose).release();
  assertNoLitter(file);
});

test('a waiting process takes over the lock of one that is killed', async (t) => {
  const file = newLock(t);
  const first = startOther(t, locker, [file, 'now']);
  await first.line();
  const second = startOther(t, locker, [file, 'wait']);
  assert.match(await second.line(), new RegExp(`by process ${first.pid} on host .* Waiting for it\\.$`));
  await first.kill();
  assert.equal(await second.line(), 'held');
});

test("another host's lock counts while it gives signs, and a minute longer", (t) => {
  const file = newLock(t);
  layLock(file, elsewhere, 50);
  assert.equal(lockHolder(file)?.host, 'other-box');
  assert.throws(() => takeLock(file, purpose), {
    name: 'LockHeld',
    message:
      /by process \d+ on host other-box \(started .*Its last sign of life is 5\d s old; should it be gone, run again in \d+ s/,
  });
  layLock(file, elsewhere, 61);
  assert.equal(lockHolder(file), null);
  const lock = takeLock(file, purpose);
  assert.equal(lockHolder(file)?.host, hostname());
  lock.release();
  assertNoLitter(file);
});

test('a holder that cannot be read counts for a minute', (t) => {
  const file = newLock(t);
  layLock(file, {});
  for (const text of ['', '{"host":"oth', '[]', 'null']) {
    fs.writeFileSync(file, text);
    assert.throws(() => takeLock(file, purpose), /process 0 on host unknown/);
    fs.utimesSync(file, new Date(), new Date(Date.now() - 61_000));
    takeLock(file, purpose).release();
  }
});

test('a lost lock is told to its holder, and is not released for another', (t) => {
  const file = newLock(t);
  const lock = takeLock(file, purpose);
  layLock(file, elsewhere);
  assert.throws(() => lock.requireHeld(), {
    name: 'LabError',
    message:
      /no longer by this kernel: .*process \d+ on host other-box .*has taken it over.* 60 s.*Run again\.$/,
  });
  lock.release();
  assert.equal(lockHolder(file)?.host, 'other-box');
  fs.rmSync(file);
  assert.throws(() => lock.requireHeld(), /its file is gone/);
});

test('a takeover that was killed half-way is finished', (t) => {
  const file = newLock(t);
  layLock(file, elsewhere, 61);
  layLock(`${file}.takeover`, {birth: '1', process: 2 ** 22 + 1});
  takeLock(file, purpose).release();
  assertNoLitter(file);
});

test('a held lock is dated anew every few seconds', async (t) => {
  const file = newLock(t);
  const lock = takeLock(file, purpose);
  const text = fs.readFileSync(file, 'utf8');
  fs.utimesSync(file, new Date(0), new Date(0));
  while (fs.statSync(file).mtimeMs === 0) await sleep(100);
  assert.ok(Date.now() - fs.statSync(file).mtimeMs < 5_000);
  assert.equal(fs.readFileSync(file, 'utf8'), text);
  lock.release();
});

test('a process that only holds a lock ends', async (t) => {
  const file = newLock(t);
  fs.mkdirSync(join(file, '..'));
  const counter = join(file, '..', 'count');
  fs.writeFileSync(counter, '0');
  const other = startOther(t, locker, [file, 'count', counter, '1']);
  await other.ended;
  assert.equal(fs.readFileSync(counter, 'utf8'), '1');
});

for (const inNamespace of [false, true]) {
  const where = inNamespace ? 'PID namespaces, in which all have one id,' : 'processes';
  test(
    `of ${where} that take an abandoned lock in one moment one has it, 40 times`,
    {skip: inNamespace && noNamespace},
    async (t) => {
      const file = newLock(t);
      const others = Array.from({length: 3}, () => startOther(t, locker, [file, 'once'], {inNamespace}));
      await Promise.all(others.map((other) => other.line()));
      for (let round = 0; round < 40; round++) {
        fs.rmSync(file, {force: true});
        if (round % 2 === 0) layLock(file, elsewhere, 61);
        others.forEach((other) => other.send('go'));
        const answers = await Promise.all(others.map((other) => other.line()));
        assert.deepEqual(answers.sort(), ['held', 'refused', 'refused'], `round ${round}`);
      }
      assertNoLitter(file);
    },
  );
}

test(
  'a lock of another PID namespace is not taken for one of a process here',
  {skip: noNamespace},
  async (t) => {
    const file = newLock(t);
    const [first, second] = [1, 2].map(() => startOther(t, locker, [file, 'now'], {inNamespace: true}));
    const answers = await Promise.all([first.line(), second.line()]);
    assert.equal(answers.filter((answer) => answer === 'held').length, 1);
    assert.match(
      answers.find((answer) => answer !== 'held')!,
      /^LockHeld: The test is being run by process 1 on host .* should it be gone, run again in \d+ s/,
    );
    await Promise.all([first.kill(), second.kill()]);
    assert.equal(tryLock(file, purpose), null, 'it cannot be seen from here');
    fs.utimesSync(file, new Date(), new Date(Date.now() - 61_000));
    takeLock(file, purpose).release();
  },
);

test('processes that count under a lock lose no count', async (t) => {
  const file = newLock(t);
  fs.mkdirSync(join(file, '..'));
  const counter = join(file, '..', '..', 'count');
  fs.writeFileSync(counter, '0');
  const others = [1, 2].map(() => startOther(t, locker, [file, 'count', counter, '50']));
  await Promise.all(others.map(({ended}) => ended));
  assert.equal(fs.readFileSync(counter, 'utf8'), '100');
  assertNoLitter(file);
});

test('a folder that takes no lock is named', (t) => {
  const file = newLock(t);
  fs.writeFileSync(join(file, '..'), 'no folder');
  assert.throws(
    () => takeLock(file, purpose),
    (error) => error instanceof LabError && error.message.includes(`${file} cannot be written`),
  );
});
