import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import {setImmediate} from 'node:timers/promises';
import {startOther} from '../processes';

test('signals that come while small matrices are multiplied leave memory whole', async (t) => {
  const other = startOther(t, join(__dirname, 'multiplying.ts'), ['20000']);
  assert.equal(await other.line(), 'begun');
  let ended = false;
  const result = other.line().finally(() => (ended = true));
  const signalling = (async () => {
    while (!ended) {
      for (let i = 0; i < 20; i++) process.kill(other.pid, 'SIGWINCH');
      await setImmediate();
    }
  })();
  assert.equal(await result, 'multiplied');
  await signalling;
});
