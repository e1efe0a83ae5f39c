/**
 * Two of everything at once, many times, and kernels killed with -9: no wrong number, no lost record, no error without
 * a name. Usage: npm run bench -- stress [ROUNDS [KILLS [SEED]]]
 */
import * as fs from 'node:fs';
import {rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fnv1a, mulberry32} from '../lib/random';
import {setUp} from '../setup/steps.mjs';
import {Faults} from './stress/faults';
import {Kernel} from './stress/kernels';
import {killAtRandom} from './stress/kills';
import {runNotebooks} from './stress/notebooks';
import {drawArchive} from './stress/photos';
import {serve} from './stress/server';
import {copyOfProject, setUpTwice} from './stress/setups';
import {kindsOfRounds, round, type Surroundings, undisturbed} from './stress/together';

/** Of the rounds, how many there are of two notebooks in kernels of their own, and of a library compiled anew. */
const [notebooksEvery, libraryEvery] = [20, 50];

export async function stress(numbers: string[]): Promise<void> {
  const [rounds = 200, kills = 200, seed = 1] = numbers.map(Number);
  const random = (what: string) => mulberry32(fnv1a(`${seed} ${what}`));
  const began = performance.now();
  const tell = (text: string) =>
    console.log(`${((performance.now() - began) / 60_000).toFixed(1).padStart(5)} min  ${text}`);
  await setUp();
  const root = fs.mkdtempSync(join(tmpdir(), 'lab-stress-'));
  const faults = new Faults();
  const archive = await drawArchive(root, 8);
  const server = await serve(fs.readFileSync(archive), random('server'));
  const around: Surroundings = {archive, server, root, faults};
  tell(`seed ${seed}, in ${root}`);
  try {
    const counts = await Promise.all([
      kernelRounds(around, rounds, random('rounds'), tell),
      setUpRounds(around, rounds, tell),
      notebookRounds(around, Math.ceil(rounds / notebooksEvery), tell),
    ]);
    const killed = await killAtRandom({
      ...{photos: archive, root, count: kills, faults, random: random('kills')},
      onKill: (done) => done % 20 === 0 && tell(`${done} of ${kills} kills`),
    });
    for (const text of counts) tell(text);
    tell(`${killed.kills} kills in ${killed.runs} runs, ${killed.before} of them before the first epoch`);
    tell(
      `left by kills: ${killed.left.parts} unfinished .part files, ${killed.left.locks} locks of the dead`,
    );
  } finally {
    server.close();
  }
  tell(faults.list.length === 0 ? 'no fault' : `${faults.list.length} faults; what they left is in ${root}`);
  if (faults.list.length > 0) process.exitCode = 1;
  else fs.rmSync(root, {recursive: true});
}

async function kernelRounds(
  around: Surroundings,
  rounds: number,
  random: () => number,
  tell: (text: string) => void,
): Promise<string> {
  const kernels = await Promise.all([Kernel.start(), Kernel.start()]);
  try {
    const alone = [];
    for (let kind = 0; kind < kindsOfRounds; kind++) alone.push(await undisturbed(kernels[0], kind, around));
    let refused = 0;
    for (let i = 0; i < rounds; i++) {
      const kind = i % kindsOfRounds;
      refused += (await round(kernels, `round-${i}`, kind, around, alone[kind], random)).refused;
      if ((i + 1) % 20 === 0) tell(`${i + 1} of ${rounds} rounds of two kernels`);
    }
    return `${rounds} rounds of two kernels; in ${refused} one was told that the other trains its run`;
  } finally {
    await Promise.all(kernels.map((kernel) => kernel.kill()));
  }
}

async function setUpRounds(
  {faults}: Surroundings,
  rounds: number,
  tell: (text: string) => void,
): Promise<string> {
  const copy = await copyOfProject();
  try {
    for (let i = 0; i < rounds; i++) {
      const library = i % libraryEvery === 0;
      await setUpTwice(copy, `set-up ${i}`, faults, {library});
      if ((i + 1) % 20 === 0) tell(`${i + 1} of ${rounds} times two set-ups`);
    }
    return `${rounds} times two set-ups, in ${Math.ceil(rounds / libraryEvery)} of them the library compiled`;
  } finally {
    await rm(copy, {recursive: true}); // some 50,000 files, while the server serves
  }
}

async function notebookRounds(
  {archive, root, faults}: Surroundings,
  rounds: number,
  tell: (text: string) => void,
): Promise<string> {
  const home = (name: string) => join(root, `notebooks-${name}`);
  const alone = await runNotebooks(archive, home('alone'), 'notebooks alone', faults, {atOnce: false});
  for (let i = 0; i < rounds; i++) {
    const where = `notebooks ${i}`;
    const both = await runNotebooks(archive, home(String(i)), where, faults, {atOnce: true});
    faults.compare(where, both, alone);
    tell(`${i + 1} of ${rounds} times two notebooks`);
  }
  return `${rounds} times two notebooks in kernels of their own`;
}
