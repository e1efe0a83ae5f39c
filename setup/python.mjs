/** The project's own Python environment, which holds JupyterLab and the notebook tools. */
import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, readdirSync, rmSync} from 'node:fs';
import {devNull} from 'node:os';
import path from 'node:path';
import {SetupError, environment, pipVariable, pipsWayOut, run} from './processes.mjs';
import {setupFolder, venv, venvPython} from './project.mjs';
import {replaceFile} from './replace.mjs';

const candidates = [
  'python3',
  'python3.14',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python',
];

/** Copies of the lock files of what was last installed. */
const installedFile = path.join(venv, 'requirements.txt');
const installedTensorBoard = path.join(venv, 'tensorboard.txt');

/** What of .venv is not Python's. */
const kept = ['engine'];

/** @type {import('./steps.mjs').Step} */
export const pythonPackages = {
  title: () => `JupyterLab ${readPins(lockText('jupyter')).jupyterlab} in .venv`,
  missing: () => {
    if (!existsSync(venvPython)) return '.venv has no Python, or one that is gone';
    if (!existsSync(installedFile)) return '.venv was left half installed';
    return readFileSync(installedFile, 'utf8') === lockText('jupyter')
      ? null
      : 'setup/requirements/jupyter.txt has changed';
  },
  works: () => complaint(venvPython, trial('jupyter', notebookTools)),
  perform: async () => {
    const python = existsSync(venvPython) && pythonVersion(venvPython);
    const imported = existsSync(installedFile) ? pythonPackages.works() === null : imports(venvPython, 'pip');
    if (!python || !isSupported(python) || !imported) await makeEnvironment();
    await installLocked('jupyter');
    replaceFile(installedFile, lockText('jupyter'));
  },
};

/** Done by `npm run tensorboard` alone: who never opens TensorBoard need not have it. @type {import('./steps.mjs').Step} */
export const tensorBoard = {
  title: () => `TensorBoard ${readPins(lockText('tensorboard')).tensorboard} in .venv`,
  missing: () => {
    if (!hasTensorBoard()) return '.venv has no TensorBoard';
    return readFileSync(installedTensorBoard, 'utf8') === lockText('tensorboard')
      ? null
      : 'setup/requirements/tensorboard.txt has changed';
  },
  works: () =>
    complaint(venvPython, `${trial('tensorboard', 'tensorboard.main')}tensorboard.default.get_plugins()`),
  perform: async () => {
    await installLocked('tensorboard');
    if (tensorBoard.works() !== null) await installLocked('tensorboard', ['--force-reinstall']);
    replaceFile(installedTensorBoard, lockText('tensorboard'));
  },
};

/** Whether TensorBoard was installed into .venv, be it another version. */
export const hasTensorBoard = () => existsSync(installedTensorBoard);

/** What the notebooks are run by. */
const notebookTools = 'pip, jupyterlab.labapp, jupyter_client, nbconvert, nbclient, plotly, jinja2';

/**
 * Python that imports modules and compares the versions of what is installed with those that a lock file has for it.
 * @param {Lock} name
 * @param {string} modules
 */
const trial = (name, modules) => `
import importlib.metadata, re, sys
from packaging.markers import Marker
import ${modules}
locked = ${JSON.stringify(pinsOf(lockText(name)))}
pins = {name: version for name, version, marker in locked if not marker or Marker(marker).evaluate()}
for found in importlib.metadata.distributions():
    name = re.sub(r"[-_.]+", "-", found.name).lower()
    if pins.get(name, found.version) != found.version:
        sys.exit(f"{name} is {found.version}, {pins[name]} expected")
`;

async function makeEnvironment() {
  const command = findPython();
  mkdirSync(venv, {recursive: true});
  for (const name of readdirSync(venv)) {
    if (!kept.includes(name)) rmSync(path.join(venv, name), {recursive: true, force: true});
  }
  await run(command, ['-m', 'venv', venv]);
}

/** @typedef {'jupyter' | 'tensorboard' | 'zig' | 'tensorflow' | 'tensorflow-cpu' | 'tensorflow-cuda'} Lock a lock file in setup/requirements */

/** @param {Lock} name */
const lockFile = (name) => path.join(setupFolder, 'requirements', `${name}.txt`);

/** @param {Lock} name @returns the text of a lock file */
export const lockText = (name) => readFileSync(lockFile(name), 'utf8');

/**
 * What a requirements file pins: name, version and the marker of where that holds, empty for everywhere.
 * @param {string} text lines of `name==version`, with markers and hashes or without
 * @returns {[name: string, version: string, marker: string][]}
 */
