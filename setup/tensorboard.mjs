/** npm run tensorboard [-- options of TensorBoard]: sets up what is missing and serves models/tensorboard on this machine alone. */
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {jupyterEnvironment} from './jupyter.mjs';
import {SetupError, commandLine, runInTerminal} from './processes.mjs';
import {root, setupFolder, venv, venvPython} from './project.mjs';
import {pip, python, readPins} from './python.mjs';
import {setUp} from './steps.mjs';

const requirementsFile = path.join(setupFolder, 'tensorboard-requirements.txt');
const pinned = readFileSync(requirementsFile, 'utf8');
const {tensorboard: version} = readPins(pinned);

/** A copy of the requirements that were last installed. */
const installedFile = path.join(venv, 'tensorboard-requirements.txt');

/** No step of the set-up: who never opens TensorBoard need not have it. */
async function install() {
  if (existsSync(installedFile) && readFileSync(installedFile, 'utf8') === pinned) return;
  process.stdout.write(`TensorBoard ${version} in .venv, once ... `);
  const start = performance.now();
  await pip(['install', '--requirement', requirementsFile]);
  const found = python(venvPython, 'import tensorboard.main, tensorboard.version as v; print(v.VERSION)');
  if (found !== version) {
    throw new SetupError(
      `TensorBoard ${version} was installed in .venv but does not start (${found ?? 'it cannot be imported'}). ` +
        'Remove .venv and run: npm run setup, then the command again.',
    );
  }
  writeFileSync(installedFile, pinned);
  console.log(`${Math.round((performance.now() - start) / 1000)} s`);
}

await commandLine(async () => {
  await setUp();
  await install();
  const environment = jupyterEnvironment(process.env);
  const folder = path.join(environment.LAB_HOME ?? root, 'models', 'tensorboard');
  mkdirSync(folder, {recursive: true});
  const options = ['--logdir', folder, '--host', '127.0.0.1', ...process.argv.slice(2)];
  return runInTerminal(venvPython, ['-m', 'tensorboard.main', ...options], environment);
});
