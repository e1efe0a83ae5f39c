/** The garbage notebook from first cell to last, by `npm run lab`'s own script in the real kernel, in the smoke profile. */
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdtemp, readFile, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {type TestContext, test} from 'node:test';

const root = resolve(__dirname, '../..');
const plotlyType = 'application/vnd.plotly.v1+json';
const notice = 'stand-in: drawings, small networks with random weights';

const chartTitles = [
  'Photos per class and part',
  'Loss per epoch',
  'Validation macro-F1 per epoch',
  'Test macro-F1 by model and regime',
  'Test macro-F1 against training time',
  'Test F1 of each class',
];
const backbones = ['mobilenet_v2', 'squeezenet1_1', 'efficientnet_b4', 'deit_tiny_patch16_224'];
const small = [
  'mobilenet_v2_small for mobilenet_v2',
  'squeezenet1_1_small for squeezenet1_1',
  'efficientnet_small for efficientnet_b4',
  'deit_small for deit_tiny_patch16_224',
];

interface Output {
  data?: Record<string, unknown>;
  name?: string;
  text?: string | string[];
}

interface Cell {
  cell_type: 'code' | 'markdown';
  source: string | string[];
  outputs?: Output[];
}

const text = (lines: string | string[] = '') => [lines].flat().join('');

/** What `npm run lab` leaves behind, with everything under `home`. */
interface Lab {
  code: number | null;
  terminal: string;
  seconds: number;
  cells: Cell[];
  /** Bytes of the executed notebook. */
  notebookSize: number;
  page: string;
}

async function runLab(home: string, environment: NodeJS.ProcessEnv): Promise<Lab> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(root, 'setup', 'lab.mjs')], {
    env: {...process.env, LAB_PROFILE: 'smoke', LAB_HOME: home, ...environment},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let terminal = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (terminal += part));
  }
  const code = await new Promise<number | null>((done) => child.on('close', done));
  const seconds = (performance.now() - start) / 1000;
  assert.equal(code, 0, terminal);
  const notebook = join(home, 'reports', '1-garbage-classification.ipynb');
  const {cells} = JSON.parse(await readFile(notebook, 'utf8')) as {cells: Cell[]};
  const page = await readFile(notebook.replace(/ipynb$/, 'html'), 'utf8');
  return {code, terminal, seconds, cells, notebookSize: (await stat(notebook)).size, page};
}

async function temporaryHome(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'lab home '));
  t.after(() => rm(home, {recursive: true}));
  return home;
}

const outputs = (cells: Cell[]) => cells.flatMap((cell) => cell.outputs ?? []);
const html = (output: Output) => text(output.data?.['text/html'] as string | string[] | undefined);
const htmlOf = (cells: Cell[]) => outputs(cells).map(html).join('\n');

/** The titles of all charts, as Plotly takes them, in their order. */
const titles = (cells: Cell[]): string[] =>
  outputs(cells).flatMap(({data}) => {
    const figure = data?.[plotlyType] as {layout: {title: {text: string}}} | undefined;
    return figure ? [figure.layout.title.text] : [];
  });

/** What stands in bold in them. */
const names = (cells: Cell[]): string[] => titles(cells).map((title) => /^<b>(.*?)<\/b>/.exec(title)![1]);

const occurrences = (whole: string, part: string) => whole.split(part).length - 1;

