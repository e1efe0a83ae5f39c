import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {test} from 'node:test';
import {setTimeout} from 'node:timers/promises';
import {atEnd} from './ending';
import {startProgram, untilReady} from './processes';

const node = process.execPath;
const wait = 'setInterval(() => {}, 1000);';

/** Whether a process runs, and is not merely remembered by who started it. */
async function runs(id: number): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    const {stdout} = spawnSync('ps', ['-o', 'stat=', '-p', String(id)], {encoding: 'utf8'});
    if (/^Z|^$/.test(stdout.trim())) return false;
    await setTimeout(20);
  }
  return true;
}

test('a program that ends when asked to is not killed', async (t) => {
  const code = `process.on('SIGTERM', () => { console.log('ending'); process.exit(3); }); console.log('started'); ${wait}`;
  const program = startProgram(t, node, ['-e', code]);
  await untilReady(program, () => Promise.resolve(program.printed() === 'started\n'));
  await program.stop();
  assert.deepEqual(await program.ended, [3, null]);
  assert.equal(program.printed(), 'started\nending\n');
  await program.stop();
});

test('one that does not is killed, with what it has started', async (t) => {
  const deaf = `process.on('SIGTERM', () => {}); console.log(process.pid); ${wait}`;
  const start = `require('node:child_process').spawn(process.execPath, ['-e', code], {stdio: 'inherit', detached: true})`;
  const code = `const code = ${JSON.stringify(deaf)}; ${start}; ${deaf}`;
  const program = startProgram(t, node, ['-e', code]);
  const ids = () => program.printed().split('\n').filter(Boolean).map(Number);
  await untilReady(program, () => Promise.resolve(ids().length === 2));
  await program.stop(100);
  assert.deepEqual(await program.ended, [null, 'SIGKILL']);
  assert.deepEqual(await Promise.all(ids().map(runs)), [false, false]);
});

test('what one that heeds the request leaves behind is killed', async (t) => {
  const deaf = `process.on('SIGTERM', () => {}); console.log(process.pid); ${wait}`;
  const code = `const {spawn} = require('node:child_process');
    spawn(process.execPath, ['-e', ${JSON.stringify(deaf)}], {stdio: 'inherit', detached: true}); ${wait}`;
  const program = startProgram(t, node, ['-e', code]);
  await untilReady(program, () => Promise.resolve(program.printed().endsWith('\n')));
  await program.stop(100);
  assert.deepEqual(await program.ended, [null, 'SIGTERM']);
  assert.equal(await runs(Number(program.printed())), false);
});

test('a server that ends, or does not answer, is an error that tells what it printed', async (t) => {
  const ended = startProgram(t, node, ['-e', "console.log('no port is free'); process.exitCode = 1"]);
  await assert.rejects(
    untilReady(ended, () => Promise.resolve(false)),
    /has ended:\nno port is free/,
  );

  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  atEnd(t, () => silent.close());
  atEnd(t, () => silent.closeAllConnections());
  const {port} = silent.address() as AddressInfo;
  const program = startProgram(t, node, ['-e', `console.log('started'); ${wait}`]);
  const asks = async (signal: AbortSignal) => (await fetch(`http://127.0.0.1:${port}`, {signal})).ok;
  await assert.rejects(untilReady(program, asks, 1000), /is not ready after 1 s:\nstarted/);
});
