/** TensorBoard as `npm run tensorboard` starts it. */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import type {Ending} from '../ending';
import {freePort, root} from '../notebook/jupyterlab';
import {startProgram, untilReady} from '../processes';

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

/** Serves `<home>/models/tensorboard` with one of the two loaders until the end; resolves once every run there has been read. */
export async function startTensorBoard(
  of: Ending,
  home: string,
  {fast}: {fast: boolean},
): Promise<TensorBoard> {
  const runs = scalarRuns(join(home, 'models', 'tensorboard'));
  const port = await freePort();
  const options = ['--port', String(port), `--load_fast=${fast}`, '--reload_interval', '1'];
  const command = [join(root, 'setup', 'tensorboard.mjs'), ...options];
  const server = startProgram(of, process.execPath, command, {...process.env, LAB_HOME: home});
  const address = `http://127.0.0.1:${port}`;
  const get = (path: string, query: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${address}/data/${path}?${new URLSearchParams(query).toString()}`, {signal});
  const json = async <T>(path: string, query?: Record<string, string>, signal?: AbortSignal): Promise<T> => {
    const response = await get(path, query, signal);
    assert.ok(response.ok, `${path}: ${response.status}`);
    return (await response.json()) as T;
  };
  await untilReady(server, async (signal) => {
    const tags = await json<Record<string, object>>('plugin/scalars/tags', {}, signal);
    return runs.every((run) => Object.keys(tags[run] ?? {}).length > 0);
  });
  assert.match(server.printed(), new RegExp(`TensorBoard 2\\.21\\.0 at ${address}`), 'it prints its address');
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
    stop: () => server.stop(),
  };
}