/** What every executed notebook holds, whatever photos it saw. */
function checkWhole({cells, page, notebookSize, terminal}: Lab, networks: string[]): void {
  for (const cell of cells.filter(
    (each) => each.cell_type === 'code' && !/^(const settings|if \(profile)/.test(text(each.source)),
  )) {
    assert.ok(cell.outputs!.length > 0, `no output: ${text(cell.source)}`);
  }
  for (const {name, text: printed} of outputs(cells)) {
    assert.notEqual(name, 'stderr', text(printed));
  }
  const results = /<table class="results".*?<\/table>/s.exec(htmlOf(cells))![0];
  const rows = [...results.matchAll(/<tr><td[^>]*>(.*?)<\/td>/g)].map(([, model]) => model);
  assert.deepEqual(
    rows,
    networks.flatMap((name) => [name, name]),
  );
  for (const name of networks) assert.match(terminal, new RegExp(`^${name} +feature extraction +3 `, 'm'));

  assert.match(htmlOf(cells), /\b0 tensors alive/);
  assert.ok(notebookSize < 3e6, `${notebookSize} bytes`);
  assert.equal(occurrences(page, 'plotly.js v'), 1);
  assert.equal(occurrences(page, 'Plotly.newPlot(chart, figure.data'), chartTitles.length + 1);
  assert.doesNotMatch(page, /<(?:script|link|iframe|img)\b[^>]*(?:src|href)="(?!data:)/);
  assert.ok(page.length < 15e6, `${page.length} characters`);
}

/** The eight summary lines of the experiments. */
const summaries = (cells: Cell[]) =>
  [...htmlOf(cells).matchAll(/>([^<>]* · test macro-F1 [^<>]*)</g)].map(([, line]) => line);

test(
  'offline and without a mirror: drawings and small networks, as every title says; a second run shows what is stored',
  {timeout: 900_000},
  async (t) => {
    const home = await temporaryHome(t);
    const offline = {LAB_OFFLINE: '1', LAB_MIRROR: ''};
    const first = await runLab(home, offline);
    t.diagnostic(
      `first run ${first.seconds.toFixed(0)} s, notebook ${(first.notebookSize / 1e6).toFixed(2)} MB`,
    );
    checkWhole(first, small);
    assert.deepEqual(names(first.cells).slice(0, 6), chartTitles);
    assert.match(names(first.cells)[6], /: test photos$/);
    // Before training only the photos stand in for others.
    assert.match(titles(first.cells)[0], /stand-in: drawings</);
    for (const title of titles(first.cells).slice(1)) assert.ok(title.includes(notice), title);
    // The results, the report, the mistakes.
    assert.equal(occurrences(htmlOf(first.cells), notice), 3);
    assert.match(htmlOf(first.cells), /not tried, because LAB_OFFLINE is set/);
    const [before, after] = first.terminal.split(/^\[1\/\d+\]/m);
    assert.match(before, /Stand-ins: CIFAR-10 photos for Garbage Classification/);
    assert.match(before, /LAB_MIRROR/);
    assert.match(after, /Results of all runs \(stand-in: drawings, small networks with random weights\)/);
    assert.match(
      after,
      /Stand-ins: drawings for Garbage Classification.*\n.*Why: .*LAB_OFFLINE.*\n.*LAB_MIRROR/,
    );
    for (const line of summaries(first.cells)) assert.match(line, / · trained in /);

    const second = await runLab(home, offline);
    t.diagnostic(`second run ${second.seconds.toFixed(0)} s`);
    checkWhole(second, small);
    assert.equal(summaries(second.cells).length, 8);
    for (const line of summaries(second.cells)) assert.match(line, / · stored result /);
    assert.deepEqual(titles(second.cells), titles(first.cells));
  },
);

test(
  'with the mirror: real photos, real weights, and no word of a stand-in',
  {timeout: 900_000},
  async (t) => {
    if (!process.env.LAB_MIRROR) return t.skip('needs LAB_MIRROR with the garbage photos and four weights');
    const lab = await runLab(await temporaryHome(t), {LAB_OFFLINE: '1'});
    t.diagnostic(`${lab.seconds.toFixed(0)} s, notebook ${(lab.notebookSize / 1e6).toFixed(2)} MB`);
    checkWhole(lab, backbones);
    assert.deepEqual(names(lab.cells).slice(0, 6), chartTitles);
    for (const told of [...titles(lab.cells), htmlOf(lab.cells), lab.terminal])
      assert.doesNotMatch(told, /stand-in/i);
    assert.match(htmlOf(lab.cells), /glass\/glass115\.jpg = metal\/metal91\.jpg/);
    assert.equal(summaries(lab.cells).length, 8);
  },
);
