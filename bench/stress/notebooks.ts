/** Two notebooks at once in real kernels, as `npm run lab` runs them, on one LAB_HOME. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {RunStore} from '../../lib/runs';
import {root as project} from '../../setup/project.mjs';
import {classes} from './experiments';
import type {Faults} from './faults';
import {type Outcome, outcomeOf} from './outcome';

const seeds = [1, 2];

const cells = (photos: string, seed: number): string[] => [
  `import {everything, network, openLab} from 'transfer-lab';
const lab = await openLab({dataset: ${JSON.stringify(photos)}});`,
  `const own = network({
  name: 'own',
  size: 32,
  build: (net, x) => {
    const map = net.conv('c1', x, {out: 8, kernel: 3, stride: 2, norm: 'n1', activation: 'relu'});
    return net.linear('out', net.globalAverage(map), {out: ${classes.length}});
  },
});
const run = await lab.run({backbone: own, regime: everything(), epochs: 2, batchSize: 8, seed: ${seed}});`,
];

/** Runs the notebooks of both seeds, at once or one by one; gives what is stored in the end. */
export async function runNotebooks(
  photos: string,
  home: string,
  where: string,
  faults: Faults,
  {atOnce}: {atOnce: boolean},
): Promise<Outcome[]> {
  fs.mkdirSync(home, {recursive: true});
  const run = (seed: number) => runNotebook(photos, home, seed, where, faults);
  if (atOnce) await Promise.all(seeds.map(run));
  else for (const seed of seeds) await run(seed);
  const runs = new RunStore(join(home, 'models', 'runs'), (warning) => faults.add(where, warning));
  const outcomes = runs.list().map((record) => outcomeOf(runs, record));
  faults.compare(`${where}, runs`, outcomes.length, seeds.length);
  return outcomes;
}

async function runNotebook(
  photos: string,
  home: string,
  seed: number,
  where: string,
  faults: Faults,
): Promise<void> {
  const file = join(home, `notebook-${seed}.ipynb`);
  const code = cells(photos, seed).map((source) => ({
    ...{cell_type: 'code', metadata: {}, execution_count: null, outputs: [], source},
  }));
  fs.writeFileSync(file, JSON.stringify({cells: code, metadata: {}, nbformat: 4, nbformat_minor: 4}));
  const env = {...process.env, LAB_HOME: home, LAB_MIRROR: '', LAB_OFFLINE: '1'};
  const child = spawn(process.execPath, [join(project, 'setup', 'lab.mjs'), file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => (printed += text.toString()));
  }
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) faults.add(where, `notebook ${seed} ended with ${status}: ${printed}`);
}
