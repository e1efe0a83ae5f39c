/** A little of `npm run bench -- stress`: two kernels at once, and kills, against what nobody disturbs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {test, type TestContext} from 'node:test';
import {Faults} from '../../bench/stress/faults';
import {Kernel} from '../../bench/stress/kernels';
import {killAtRandom} from '../../bench/stress/kills';
import {drawArchive} from '../../bench/stress/photos';
import {serve} from '../../bench/stress/server';
import {round, undisturbed} from '../../bench/stress/together';
import {mulberry32} from '../../lib/random';
import {atEnd, temporaryFolder} from '../ending';

async function newCase(t: TestContext) {
  const root = temporaryFolder(t, 'lab-stress-');
  return {root, archive: await drawArchive(root, 8), faults: new Faults(() => undefined)};
}

test('two kernels that do all at once get what one gets alone', async (t) => {
  const {root, archive, faults} = await newCase(t);
  const random = mulberry32(1);
  const server = await serve(fs.readFileSync(archive), random);
  atEnd(t, server.close);
  const kernels = await Promise.all([Kernel.start(), Kernel.start()]);
  atEnd(t, () => Promise.all(kernels.map((kernel) => kernel.kill())));
  const around = {root, archive, server, faults};
  const alone = await undisturbed(kernels[0], 0, around);
  await round(kernels, 'round', 0, around, alone, random);
  assert.deepEqual(faults.list, []);
});

test('runs whose kernels are killed end as those that nobody kills, bit by bit', async (t) => {
  const {root, archive: photos, faults} = await newCase(t);
  const report = await killAtRandom({photos, root, count: 3, faults, random: mulberry32(1)});
  assert.deepEqual(faults.list, []);
  assert.equal(report.kills, 3);
});
