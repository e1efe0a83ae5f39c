/**
 * One set-up of a project at a time. The lock is the system's own (flock), held by an open file: it ends with its
 * process, however that ends. Node cannot take one, so Python takes it on the file that both have open.
 */
import {spawn, spawnSync} from 'node:child_process';
import {closeSync, openSync} from 'node:fs';
import path from 'node:path';
import {SetupError} from './processes.mjs';

const taking = `
import fcntl, sys
try:
    fcntl.flock(3, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[1] == "now" else 0))
except BlockingIOError:
    sys.exit(3)
`;

/**
 * Takes the lock of a folder, as soon as it is free.
 * @param {string} folder
 * @param {string} python
 * @param {(message: string) => void} tell told when another has it
 * @returns {Promise<() => void>} gives it back
 * @throws {SetupError} when the folder cannot be written to
 */
export async function lockFolder(folder, python, tell = console.log) {
  const file = openLock(folder);
  /** @param {'now' | 'later'} when @returns {[string[], import('node:child_process').StdioOptions]} */
  const command = (when) => [
    ['-I', '-c', taking, when],
    ['ignore', 'ignore', 'ignore', file],
  ];
  const [args, stdio] = command('now');
  if (spawnSync(python, args, {stdio}).status === 3) {
    tell('Another set-up of this project is at work. Waiting for it.');
    const [waiting, shared] = command('later');
    await new Promise((resolve, reject) => {
      spawn(python, waiting, {stdio: shared}).on('error', reject).on('close', resolve);
    });
  }
  return () => closeSync(file);
}

/** @param {string} folder */
function openLock(folder) {
  try {
    return openSync(path.join(folder, '.setup.lock'), 'a');
  } catch (error) {
    const {code} = /** @type {NodeJS.ErrnoException} */ (error);
    throw new SetupError(
      `${folder} cannot be written to (${code}), and the set-up puts all it brings there: make it writable, or copy the project to a folder of your own and run the command in it.`,
    );
  }
}
