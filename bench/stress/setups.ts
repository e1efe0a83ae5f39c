/** Two set-ups of one project at once: a copy of this one, in which a step is undone before each time. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import * as fs from 'node:fs';
import {dirname, join} from 'node:path';
import {root} from '../../setup/project.mjs';
import type {Faults} from './faults';

const kernelJson = join('.venv', 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');
const copied = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'setup',
  'lib',
  'dist',
  'node_modules',
  '.venv',
];

/** A copy that shares its files with the project (hard links): what a step would write into is removed at once. */
export async function copyOfProject(): Promise<string> {
  const copy = fs.mkdtempSync(join(dirname(root), 'lab-stress-'));
  const parts = copied.map((part) => join(root, part));
  const [status] = await once(spawn('cp', ['-a', '-l', ...parts, copy], {stdio: 'inherit'}), 'close');
  if (status !== 0) throw new Error(`${root} was not copied to ${copy}: cp ended with ${status}.`);
  for (const settings of ['share', 'etc']) {
    fs.rmSync(join(copy, '.venv', settings, 'jupyter'), {recursive: true, force: true});
  }
  return copy;
}

/** Undoes the step of the kernel's settings, on request also that of the library, and sets up twice at once. */
export async function setUpTwice(
  copy: string,
  where: string,
  faults: Faults,
  {library = false} = {},
): Promise<void> {
  fs.rmSync(join(copy, kernelJson), {force: true});
  if (library) fs.rmSync(join(copy, 'dist', '.sources'), {force: true});
  const both = await Promise.all([setUp(copy), setUp(copy)]);
  for (const {status, stderr} of both) faults.compare(`${where}, set-up`, [status, stderr], [0, '']);
  const steps = both.flatMap(({stdout}) => stdout.match(/^\[.*?\] .*? \.\.\. \d+ s$/gm) ?? []);
  const names = steps.map((step) => /\] (.*) \.\.\./.exec(step)![1]).sort();
  const wanted = ['the TypeScript kernel in .venv', ...(library ? ['lib/ compiled to dist/'] : [])];
  faults.compare(`${where}, steps done`, names, wanted.sort());
  const {argv} = JSON.parse(fs.readFileSync(join(copy, kernelJson), 'utf8')) as {argv: string[]};
  faults.compare(`${where}, kernel`, argv[1], join(copy, 'setup', 'kernel.mjs'));
  const half = fs.readdirSync(copy).filter((name) => /\.(partial|old)-/.test(name));
  faults.compare(`${where}, left by set-ups`, half, []);
}

/** What every command of the project does first. */
async function setUp(copy: string): Promise<{status: number | null; stdout: string; stderr: string}> {
  const code = `import {setUp} from ${JSON.stringify(join(copy, 'setup', 'steps.mjs'))}; await setUp();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return {status, stdout, stderr};
}
