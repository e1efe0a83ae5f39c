import assert from 'node:assert/strict';
import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {type TestContext, test} from 'node:test';
import {jupyterEnvironment} from '../../setup/jupyter.mjs';
import {nodeModules, setupFolder, venvPython} from '../../setup/project.mjs';
import {temporaryFolder} from '../ending';
import {startProgram} from '../processes';

const plotly = path.join(nodeModules, 'plotly.js-dist', 'plotly.js');

interface Run {
  code: number | null;
  text: string;
  page: string;
  executed: string;
}

/** A notebook of code cells. */
const notebookOf = (cells: string[]): string =>
  JSON.stringify({
    nbformat: 4,
    nbformat_minor: 4,
    metadata: {kernelspec: {name: 'tslab', display_name: 'TypeScript', language: 'typescript'}},
    cells: [
      {cell_type: 'markdown', metadata: {}, source: '# Tiny\n\nThe sentence above.'},
      ...cells.map((source) => ({
        cell_type: 'code',
        source,
        metadata: {},
        outputs: [],
        execution_count: null,
      })),
    ],
  });

/** Runs code cells as a notebook in the real kernel; `onText` sees what the terminal shows and can stop the run. */
async function runCells(
  t: TestContext,
  cells: string[],
  onText: (text: string, stop: () => void) => void = () => {},
  environment: NodeJS.ProcessEnv = {},
): Promise<Run> {
  const folder = temporaryFolder(t, 'lab notebook ');
  const notebook = path.join(folder, 'tiny.ipynb');
  await writeFile(notebook, notebookOf(cells));
  const reports = path.join(folder, 'reports');
  const {code, text} = await runFile(t, notebook, reports, onText, environment);
  const read = (name: string) => readFile(path.join(reports, name), 'utf8');
  return {code, text, page: await read('tiny.html'), executed: await read('tiny.ipynb')};
}

async function runFile(
  t: TestContext,
  notebook: string,
  reports: string,
  onText: (text: string, stop: () => void) => void = () => {},
  environment: NodeJS.ProcessEnv = {},
): Promise<{code: number | null; text: string}> {
  const runner = path.join(setupFolder, 'run_notebook.py');
  const {child, printed, ended} = startProgram(
    t,
    venvPython,
    [runner, notebook, '--reports', reports, '--plotly', plotly],
    {
      ...jupyterEnvironment(process.env),
      ...environment,
    },
  );
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', () => onText(printed(), () => child.kill('SIGINT')));
  }
  const [code] = await ended;
  return {code, text: printed()};
}

