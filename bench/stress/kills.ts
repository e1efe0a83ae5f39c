/**
 * Runs whose kernel is killed with -9 at random moments and begun again by another, as a user would, until they are
 * complete: with the photos unpacked, split and trained on, or trained anew. What is stored in the end must be, bit by
 * bit, what one kernel stores that nobody kills.
 */
import * as fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {RunStore} from '../../lib/runs';
import {type ExperimentKind, experiments} from './experiments';
import type {Faults} from './faults';
import {Kernel} from './kernels';
import {filesIn, heldLocks} from './litter';
import type {Outcome} from './outcome';

const kinds = Object.keys(experiments) as ExperimentKind[];

/** Every fourth run is trained anew while its first result stands. */
const isAnew = (run: number) => run % 4 === 3;

/** One kill of so many comes at any moment from the start on, the others at any moment of the next epochs. */
const fromTheStart = 4;
const nextEpochs = 4;

interface Undisturbed {
  outcome: Outcome;
  files: string[];
  milliseconds: number;
  epochMilliseconds: number;
}

export interface KillsOptions {
  photos: string;
  root: string;
  count: number;
  faults: Faults;
  random: () => number;
  onKill?: (done: number) => void;
}

export interface KillsReport {
  kills: number;
  runs: number;
  /** How many kills came before the first epoch was written down, and how many of the others. */
  before: number;
  /** Unfinished files that nobody reads, and locks of the dead that nobody has needed since. */
  left: {parts: number; locks: number};
}

export async function killAtRandom(options: KillsOptions): Promise<KillsReport> {
  const {photos, root, count, faults, random, onKill} = options;
  const report: KillsReport = {kills: 0, runs: 0, before: 0, left: {parts: 0, locks: 0}};
  const alone = await undisturbedRuns(options);
  let [kernel, spare] = [await Kernel.start(), Kernel.start()];
  try {
    for (; report.kills < count; report.runs++) {
      const kind = kinds[report.runs % kinds.length];
      const wanted = alone.get(kind)!;
      const name = `killed run ${report.runs} (${kind})`;
      const home = join(root, `killed-${report.runs}`);
      const folder = join(home, 'models', 'runs', wanted.outcome.id + (isAnew(report.runs) ? '.redo' : ''));
      const history = join(folder, 'history.jsonl');
      const task = {home, photos, kind, changes: isAnew(report.runs) ? {force: true} : {}};
      const before = faults.list.length;
      if (isAnew(report.runs)) {
        const first = await kernel.ask('run', {home, photos, kind});
        faults.check(`${name}, before it is trained anew`, first, wanted.outcome);
      }
      for (;;) {
        const answer = kernel.ask('run', task);
        const over = new AbortController();
        const moment =
          report.kills < count ? momentOf(history, wanted, over.signal) : answer.then(() => null);
        const given = await Promise.race([answer, moment.then(() => null)]);
        over.abort();
        if (given) {
          faults.check(name, given, wanted.outcome);
          break;
        }
        await kernel.kill();
        report.kills++;
        onKill?.(report.kills);
        look(home, history, `${name}, kill ${report.kills}`);
        kernel = await spare;
        spare = Kernel.start();
      }
      faults.compare(`${name}, complaints`, kernel.complaints, '');
      lookForLitter(home, name, wanted);
      if (faults.list.length === before) fs.rmSync(home, {recursive: true});
    }
    return report;
  } finally {
    await Promise.all([kernel.kill(), (await spare).kill()]);
  }

  /** Waits for the moment of a kill, or until that is `over`. */
  async function momentOf(history: string, wanted: Undisturbed, over: AbortSignal): Promise<void> {
    if (random() < 1 / fromTheStart) return sleep(random() * wanted.milliseconds);
    const epoch = linesOf(history) + 1 + Math.floor(random() * nextEpochs);
    const after = random() * wanted.epochMilliseconds;
    while (linesOf(history) < epoch && !over.aborted) await sleep(1);
    return sleep(after);
  }

  /** Whatever the kill left is a run that can be read, or none yet. */
  function look(home: string, history: string, where: string): void {
    if (linesOf(history) === 0) report.before++;
    new RunStore(join(home, 'models', 'runs'), (warning) => faults.add(where, warning)).list();
  }

  function lookForLitter(home: string, name: string, wanted: Undisturbed): void {
    const files = filesIn(home).filter((file) => !/\.previous[/\\]/.test(file));
    const [parts, locks] = ['.part', '.lock'].map((end) => files.filter((file) => file.endsWith(end)));
    report.left.parts += parts.length;
    report.left.locks += locks.length;
    const kept = files.filter((file) => ![...parts, ...locks].includes(file));
    faults.compare(`${name}, files`, kept.filter(isNamed), wanted.files);
    faults.compare(`${name}, locks held`, heldLocks(home), []);
  }
}

/** How many epochs are written down. */
function linesOf(history: string): number {
  try {
    return fs.readFileSync(history, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}

/** Files of frozen features have random names. */
const isNamed = (file: string) => !file.startsWith(join('models', 'features'));

async function undisturbedRuns({
  photos,
  root,
  faults,
}: KillsOptions): Promise<Map<ExperimentKind, Undisturbed>> {
  const kernel = await Kernel.start();
  const alone = new Map<ExperimentKind, Undisturbed>();
  try {
    for (const kind of kinds) {
      const home = join(root, `unkilled-${kind}`);
      const began = performance.now();
      const {value: outcome, error} = await kernel.ask('run', {home, photos, kind});
      const milliseconds = performance.now() - began;
      const epochMilliseconds = milliseconds / experiments[kind].epochs;
      if (!outcome) throw new Error(`${kind}: ${error?.stack}`);
      faults.compare(`${kind}, undisturbed`, outcome.status, 'complete');
      alone.set(kind, {outcome, files: filesIn(home).filter(isNamed), milliseconds, epochMilliseconds});
      fs.rmSync(home, {recursive: true});
    }
    return alone;
  } finally {
    await kernel.kill();
  }
}
