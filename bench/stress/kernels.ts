/** Processes that stand for a user's kernels. */
import {type ChildProcess, fork} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Tasks} from './tasks';

type Task = keyof Tasks;
type Options<T extends Task> = Parameters<Tasks[T]>[0];
type Value<T extends Task> = Awaited<ReturnType<Tasks[T]>>;

export interface Request {
  task: Task;
  options: unknown;
  /** When to begin, in milliseconds as `Date.now()` counts. */
  at: number;
}

export interface Failure {
  name: string;
  message: string;
  stack: string;
  /** Whether it is an error that tells what to do. */
  named: boolean;
}

export type Answer<V> = {value: V; error?: undefined} | {value?: undefined; error: Failure};

const patienceMs = 600_000;

/** What TensorFlow says as it starts. */
const greeting = /^(WARNING: All log messages before absl|I\d{4} .* oneDNN custom operations are on).*\n/gm;

export class Kernel {
  private printed = '';
  private readonly ended: Promise<unknown>;

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'close');
    child.stderr!.on('data', (text: Buffer) => (this.printed += text.toString()));
  }

  static async start(): Promise<Kernel> {
    const child = fork(join(__dirname, 'kernel.ts'), {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {...process.env, LAB_MIRROR: '', LAB_FEATURES_LIMIT: ''},
    });
    const kernel = new Kernel(child);
    const ready = await Promise.race([once(child, 'message'), kernel.ended.then(() => null)]);
    if (!ready) throw new Error(`A kernel did not start: ${kernel.printed}`);
    return kernel;
  }

  /** What it has printed on stderr: nothing, unless something went wrong behind all errors. */
  get complaints(): string {
    return this.printed.replace(greeting, '');
  }

  /** Does one thing at a time. */
  async ask<T extends Task>(task: T, options: Options<T>, at = 0): Promise<Answer<Value<T>>> {
    const request: Request = {task, options, at};
    const over = new AbortController();
    const lost = (message: string) => ({error: {name: 'Lost', message, stack: '', named: false}});
    try {
      const answer = once(this.child, 'message', {signal: over.signal}).then(
        ([given]) => given as Answer<Value<T>>,
      );
      answer.catch(() => undefined);
      this.child.send(request);
      return await Promise.race([
        answer,
        this.ended.then(() => lost(`the kernel ended while it did: ${task}. ${this.printed}`)),
        sleep(patienceMs, lost(`no end of ${task} after ${patienceMs / 1000} s`), {signal: over.signal}),
      ]);
    } finally {
      over.abort();
    }
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** Asks all kernels at once, each for its own; `later` are milliseconds after the others. */
export function askAll<T extends Task>(
  kernels: readonly Kernel[],
  task: T,
  options: (index: number) => Options<T>,
  later: readonly number[] = [],
): Promise<Answer<Value<T>>[]> {
  const at = Date.now() + 5;
  return Promise.all(kernels.map((kernel, i) => kernel.ask(task, options(i), at + (later[i] ?? 0))));
}
