/** JupyterLab as `npm start` starts it, and a notebook open in it in headless Chromium. */
import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {existsSync} from 'node:fs';
import {createServer} from 'node:net';
import {join, resolve} from 'node:path';
import {chromium, type Browser, type Locator, type Page} from 'playwright-core';

export const root = resolve(__dirname, '../..');

/** The browser's program, null where there is none. */
export function findBrowser(): string | null {
  const program = process.env.CHROMIUM || '/usr/bin/chromium';
  return existsSync(program) ? program : null;
}

export async function openBrowser(program: string): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}

export interface JupyterLab {
  /** The address of a file in it, token included. */
  address(file: string): string;
  stop(): Promise<void>;
}

/** Starts JupyterLab in a folder, on a free port; resolves once it answers. What is set in it is forgotten. */
export async function startJupyterLab(folder: string, environment: NodeJS.ProcessEnv): Promise<JupyterLab> {
  const port = await freePort();
  const token = randomUUID();
  const options = [
    '--no-browser',
    `--port=${port}`,
    '--ServerApp.port_retries=0',
    `--ServerApp.root_dir=${folder}`,
  ];
  const server = spawn(
    process.execPath,
    [join(root, 'setup', 'start.mjs'), ...options, `--IdentityProvider.token=${token}`],
    {
      env: {
        ...process.env,
        JUPYTERLAB_WORKSPACES_DIR: join(folder, '.jupyterlab', 'workspaces'),
        JUPYTERLAB_SETTINGS_DIR: join(folder, '.jupyterlab', 'settings'),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let log = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  const ended = new Promise<void>((done) => server.on('close', () => done()));
  const base = `http://127.0.0.1:${port}`;
  while (!(await answers(`${base}/api/status?token=${token}`))) {
    if (server.exitCode !== null) throw new Error(`JupyterLab ended:\n${log}`);
    await new Promise((next) => setTimeout(next, 200));
  }
  return {
    address: (file) => `${base}/lab/tree/${file}?token=${token}`,
    async stop() {
      server.kill('SIGTERM');
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const {port} = server.address() as {port: number};
  await new Promise((closed) => server.close(closed));
  return port;
}

async function answers(address: string): Promise<boolean> {
  return fetch(address).then(
    ({ok}) => ok,
    () => false,
  );
}

/** An open notebook, used as a person would. */
export class NotebookPage {
  constructor(readonly page: Page) {}

  /** The code cell whose source begins with a text. */
  cell(begin: string): Locator {
    const start = new RegExp(`^\\s*${begin.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
    const editor = this.page.locator('.cm-content', {hasText: start});
    return this.page.locator('.jp-CodeCell', {has: editor});
  }
}
