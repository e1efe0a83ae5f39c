/** Other kernels, as tests need them: processes that run a fixture, on request as another container's. */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import type {TestContext} from 'node:test';

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

/** Starts `node <fixture> <args>`; it is killed at the test's end. */
export function startOther(
  t: TestContext,
  fixture: string,
  args: string[],
  {inNamespace = false} = {},
): Other {
  const command = [process.execPath, '--import', 'tsx', fixture, ...args];
  const [program, ...rest] = inNamespace ? ['unshare', ...namespace, ...command] : command;
  const child: ChildProcess = spawn(program, rest, {stdio: ['pipe', 'pipe', 'inherit']});
  const ended = once(child, 'close');
  const lines = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.after(kill);
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
