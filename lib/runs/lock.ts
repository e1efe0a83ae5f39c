import {readdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {performance} from 'node:perf_hooks';
import {LabError} from '../errors';

/**
 * Locks a run for this process and returns the function that unlocks it. The lock is a file `<id>.lock-<pid>` beside
 * the run: every process first lays its own, then looks for others', so two can never both hold it; those of processes
 * that are gone do not count and are removed. Throws a LabError when a living process, also this one, holds the lock.
 */
export function lockRun(folder: string, id: string): () => void {
  const mine = lockFile(folder, id, process.pid);
  const unlock = () => rmSync(mine, {force: true});

  const [before] = lockHolders(folder, id);
  if (before !== undefined) throw held(folder, id, before);
  writeFileSync(mine, '');
  const other = lockHolders(folder, id).find((pid) => pid !== process.pid);
  if (other !== undefined) {
    unlock();
    throw held(folder, id, other);
  }
  for (const pid of lockPids(folder, id)) {
    if (!isHeld(folder, id, pid)) rmSync(lockFile(folder, id, pid), {force: true});
  }
  return unlock;
}

/** The living processes that hold a run's lock. */
export function lockHolders(folder: string, id: string): number[] {
  return lockPids(folder, id).filter((pid) => isHeld(folder, id, pid));
}

function lockFile(folder: string, id: string, pid: number): string {
  return join(folder, `${id}.lock-${pid}`);
}

function lockPids(folder: string, id: string): number[] {
  const prefix = `${id}.lock-`;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)));
}

function isHeld(folder: string, id: string, pid: number): boolean {
  // In a new container an earlier kernel may have had this process's id; its lock is older than this process.
  if (pid === process.pid) return statSync(lockFile(folder, id, pid)).mtimeMs >= performance.timeOrigin;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function held(folder: string, id: string, pid: number): LabError {
  return new LabError(
    pid === process.pid
      ? `Run ${id} is being trained by this very kernel. Wait for it, press the stop button or restart the kernel.`
      : `Run ${id} is being trained by another kernel (process ${pid}). Wait for it or shut that kernel down; ` +
          `if it is no kernel, delete ${lockFile(folder, id, pid)}.`,
  );
}
