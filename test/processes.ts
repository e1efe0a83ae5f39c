/** Processes as tests need them: other kernels, which run a fixture, and programs with all that these start. */
import {type ChildProcess, type ChildProcessByStdio, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import type {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {atEnd, type Ending} from './ending';

const namespace = ['--map-root-user', '--pid', '--fork', '--mount-proc', '--kill-child'];

/** Why no process can be started in a PID namespace of its own here; false when one can. */
export const noNamespace =
  spawnSync('unshare', [...namespace, 'true']).status !== 0 && 'needs the right to make a PID namespace';

/** Runs a shell script in a mount namespace of its own, so that what it mounts is gone with it. */
export function inMountNamespace(script: string, ...args: string[]) {
  return spawnSync('unshare', ['--map-root-user', '--mount', 'sh', '-ec', script, 'sh', ...args], {
    encoding: 'utf8',
  });
}

export interface Other {
  /** The id of the process, as this one counts; of one in a namespace that of its `unshare`. */
  pid: number;
  /** The next line that it prints; fails when it ends without one. */
  line: () => Promise<string>;
  send: (line: string) => void;
  /** Ends it as `kill -9` does. */
  kill: () => Promise<void>;
  /** Resolves when it has ended. */
  ended: Promise<unknown>;
}

/** Starts `node <fixture> <args>`, as another container's on request; it is killed at the test's end. */
export function startOther(t: Ending, fixture: string, args: string[], {inNamespace = false} = {}): Other {
  const command = [process.execPath, '--import', 'tsx', fixture, ...args];
  const [program, ...rest] = inNamespace ? ['unshare', ...namespace, ...command] : command;
  const child: ChildProcess = spawn(program, rest, {stdio: ['pipe', 'pipe', 'inherit']});
  const ended = once(child, 'close');
  const lines = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  atEnd(t, kill);
  return {
    pid: child.pid!,
    ended,
    kill,
    send: (line) => child.stdin!.write(`${line}\n`),
    line: async () => {
      const next = await lines.next();
      if (next.done) throw new Error(`${fixture} ${args.join(' ')} ended without a further line`);
      return next.value;
    },
  };
}

export interface Program {
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has printed so far. */
  printed: () => string;
  /** Its code or the signal that ended it, once nothing that it started holds its outputs open either. */
  ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** Asks it to end; after `patience` milliseconds, by default half a minute, kills it and all that it started. */
  stop: (patience?: number) => Promise<void>;
}

/** Starts a program; it is stopped at the end. */
export function startProgram(
  of: Ending,
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Program {
  const child = spawn(command, args, {env, stdio: ['ignore', 'pipe', 'pipe']});
  const outputs = [child.stdout, child.stderr];
  let printed = '';
  for (const output of outputs) output.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const ended = once(child, 'close') as Program['ended'];
  const stop = async (patience = 30_000) => {
    const started = descendants(child.pid!);
    child.kill('SIGTERM');
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      started.forEach(kill);
      outputs.forEach((output) => output.destroy());
    }, patience);
    await ended.finally(() => clearTimeout(late));
  };
  atEnd(of, () => stop());
  return {child, printed: () => printed, ended, stop};
}

/** The ids of all processes that a process has started, and these in turn. */
function descendants(of: number): number[] {
  const {stdout} = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], {encoding: 'utf8'});
  const processes = [...(stdout ?? '').matchAll(/(\d+) +(\d+)/g)].map((row) => row.slice(1).map(Number));
  const family = [of];
  for (const parent of family) {
    family.push(...processes.filter(([, startedBy]) => startedBy === parent).map(([id]) => id));
  }
  return family.slice(1);
}

function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until a server is ready; fails, with what it printed, when it ends before or is not after `limit` milliseconds. */
export async function untilReady(
  {child, printed}: Program,
  isReady: (signal: AbortSignal) => Promise<boolean>,
  limit = 120_000,
): Promise<void> {
  const signal = AbortSignal.timeout(limit);
  const fail = (how: string) => {
    throw new Error(`${child.spawnargs.join(' ')} ${how}:\n${printed()}`);
  };
  while (!(await isReady(signal).catch(() => false))) {
    if (child.exitCode !== null || child.signalCode !== null) fail('has ended');
    if (signal.aborted) fail(`is not ready after ${limit / 1000} s`);
    await sleep(200);
  }
}
