/**
 * Rounds in which two kernels do the same things on one folder in the same moments: download, unpack, split, compute
 * frozen features, train, look on, rename, tidy up, split again. All that they get is compared with what one kernel
 * gets alone.
 */
import * as fs from 'node:fs';
import {join} from 'node:path';
import {type ExperimentKind, experiments} from './experiments';
import type {Faults} from './faults';
import {type Answer, askAll, type Kernel} from './kernels';
import {filesIn, heldLocks} from './litter';
import {digest, type Outcome} from './outcome';
import {drawPhoto} from './photos';
import type {Server} from './server';

const kinds = Object.keys(experiments) as ExperimentKind[];

/** How many kinds of rounds there are: each experiment takes each place in turn. */
export const kindsOfRounds = kinds.length;

export interface Surroundings {
  /** The archive of photos that the server serves. */
  archive: string;
  server: Server;
  /** Where each round has its folder. */
  root: string;
  faults: Faults;
}

/** What one kernel got alone, by what it did, and the milliseconds that a run took it. */
export interface Undisturbed {
  told: Map<string, unknown>;
  runMs: number;
}

export interface RoundReport {
  /** Kernels that were told that the other trains their run. */
  refused: number;
}

/** Does a round's work alone. Throws when that already fails. */
export async function undisturbed(kernel: Kernel, kind: number, around: Surroundings): Promise<Undisturbed> {
  const alone: Undisturbed = {told: new Map(), runMs: 0};
  const before = around.faults.list.length;
  await round([kernel], `alone-${kind}`, kind, around, alone, () => 0.5);
  if (around.faults.list.length > before) throw new Error('What one kernel does alone fails already.');
  return alone;
}

const refusal =
  /^Run \S+ is being trained by process \d+ on host \S+ \(started .*\), since .*\. Wait for it or shut that kernel down, then run again\.$/;

/** One round of one kernel, which fills `alone`, or of two, which are compared with it. */
export async function round(
  kernels: readonly Kernel[],
  name: string,
  kind: number,
  {archive, server, root, faults}: Surroundings,
  alone: Undisturbed,
  random: () => number,
): Promise<RoundReport> {
  const home = join(root, name);
  const photos = join(home, 'fetched', 'photos.zip');
  const isAlone = kernels.length === 1;
  const before = faults.list.length;
  let refused = 0;

  /** The first answer of one alone is what all later ones must be. */
  const check = <V>(what: string, answer: Answer<V>): V | undefined => {
    if (isAlone && !alone.told.has(what)) alone.told.set(what, answer.value);
    return faults.check(`${name}, ${what}`, answer, alone.told.get(what));
  };
  const all = <V>(what: string, answers: Answer<V>[]) => answers.map((answer) => check(what, answer));

  const sha256 = digest(fs.readFileSync(archive));
  const pinned = random() < 0.5 ? sha256 : undefined;
  const address = `${server.address}/${name}`;
  for (const answer of await askAll(kernels, 'fetch', () => ({address, to: photos, sha256: pinned}))) {
    faults.check(`${name}, download`, answer, {sha256, trust: pinned ? 'pinned' : 'first use'});
  }
  all('photos', await askAll(kernels, 'open', () => ({home, photos})));
  all('split', await askAll(kernels, 'split', () => ({home, photos})));
  all('features', await askAll(kernels, 'features', () => ({home, photos})));

  const named = (index: number) => ({
    ...{home, photos, kind: kinds[kind % kinds.length]},
    changes: {name: `experiment ${index}`, labelSmoothing: 0.1 * index, epochs: 2},
  });
  if (isAlone) for (const i of [0, 1]) check(`run ${i}`, await kernels[0].ask('run', named(i)));
  else (await askAll(kernels, 'run', named)).forEach((answer, i) => check(`run ${i}`, answer));

  const one = {home, photos, kind: kinds[(kind + 1) % kinds.length], changes: {epochs: 2}};
  const began = performance.now();
  const later = [0, alone.runMs * random()];
  for (const answer of await askAll(kernels, 'run', () => one, later)) {
    if (answer.error?.name === 'LockHeld' && refusal.test(answer.error.message)) refused++;
    else check('run of both', answer);
  }
  if (isAlone) alone.runMs = performance.now() - began;
  if (refused === kernels.length) faults.add(name, 'each kernel says that the other trains the run');
  const again = await askAll(kernels, 'run', () => one);
  const [stored] = all('run of both', again);

  const redo = {...one, changes: {...one.changes, force: true}};
  const milliseconds = isAlone ? 1 : 1.2 * alone.runMs;
  const redoing = kernels[0].ask('run', redo);
  const onlooker = kernels[1] ?? (await redoing.then(() => kernels[0]));
  check('runs seen', await onlooker.ask('watch', {home, milliseconds}));
  check('run of both', await redoing);
  if (stored) {
    const name = 'a new name';
    all('rename', await askAll(kernels, 'rename', () => ({home, id: (stored as Outcome).id, name})));
  }
  all('stored runs', await askAll(kernels, 'stored', () => ({home})));

  const removed = await askAll(kernels, 'prune', () => ({home}));
  for (const {error} of removed) if (error) faults.check(`${name}, tidying up`, {error}, null);
  const folders = removed.flatMap(({value}) => value ?? []);
  faults.compare(`${name}, tidying up`, [new Set(folders).size, folders.length], [2, 2]);

  await addPhoto(home);
  all('split of more photos', await askAll(kernels, 'split', () => ({home, photos})));

  const files = filesIn(home).filter((file) => !file.startsWith(join('models', 'features')));
  check('files', {value: files});
  faults.compare(`${name}, locks held`, heldLocks(home), []);
  for (const kernel of kernels) faults.compare(`${name}, complaints`, kernel.complaints, '');
  if (faults.list.length === before) fs.rmSync(home, {recursive: true});
  return {refused};
}

/** Adds a photo to those that were unpacked. */
async function addPhoto(home: string): Promise<void> {
  const data = join(home, 'data');
  const [set] = fs.readdirSync(data).filter((each) => each.startsWith('photos-'));
  fs.writeFileSync(join(data, set, 'photos', 'glass', 'more.jpg'), await drawPhoto('glass', 99_999));
}
