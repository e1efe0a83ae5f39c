/** JupyterLab as `npm start` starts it, and a notebook open in it in headless Chromium. */
import {randomUUID} from 'node:crypto';
import {existsSync} from 'node:fs';
import {createServer} from 'node:net';
import {join, resolve} from 'node:path';
import {chromium, type Browser, type Locator, type Page} from 'playwright-core';
import {atEnd, type Ending} from '../ending';
import {startProgram, untilReady} from '../processes';

export const root = resolve(__dirname, '../..');

/** The browser's program, null where there is none. */
export function findBrowser(): string | null {
  const program = process.env.CHROMIUM || '/usr/bin/chromium';
  return existsSync(program) ? program : null;
}

/** Opens a browser, which is closed at the end, even when that comes while it still starts. */
export async function openBrowser(of: Ending, program: string): Promise<Browser> {
  const launched = chromium.launch({
    executablePath: program,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  atEnd(of, async () => (await launched).close());
  return launched;
}

/** Starts JupyterLab in a folder, on a free port, until the end, and waits until it answers; gives the address of a file in it. */
export async function startJupyterLab(
  of: Ending,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<(file: string) => string> {
  const port = await freePort();
  const token = randomUUID();
  const options = [
    '--no-browser',
    `--port=${port}`,
    '--ServerApp.port_retries=0',
    `--ServerApp.root_dir=${folder}`,
  ];
  const server = startProgram(
    of,
    process.execPath,
    [join(root, 'setup', 'start.mjs'), ...options, `--IdentityProvider.token=${token}`],
    {
      ...process.env,
      JUPYTERLAB_WORKSPACES_DIR: join(folder, '.jupyterlab', 'workspaces'),
      JUPYTERLAB_SETTINGS_DIR: join(folder, '.jupyterlab', 'settings'),
      ...environment,
    },
  );
  const base = `http://127.0.0.1:${port}`;
  await untilReady(server, async (signal) => (await fetch(`${base}/api/status?token=${token}`, {signal})).ok);
  return (file) => `${base}/lab/tree/${file}?token=${token}`;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const {port} = server.address() as {port: number};
  await new Promise((closed) => server.close(closed));
  return port;
}

/** An open notebook, used as a person would. */
export class NotebookPage {
  private constructor(readonly page: Page) {}

  /** Opens a notebook and waits until its kernel has started. */
  static async open(browser: Browser, address: string): Promise<NotebookPage> {
    const page = await browser.newPage({viewport: {width: 1400, height: 1000}});
    await page.goto(address);
    await page.getByText('TypeScript | Idle').waitFor({timeout: 60_000});
    return new NotebookPage(page);
  }

  /** The code cell whose source begins with a text. */
  cell(begin: string): Locator {
    const start = new RegExp(`^\\s*${begin.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
    const editor = this.page.locator('.cm-content', {hasText: start});
    return this.page.locator('.jp-CodeCell', {has: editor});
  }

  /** The text that a cell shows. */
  async text(begin: string): Promise<string> {
    return (await this.cell(begin).locator('.jp-OutputArea-output').allTextContents()).join('\n');
  }

  async runAll(): Promise<void> {
    await this.page.locator('.lm-MenuBar-item', {hasText: /^Run$/}).click();
    await this.page.locator('.lm-Menu-item', {hasText: 'Run All Cells'}).first().click();
  }

  /** Runs one cell as Ctrl-Enter does. */
  async run(begin: string): Promise<void> {
    await this.cell(begin).locator('.cm-content').click();
    await this.page.keyboard.press('Control+Enter');
  }

  /** Replaces a word in a cell by typing. */
  async edit(begin: string, word: string, replacement: string): Promise<void> {
    const line = this.cell(begin).locator('.cm-line', {hasText: word});
    const text = (await line.textContent()) ?? '';
    await line.click();
    await this.page.keyboard.press('Home');
    await this.page.keyboard.press('Shift+End');
    await this.page.keyboard.insertText(text.trim().replace(word, replacement));
  }

  /** Saves the notebook by the menu; resolves once it is in its file. */
  async save(): Promise<void> {
    await this.page.locator('.lm-MenuBar-item', {hasText: /^File$/}).click();
    const stored = this.page.waitForResponse(
      (response) =>
        response.request().method() === 'PUT' && /\/api\/contents\/.*\.ipynb/.test(response.url()),
    );
    await this.page.locator('.lm-Menu-item', {hasText: 'Save Notebook'}).first().click();
    await stored;
  }

  /** Presses the toolbar's stop button. */
  async interrupt(): Promise<void> {
    await this.page
      .locator('[data-command="notebook:interrupt-kernel"], [title^="Interrupt the kernel"]')
      .first()
      .click();
  }

  /** Waits until a cell shows something that fits. */
  async waitForText(begin: string, wanted: RegExp, timeout: number): Promise<string> {
    await this.cell(begin).locator('.jp-OutputArea-output', {hasText: wanted}).first().waitFor({timeout});
    return this.text(begin);
  }
}
