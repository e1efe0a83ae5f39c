/** A notebook run from first cell to last by `npm run lab`'s own script in the real kernel, in the smoke profile, and read. */
import assert from 'node:assert/strict';
import {readFile, stat} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import type {TestContext} from 'node:test';
import {findNotebook} from '../../setup/project.mjs';
import {temporaryFolder} from '../ending';
import {startProgram} from '../processes';

const root = resolve(__dirname, '../..');
const plotlyType = 'application/vnd.plotly.v1+json';

export interface Output {
  data?: Record<string, unknown>;
  name?: string;
  text?: string | string[];
}

export interface Cell {
  cell_type: 'code' | 'markdown';
  source: string | string[];
  outputs?: Output[];
}

export const text = (lines: string | string[] = '') => [lines].flat().join('');

/** What `npm run lab -- NAME` leaves behind, with everything under `home`. */
export interface Lab {
  code: number | null;
  terminal: string;
  seconds: number;
  cells: Cell[];
  /** Bytes of the executed notebook. */
  notebookSize: number;
  page: string;
}

export async function runLab(
  t: TestContext,
  name: string,
  home: string,
  environment: NodeJS.ProcessEnv,
): Promise<Lab> {
  const start = performance.now();
  const env = {...process.env, LAB_PROFILE: 'smoke', LAB_HOME: home, ...environment};
  const program = startProgram(t, process.execPath, [join(root, 'setup', 'lab.mjs'), name], env);
  const [code] = await program.ended;
  const terminal = program.printed();
  const seconds = (performance.now() - start) / 1000;
  assert.equal(code, 0, terminal);
  const notebook = join(home, 'reports', basename(findNotebook(name, root)));
  const {cells} = JSON.parse(await readFile(notebook, 'utf8')) as {cells: Cell[]};
  const page = await readFile(notebook.replace(/ipynb$/, 'html'), 'utf8');
  return {code, terminal, seconds, cells, notebookSize: (await stat(notebook)).size, page};
}

export const temporaryHome = (t: TestContext) => temporaryFolder(t, 'lab home ');

export const outputs = (cells: Cell[]) => cells.flatMap((cell) => cell.outputs ?? []);
const html = (output: Output) => text(output.data?.['text/html'] as string | string[] | undefined);
export const htmlOf = (cells: Cell[]) => outputs(cells).map(html).join('\n');

/** The same without the pictures, whose letters may spell anything. */
export const wordsOf = (cells: Cell[]) => htmlOf(cells).replace(/data:image[^"]*/g, '');

/** The titles of all charts, as Plotly takes them, in their order. */
export const titles = (cells: Cell[]): string[] =>
  outputs(cells).flatMap(({data}) => {
    const figure = data?.[plotlyType] as {layout: {title: {text: string}}} | undefined;
    return figure ? [figure.layout.title.text] : [];
  });

/** What stands in bold in them. */
export const names = (cells: Cell[]): string[] =>
  titles(cells).map((title) => /^<b>(.*?)<\/b>/.exec(title)![1]);

export const occurrences = (whole: string, part: string) => whole.split(part).length - 1;

/** What every executed notebook holds, whatever photos it saw: `silent` tells the cells that may show nothing. */
export function checkExecuted({cells, page, notebookSize}: Lab, silent: RegExp): void {
  for (const cell of cells.filter((each) => each.cell_type === 'code' && !silent.test(text(each.source)))) {
    assert.ok(cell.outputs!.length > 0, `no output: ${text(cell.source)}`);
  }
  for (const {name, text: printed} of outputs(cells)) {
    assert.notEqual(name, 'stderr', text(printed));
  }
  assert.match(htmlOf(cells), /\b0 tensors alive/);
  assert.ok(notebookSize < 3e6, `${notebookSize} bytes`);
  assert.equal(occurrences(page, 'plotly.js v'), 1);
  assert.equal(occurrences(page, 'Plotly.newPlot(chart, figure.data'), titles(cells).length);
  assert.doesNotMatch(page, /<(?:script|link|iframe|img)\b[^>]*(?:src|href)="(?!data:)/);
  assert.ok(page.length < 15e6, `${page.length} characters`);
}

/** Model and regime of each row of the table of results. */
export function resultsOf(cells: Cell[]): string[][] {
  const results = /<table class="results".*?<\/table>/s.exec(htmlOf(cells))![0];
  return [...results.matchAll(/<tr><td[^>]*>(.*?)<\/td><td[^>]*>(.*?)<\/td>/g)].map(([, ...row]) => row);
}
