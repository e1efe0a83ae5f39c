/** TensorBoard as `npm run tensorboard` starts it. */
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {freePort, root} from '../notebook/jupyterlab';

export interface TensorBoard {
  address: string;
  /** What its HTTP interface answers to a GET. */
  get: (path: string, query?: Record<string, string>) => Promise<Response>;
  json: <T>(path: string, query?: Record<string, string>) => Promise<T>;
  post: <T>(path: string, body: object) => Promise<T>;
  stop: () => Promise<void>;
}

/** The folders in which scalars of a part of the split lie. */
function scalarRuns(folder: string): string[] {
  return readdirSync(folder, {recursive: true, encoding: 'utf8'})
    .filter((file) => basename(file).includes('tfevents'))
    .map(dirname)
    .filter((run) => ['train', 'validation', 'test'].includes(basename(run)));
}

/** Serves `<home>/models/tensorboard` with one of the two loaders; resolves once every run there has been read. */
export async function startTensorBoard(home: string, {fast}: {fast: boolean}): Promise<TensorBoard> {
  const runs = scalarRuns(join(home, 'models', 'tensorboard'));
  const port = await freePort();
  const options = ['--port', String(port), `--load_fast=${fast}`, '--reload_interval', '1'];
  const server = spawn(process.execPath, [join(root, 'setup', 'tensorboard.mjs'), ...options], {
    env: {...process.env, LAB_HOME: home},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  const ended = new Promise<void>((done) => server.on('close', () => done()));
  const address = `http://127.0.0.1:${port}`;
  const get = (path: string, query: Record<string, string> = {}) =>
    fetch(`${address}/data/${path}?${new URLSearchParams(query).toString()}`);
  const json = async <T>(path: string, query?: Record<string, string>): Promise<T> => {
    const response = await get(path, query);
    assert.ok(response.ok, `${path}: ${response.status}`);
    return (await response.json()) as T;
  };
  const hasRuns = () =>
    json<Record<string, object>>('plugin/scalars/tags').then(
      (tags) => runs.every((run) => Object.keys(tags[run] ?? {}).length > 0),
      () => false,
    );
  while (!(await hasRuns())) {
    if (server.exitCode !== null) throw new Error(`TensorBoard ended:\n${log}`);
    await new Promise((next) => setTimeout(next, 200));
  }
  assert.match(log, new RegExp(`TensorBoard 2\\.21\\.0 at ${address}`), 'it prints its address');
  return {
    address,
    get,
    json,
    post: async <T>(path: string, body: object) => {
      const response = await fetch(`${address}/data/${path}`, {
        method: 'POST',
        headers: {'content-type': 'application/json'},
        body: JSON.stringify(body),
      });
      assert.ok(response.ok, `${path}: ${response.status}`);
      return (await response.json()) as T;
    },
    async stop() {
      server.kill('SIGTERM');
      await ended;
    },
  };
}
