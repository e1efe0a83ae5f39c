/** The project's own Python environment, which holds JupyterLab and the notebook tools. */
import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {SetupError, run} from './processes.mjs';
import {setupFolder, venv, venvPython} from './project.mjs';

const candidates = [
  'python3',
  'python3.14',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python',
];

const requirementsFile = path.join(setupFolder, 'requirements.txt');

/** A copy of the requirements that were last installed. */
const installedFile = path.join(venv, 'requirements.txt');

/** @type {import('./steps.mjs').Step} */
export const pythonPackages = {
  title: () => `JupyterLab ${readPins(requirements()).jupyterlab} in .venv`,
  missing: () => {
    if (!existsSync(venvPython)) return '.venv is missing';
    if (!existsSync(installedFile)) return '.venv was left half installed';
    return readFileSync(installedFile, 'utf8') === requirements()
      ? null
      : 'setup/requirements.txt has changed';
  },
  perform: async () => {
    if (!worksWithPip(venvPython)) {
      await run(findPython(), ['-m', 'venv', '--clear', venv]);
    }
    await pip(['install', '--requirement', requirementsFile]);
    writeFileSync(installedFile, requirements());
  },
};

export function requirements() {
  return readFileSync(requirementsFile, 'utf8');
}

/**
 * The versions that a requirements file pins, by package.
 * @param {string} text lines of `name==version`
 * @returns {Record<string, string>}
 */
export function readPins(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const pin = /^([\w.-]+)==([\w.]+)$/.exec(line.trim());
      if (!pin) throw new SetupError(`setup/requirements.txt: '${line}' is not of the form name==version.`);
      return [pin[1], pin[2]];
    }),
  );
}

/**
 * Runs pip in the project's own Python environment.
 * @param {string[]} args
 */
export async function pip(args) {
  await run(venvPython, ['-m', 'pip', '--disable-pip-version-check', '--no-input', ...args], {
    remedy: 'Check the network and the free disk space (5 GB are enough), then run the command again.',
  });
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
  return python(command, 'import venv, ensurepip') !== null;
}

/** @param {string} command */
function worksWithPip(command) {
  return python(command, 'import pip') !== null;
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
    }).trim();
  } catch {
    return null;
  }
}
