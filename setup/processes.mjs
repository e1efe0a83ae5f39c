/** Runs other programs and turns their failures into errors that a user can act on. */
import {spawn, spawnSync} from 'node:child_process';
import {constants} from 'node:os';
import path from 'node:path';
import {root} from './project.mjs';

/** Something the user has to know or do: what was wrong, where, and the remedy. Printed without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

const linesShown = 25;

/**
 * Runs a program to its end and returns all that it printed.
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, remedy?: string}} [options] `remedy` closes the error's message
 * @returns {Promise<string>}
 * @throws {SetupError} when the program is missing or fails, with the last lines that it printed
 */
export function run(command, args, {cwd = root, env = process.env, remedy = ''} = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    child.on('error', (error) =>
      reject(new SetupError(`${command} cannot be started: ${error.message}. ${remedy}`)),
    );
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const tail = output.trimEnd().split('\n').slice(-linesShown).join('\n');
      const line = [path.basename(command), ...args].join(' ');
      reject(
        new SetupError(
          `This failed (${signal ?? `exit code ${code}`}): ${line}\n${tail}\n${remedy}`.trimEnd(),
        ),
      );
    });
  });
}

/**
 * What a Node of its own says when it cannot load packages of the project, null when it can.
 * @param {string[]} packages
 */
export function loads(packages) {
  const code = packages.map((name) => `require(${JSON.stringify(name)});`).join('');
  const {status, stderr} = spawnSync(process.execPath, ['-e', code], {
    cwd: root,
    encoding: 'utf8',
    env: {...process.env, TF_CPP_MIN_LOG_LEVEL: '2', LAB_DEVICE: 'cpu'},
  });
  return status === 0 ? null : (/^.*Error: .*$/m.exec(stderr)?.[0] ?? stderr.trim());
}

/**
 * Runs a program in the user's terminal and returns its exit code. Ctrl-C reaches the program, which ends in its own
 * time; a request to terminate is handed on to it.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [cwd] the project's folder unless given
 * @returns {Promise<number>}
 */
export function runInTerminal(command, args, env, cwd = root) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {cwd, env: environment(env), stdio: 'inherit'});
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
  });
}

/**
 * Runs a command's main function: a SetupError is printed as it is, and either kind of failure exits with 1.
 * @param {() => number | void | Promise<number | void>} main returns the exit code, nothing for 0
 */
export async function commandLine(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof SetupError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/** The settings of pip that say how packages are reached; no other may reach the project's pip. */
export const pipsWayOut = [
  ...['index-url', 'extra-index-url', 'no-index', 'find-links', 'keyring-provider'],
  ...['trusted-host', 'proxy', 'cert', 'client-cert', 'timeout', 'default-timeout', 'retries'],
  ...['cache-dir', 'no-cache-dir'],
];

/** @param {string} setting of pip, such as index-url */
export const pipVariable = (setting) => `PIP_${setting.toUpperCase().replaceAll('-', '_')}`;

/**
 * The environment without the user's own settings of Python and pip, which must not reach the project's, but for how
 * packages are reached.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function environment(env) {
  const kept = new Set([...pipsWayOut, 'config-file'].map(pipVariable));
  const rest = Object.entries(env).filter(([name]) => kept.has(name) || !/^(PYTHON|PIP_)/.test(name));
  return {...Object.fromEntries(rest), PYTHONNOUSERSITE: '1'};
}
