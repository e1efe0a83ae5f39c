/** A C++ compiler: one that the machine has, else the Zig wheel's, which needs no root and no system package. */
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {SetupError} from './processes.mjs';
import {venvPython} from './project.mjs';
import {installLocked, lockText, readPins} from './python.mjs';

/**
 * @typedef {object} Compiler
 * @property {string} name
 * @property {string} command
 * @property {string[]} args what comes before the compiler's own arguments
 * @property {string[]} native what makes it compile for this machine's processor
 */

/**
 * Finds a C++17 compiler that truly compiles, or installs one into .venv.
 * @param {string | undefined} wish the environment's LAB_COMPILER: a command, or `zig`
 * @returns {Promise<Compiler>}
 */
export async function findCompiler(wish) {
  if (wish !== 'zig') {
    const commands = wish ? [wish] : systemCompilers();
    const command = commands.find(compiles);
    if (command !== undefined)
      return {
        name: command,
        command,
        args: [],
        native: [process.arch === 'x64' ? '-march=native' : '-mcpu=native'],
      };
    if (wish)
      throw new SetupError(
        `LAB_COMPILER is '${wish}', which does not compile C++17: name another, or 'zig'.`,
      );
  }
  await installLocked('zig');
  return {
    name: `zig ${readPins(lockText('zig')).ziglang}`,
    command: venvPython,
    args: ['-m', 'ziglang', 'c++'],
    native: [],
  };
}

/** On a Mac without the command line tools `clang++` is only a window that offers to install them. */
function systemCompilers() {
  if (process.platform === 'darwin' && !succeeds('xcode-select', ['-p'])) return [];
  return ['g++', 'clang++', 'c++'];
}

/** @param {string} command */
function compiles(command) {
  const folder = mkdtempSync(path.join(tmpdir(), 'transfer-lab-compiler-'));
  try {
    const source = path.join(folder, 'probe.cc');
    writeFileSync(
      source,
      '#include <optional>\n#include <string>\nstd::optional<std::string> probe() { return "c++17"; }\n',
    );
    return succeeds(command, ['-std=c++17', '-fPIC', '-shared', source, '-o', path.join(folder, 'probe.so')]);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** @param {string} command @param {string[]} args */
function succeeds(command, args) {
  try {
    execFileSync(command, args, {stdio: 'ignore'});
    return true;
  } catch {
    return false;
  }
}