export function pinsOf(text) {
  const lines = text.split('\n').filter((line) => /^[^\s#]/.test(line));
  return lines.map((line) => {
    const pin = /^([\w.-]+)==([\w.]+)(?: *; *([^\\]+?))?(?: *\\)?$/.exec(line.trim());
    if (!pin) throw new SetupError(`Python's requirements: '${line}' is not of the form name==version.`);
    return [pin[1], pin[2], pin[3] ?? ''];
  });
}

/**
 * The versions that a requirements file pins, by package; of several, for different Pythons, the last.
 * @param {string} text lines of `name==version`, with markers and hashes or without
 * @returns {Record<string, string>}
 */
export function readPins(text) {
  return Object.fromEntries(pinsOf(text).map(([name, version]) => [name, version]));
}

/**
 * Installs exactly what a lock file names: wheels alone, each by its hash.
 * @param {Lock} name
 * @param {string[]} options of `pip install`
 * @param {NodeJS.ProcessEnv} env
 */
export async function installLocked(name, options = [], env = process.env) {
  const wheels = ['install', '--require-hashes', '--only-binary=:all:'];
  await pip([...wheels, '--requirement', lockFile(name), ...options], {env});
}

/**
 * Runs pip in the project's own Python environment, shielded from the user's settings but for how packages are reached.
 * @param {string[]} args
 * @param {{python?: string, env?: NodeJS.ProcessEnv}} [options] another Python, and the user's environment
 */
export async function pip(args, {python = venvPython, env = process.env} = {}) {
  await run(python, [...pipArguments, ...args], {
    env: await pipEnvironment(python, env),
    remedy:
      'Check the network, the free disk space (5 GB are enough, 12 GB with LAB_DEVICE=gpu) and the settings of pip that say where packages are ' +
      "(pip config list), then run the command again. Packages that are pinned are taken as wheels alone, by hash: another index must serve the registry's own files.",
  });
}

/** What every call of pip begins with. */
export const pipArguments = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];

/**
 * The environment in which pip runs: the user's, of whose settings of pip, in files and variables, those are left that say
 * how packages are reached.
 * @param {string} python
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function pipEnvironment(python, env) {
  const settings = await run(python, ['-m', 'pip', 'config', 'list'], {env}).catch(() => '');
  return {...environment(env), ...wayOut(settings)};
}

/**
 * The environment's variables in place of pip's settings files.
 * @param {string} settings what `pip config list` prints: the values' last words come last
 * @returns {NodeJS.ProcessEnv}
 */
export function wayOut(settings) {
  /** @type {NodeJS.ProcessEnv} */
  const variables = {PIP_CONFIG_FILE: devNull};
  for (const section of ['global', 'install', ':env:']) {
    for (const line of settings.split('\n')) {
      const [, name, text] = /^(.+?)=(['"].*['"])$/.exec(line.trim()) ?? [];
      const setting = name?.startsWith(`${section}.`) ? name.slice(section.length + 1) : '';
      if (!pipsWayOut.includes(setting)) continue;
      variables[pipVariable(setting)] = text
        .slice(1, -1)
        .replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : String(letter)));
    }
  }
  return variables;
}

/**
 * A Python that can make the environment.
 * @throws {SetupError} saying which were found and what to install
 */
export function findPython() {
  const rejected = [];
  for (const command of candidates) {
    const version = pythonVersion(command);
    if (version === null) continue;
    if (!isSupported(version)) rejected.push(`${command} is ${version}, too old`);
    else if (!canMakeEnvironments(command))
      rejected.push(`${command} (${version}) lacks the modules venv and ensurepip`);
    else return command;
  }
  const found = rejected.length > 0 ? rejected.join('; ') : 'none was found';
  throw new SetupError(
    `The lab needs Python 3.10 or newer with venv: ${found}. ` +
      'Install it (Debian, Ubuntu: apt install python3-venv; Fedora: dnf install python3; macOS: brew install python).',
  );
}

/** @param {string} version such as 3.11.2 */
export function isSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  return major === 3 && minor >= 10;
}

/** @param {string} command */
export function pythonVersion(command) {
  return python(command, 'import platform; print(platform.python_version())');
}

/** @param {string} command */
function canMakeEnvironments(command) {
  return imports(command, 'venv, ensurepip');
}

/** @param {string} command @param {string} modules */
function imports(command, modules) {
  return python(command, `import ${modules}`) !== null;
}

/**
 * The last line of what Python says of code that fails, null when it runs.
 * @param {string} command
 * @param {string} code
 */
export function complaint(command, code) {
  const {status, stderr, error} = spawnSync(command, ['-c', code], {
    encoding: 'utf8',
    env: environment(process.env),
  });
  return status === 0 ? null : (error?.message ?? stderr.trim().split('\n').at(-1) ?? 'Python failed');
}

/**
 * What a line of Python prints, or null when it fails.
 * @param {string} command
 * @param {string} code
 */
export function python(command, code) {
  try {
    return execFileSync(command, ['-c', code], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: environment(process.env),
    }).trim();
  } catch {
    return null;
  }
}
