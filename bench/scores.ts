/**
 * What the garbage notebook's experiments score in each precision, over seeds: each seed's notebook runs from its first cell
 * to its last in the real kernel, as `npm run lab` runs it. Runs stay in a folder, so that what was interrupted goes on
 * there. Usage: npm run bench -- scores [FOLDER]
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import type {Precision} from '../lib/engine';
import {LabError} from '../lib/errors';
import {RunStore} from '../lib/runs';
import {findNotebook, root as project} from '../setup/project.mjs';
import {precisionsAtHand} from './precisions';
import {writeSection} from './results';
import {type ScoredRun, scoredRuns, scoresTable, withSeed} from './scores-table';

const seeds = [1, 2, 3];

export async function scores([folder = join(tmpdir(), 'transfer-lab-scores')]: string[]): Promise<void> {
  const precisions = precisionsAtHand();
  if (precisions.length < 2) {
    throw new LabError(
      'This processor is quick in float32 alone (no avx512_bf16): there is nothing to compare.',
    );
  }
  const home = resolve(folder);
  mkdirSync(home, {recursive: true});
  for (const seed of seeds) {
    for (const precision of precisions) {
      const began = performance.now();
      await runNotebook(home, seed, precision);
      if (storedRuns(home).length === 0) {
        throw new LabError(
          'The photos or weights cannot be had, and what stands in for them tells nothing of precisions. ' +
            'Set LAB_MIRROR to a folder that holds them.',
        );
      }
      const minutes = (performance.now() - began) / 60_000;
      console.log(`seed ${seed}, ${precision}: ${minutes.toFixed(1)} min`);
    }
  }
  const runs = storedRuns(home).filter(({seed}) => seeds.includes(seed));
  writeSection('scores', explanation(runs), scoresTable(runs));
}

async function runNotebook(home: string, seed: number, precision: Precision): Promise<void> {
  const notebook = join(home, `garbage-${seed}-${precision}.ipynb`);
  writeFileSync(notebook, withSeed(readFileSync(findNotebook('garbage', project), 'utf8'), seed));
  const env = {...process.env, LAB_HOME: home, LAB_PRECISION: precision, LAB_PROFILE: 'quick'};
  const child = spawn(process.execPath, [join(project, 'setup', 'lab.mjs'), notebook], {
    stdio: 'inherit',
    env,
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new LabError(`${notebook} failed; what it printed stands above.`);
}

const storedRuns = (home: string): ScoredRun[] =>
  scoredRuns(new RunStore(join(home, 'models', 'runs'), (warning) => console.warn(warning)).list());

function explanation(runs: readonly ScoredRun[]): string {
  const ended = runs.map((run) => run.ended.slice(0, 10)).sort();
  return (
    `The garbage notebook's experiments in its quick profile, each with the seeds ${seeds.join(', ')}, on one split. Macro-F1 of the epoch ` +
    `that is best on the validation part: means over the seeds in float32 and in bfloat16, and what bfloat16 adds; from ` +
    `${ended[0]} to ${ended.at(-1)}.`
  );
}
