import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {setTimeout} from 'node:timers/promises';
import {openCheckpoint} from '../../lib/checkpoints';
import {mulberry32} from '../../lib/random';
import {RunStore} from '../../lib/runs';
import {temporaryFolder} from '../ending';
import {startOther} from '../processes';
import {configuration} from './fixtures/runs';

/** After how many lines of the trainer (the first when it has opened the run, then one an epoch) each session is killed. */
const sessions = [1, 2, 3, 2, 3];
const kills = sessions.length;
const valuesPerTensor = 100_000;

/** Trains in another process, which is killed some milliseconds after it has printed so many lines. */
async function trainAndKill(
  t: TestContext,
  folder: string,
  lines: number,
  milliseconds: number,
): Promise<void> {
  const trainer = join(__dirname, 'fixtures', 'trainer.ts');
  const other = startOther(t, trainer, [folder, '1000000', String(valuesPerTensor)]);
  for (let line = 1; line <= lines; line++) await other.line();
  await setTimeout(milliseconds);
  await other.kill();
}

function valuesIn(tensors: Iterable<Float32Array>): number[] {
  return [...new Set([...tensors].flatMap((values) => [values[0], values[values.length - 1]]))];
}

test(`a run killed ${kills} times at random moments stays consistent and goes on`, async (t) => {
  const folder = temporaryFolder(t, 'lab-kill-');
  const store = new RunStore(folder, (warning) => assert.fail(warning));
  const random = mulberry32(1);
  let epochs = 0;
  for (const lines of sessions) {
    await trainAndKill(t, folder, lines, 60 * random());
    assert.equal(store.find(configuration)?.status, 'interrupted');

    const run = store.open(configuration);
    const {history} = run.record();
    assert.deepEqual(
      history.map(({epoch}) => epoch),
      history.map((_, index) => index + 1),
    );
    const point = run.resumeState();
    assert.equal(point?.state.epoch ?? 0, history.length);
    assert.ok(history.length >= epochs, 'no epoch is lost');
    epochs = history.length;
    if (point?.state.best) {
      assert.deepEqual(valuesIn([...point.tensors.values()].map(({values}) => values)), [point.state.epoch]);
      const best = openCheckpoint(run.bestWeights());
      assert.deepEqual(valuesIn([...best.tensors.values()].map((tensor) => tensor.values())), [
        point.state.best.epoch,
      ]);
      best.close();
    }
    run.release();
    assert.deepEqual(fs.readdirSync(folder).length, 1, 'no lock is left');
    assert.ok(fs.readdirSync(join(folder, run.id)).length <= 6, 'no older weights are left');
  }
  assert.ok(epochs >= kills, `${epochs} epochs in ${kills} sessions`);
});