test(
  'a notebook runs to its end: progress, results and a page that needs no network',
  {timeout: 180_000},
  async (t) => {
    const {code, text, page, executed} = await runCells(t, [
      "import {display} from 'tslab';\nconsole.log('six times seven is', 6 * 7);",
      '// The chart of results\n' +
        "display.raw('application/vnd.plotly.v1+json', {data: [{type: 'bar', y: [1]}], layout: {title: {text: '</script>'}}} as any);\n" +
        'display.html(\'<table class="results"><tr><th>model</th><th>macro-F1</th></tr><tr><td>mobilenet_v2</td><td>0.9</td></tr></table>\');',
    ]);
    assert.equal(code, 0, text);
    assert.match(text, /\[1\/2\] The sentence above\.\n {4}six times seven is 42\n/);
    assert.match(text, /\[2\/2\] The chart of results\n/);
    assert.match(text, /model {9}macro-F1\n-{12} {2}-{8}\nmobilenet_v2 {7}0\.9\n/);
    assert.match(executed, /six times seven is 42/);
    assert.equal(page.split('plotly.js v').length - 1, 1);
    assert.match(page, /Plotly\.newPlot\(chart, figure\.data/);
    assert.doesNotMatch(page, /<(script|link)[^>]+(src|href)=/);
  },
);

test('a failing cell ends the run and is named with its error', {timeout: 180_000}, async (t) => {
  const {code, text, executed} = await runCells(t, [
    'const kept = 1;\nkept',
    "// This one breaks\nthrow new Error('out of glue');",
    "console.log('never reached');",
  ]);
  assert.equal(code, 1);
  assert.match(text, /\[2\/3\] This one breaks\nfailed:\n[^]*Error: out of glue/);
  assert.doesNotMatch(executed, /"never reached\\n"/);
});

test('an error that comes after its cell has ended fails the run', {timeout: 180_000}, async (t) => {
  const {code, text} = await runCells(t, [
    "setTimeout(() => void Promise.reject(new Error('too late')), 200);\n0",
  ]);
  assert.equal(code, 1);
  assert.match(text, /failed after it had ended:\nUnhandledPromiseRejection: Error: too late/);
});

test('Ctrl-C lets the cell say its last words and keeps them', {timeout: 180_000}, async (t) => {
  let stopped = false;
  const {code, text, executed} = await runCells(
    t,
    [
      "process.once('SIGINT', () => { console.log('best weights kept'); clearInterval(work); });\n" +
        "const work = setInterval(() => {}, 100);\nconsole.log('training');\nawait new Promise(() => {});",
    ],
    (shown, stop) => {
      if (stopped || !shown.includes('training')) return;
      stopped = true;
      stop();
    },
  );
  assert.equal(code, 130, text);
  assert.match(text, /Interrupted in \[1\/1\]/);
  assert.match(executed, /best weights kept/);
});

test(
  'a notebook anywhere finds the library; thousands of lines, in any letters, and the chart behind them are shown',
  {timeout: 180_000},
  async (t) => {
    const chart = "display.raw('application/vnd.plotly.v1+json', {data: [{y: [1]}], layout: {}} as any);";
    const {code, text, page, executed} = await runCells(
      t,
      [
        `import {display} from 'tslab';\nfor (let i = 0; i < 20_000; i++) console.log('line ' + i + '.');\n${chart}`,
        "import {macroF1} from 'transfer-lab';\nimport sharp from 'sharp';\nimport {existsSync} from 'fs';\n" +
          "console.log('class Ünï', typeof macroF1, typeof sharp, existsSync('tiny.ipynb'));",
      ],
      undefined,
      {PYTHONIOENCODING: 'ascii'},
    );
    assert.equal(code, 0, text);
    for (const line of [0, 511, 600, 2_999, 19_999]) assert.match(text, new RegExp(`line ${line}\\.\\n`));
    assert.equal(executed.match(/line \d+\.\\n/g)?.length, 20_000);
    assert.match(page, /Plotly\.newPlot\(chart, figure\.data/);
    assert.match(text, /class \\xdcn\\xef function function true/);
    assert.match(executed, /class Ünï/);
  },
);

test('a notebook with a byte order mark and the line ends of Windows runs', {timeout: 180_000}, async (t) => {
  const folder = temporaryFolder(t, 'lab notebook ');
  const notebook = path.join(folder, 'windows.ipynb');
  const pretty = JSON.stringify(JSON.parse(notebookOf(["console.log('a');\r\nconsole.log('b');"])), null, 1);
  await writeFile(notebook, `\ufeff${pretty.replaceAll('\n', '\r\n')}`);
  const {code, text} = await runFile(t, notebook, path.join(folder, 'reports'));
  assert.equal(code, 0, text);
  assert.match(text, /a\n *b\n/);
});

test('reports that cannot be written are named, with what to do', {timeout: 180_000}, async (t) => {
  const folder = temporaryFolder(t, 'lab notebook ');
  const notebook = path.join(folder, 'tiny.ipynb');
  await writeFile(notebook, notebookOf([]));
  const {code, text} = await runFile(t, notebook, path.join(notebook, 'reports'));
  assert.equal(code, 1);
  assert.match(
    text,
    /tiny\.ipynb\/reports cannot be written: Not a directory\. .*set LAB_HOME to another folder/,
  );
  assert.doesNotMatch(text, /Traceback/);
});

test('a file that is no notebook is named for what it is', {timeout: 180_000}, async (t) => {
  const folder = temporaryFolder(t, 'lab notebook ');
  const cases: [string | Buffer, RegExp][] = [
    [
      notebookOf([]).replace('"cells"', '\n<<<<<<< HEAD\n"cells"'),
      /is no notebook \(a merge conflict\? line 2 /,
    ],
    ['', /is no notebook \(the file is empty/],
    ['[]', /is no notebook \(/],
    [Buffer.from(notebookOf(['é']), 'latin1'), /is no notebook \(its text is not UTF-8: save it as UTF-8/],
    [
      '{"cells": [{"cell_type": "code"}], "nbformat": 4, "nbformat_minor": 4, "metadata": {}}',
      /is no notebook \(/,
    ],
  ];
  for (const [content, message] of cases) {
    const notebook = path.join(folder, 'odd.ipynb');
    await writeFile(notebook, content);
    const {code, text} = await runFile(t, notebook, path.join(folder, 'reports'));
    assert.equal(code, 1);
    assert.match(text, message);
    assert.doesNotMatch(text, /Traceback/);
  }
});
