import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import test, {type TestContext} from 'node:test';
import {kernelSpec} from '../../setup/jupyter.mjs';
import {temporaryFolder} from '../ending';

const root = resolve(__dirname, '../..');
const python = join(root, '.venv', 'bin', 'python');

interface Cell {
  code: string;
  interruptAt?: string[];
}

interface Message {
  kind: string;
  text?: string;
  data?: Record<string, unknown>;
  transient?: {display_id?: string};
}

/** Runs the cells in a new tslab kernel that can `require` TypeScript from `lib`; it works in the folder `cwd`. */
async function runCells(
  t: TestContext,
  cells: Cell[],
  cwd = root,
): Promise<{status: string; messages: Message[]}[]> {
  const folder = temporaryFolder(t, 'lab-kernel-');
  await mkdir(join(folder, 'kernels', 'tslab'), {recursive: true});
  const spec = JSON.stringify(kernelSpec(process.execPath));
  await writeFile(join(folder, 'kernels', 'tslab', 'kernel.json'), spec);
  const {stdout, stderr, status} = spawnSync(python, [join(__dirname, 'kernel.py')], {
    cwd,
    input: JSON.stringify({kernels: folder, cells}),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as {status: string; messages: Message[]}[];
}

const load = (module: string) => `require(${JSON.stringify(join(root, 'lib', 'notebook', module))})`;

const prepare: Cell = {
  code: `require('tsx/cjs/api').register();
    const display = ${load('display.ts')};
    const {onInterrupt} = ${load('interrupt.ts')};
    let before = 'kept';`,
};

/** Computes for ever, in batches of 20 ms, until it is told to stop. */
const endless = `{
  let stop = false;
  const stopListening = await onInterrupt(() => (stop = true));
  console.log('training');
  while (STOPS) {
    const end = Date.now() + 20;
    while (Date.now() < end);
    await new Promise((next) => setImmediate(next));
  }
  stopListening();
}`;

const printed = (messages: Message[]) => messages.map(({text}) => text ?? '').join('');

test('display and stop button in a real tslab kernel', async (t) => {
  if (!existsSync(python)) return t.skip('needs .venv: npm run setup');
  const obedient = endless.replace('STOPS', '!stop');
  const stubborn = endless.replace('STOPS', 'true').replace('(stop = true)', `console.log('first press')`);
  const [, shown, stopped, after, broken] = await runCells(t, [
    prepare,
    {
      code: `display.showFigure({data: [{y: [1, 2]}], layout: {title: {text: 'Loss'}}});
        const live = display.liveDisplay();
        live.update('<b>1</b>');
        live.finish('<b>2</b>');
        const chart = display.liveFigure();
        for (const y of [1, 2, 3]) chart.update({data: [{y: [y]}], layout: {}});
        chart.finish({data: [{y: [4]}], layout: {}});`,
    },
    {code: `${obedient}\nconst inside = 'kept too';`, interruptAt: ['training']},
    {code: 'console.log(before, inside)'},
    {code: stubborn, interruptAt: ['training', 'first press']},
  ]);

  await t.test('a figure goes out as real JSON', () => {
    const figure = {data: [{y: [1, 2]}], layout: {title: {text: 'Loss'}}};
    assert.deepEqual(shown.messages[0].data, {'application/vnd.plotly.v1+json': figure});
  });
  await t.test('a live display changes in place', () => {
    const [, first, second] = shown.messages;
    assert.deepEqual([first.kind, first.data], ['display_data', {'text/html': '<b>1</b>'}]);
    assert.deepEqual([second.kind, second.data], ['update_display_data', {'text/html': '<b>2</b>'}]);
    assert.equal(second.transient?.display_id, first.transient?.display_id);
  });
  await t.test('a live figure changes in place, twice a second at most, and ends with the last one', () => {
    const drawn = shown.messages.slice(3);
    const figures = [1, 4].map((y) => ({data: [{y: [y]}], layout: {}}));
    assert.deepEqual(
      drawn.map(({kind, data}) => [kind, data?.['application/vnd.plotly.v1+json']]),
      [
        ['display_data', figures[0]],
        ['update_display_data', figures[1]],
      ],
    );
    assert.equal(drawn[1].transient?.display_id, drawn[0].transient?.display_id);
  });
  await t.test('a stopped cell ends as usual and no name is lost', () => {
    assert.equal(stopped.status, 'ok');
    assert.equal(printed(stopped.messages), 'training\n');
    assert.equal(printed(after.messages), 'kept kept too\n');
  });
  await t.test('a second press ends a cell that does not heed the first', () => {
    assert.equal(broken.status, 'error');
    assert.match(printed(broken.messages), /^training\nfirst press\nError: Interrupted asynchronously/);
  });
});

const chart = "display.raw('application/vnd.plotly.v1+json', {data: [{y: [1, 2]}], layout: {}} as any);";

test('a kernel loses no output, however fast a cell prints, and keeps its order', async (t) => {
  if (!existsSync(python)) return t.skip('needs .venv: npm run setup');
  const counts = [600, 3_000, 20_000];
  const results = await runCells(t, [
    {code: "import {display} from 'tslab';"},
    ...counts.map((count) => ({
      code: `for (let i = 0; i < ${count}; i++) (i % 1000 === 999 ? console.error : console.log)('line ' + i);
        ${chart}
        console.log('after the chart');`,
    })),
    {code: `for (let i = 0; i < 2_000; i++) display.html(String(i));`},
    {
      code: `for (let i = 0; i < 300; i++) { console.log(i); await new Promise((next) => setTimeout(next, 2)); }`,
    },
  ]);

  for (const [i, count] of counts.entries()) {
    const {status, messages} = results[i + 1];
    assert.equal(status, 'ok');
    const at = messages.findIndex(({kind}) => kind === 'display_data');
    const lines = Array.from({length: count}, (_, line) => `line ${line}\n`);
    assert.equal(printed(messages.slice(0, at)), lines.join(''));
    assert.deepEqual(Object.keys(messages[at].data ?? {}), ['application/vnd.plotly.v1+json']);
    assert.equal(printed(messages.slice(at + 1)), 'after the chart\n');
    assert.ok(messages.length < 250, `${messages.length} messages`);
  }
  assert.deepEqual(
    results[4].messages.map(({data}) => data?.['text/html']),
    Array.from({length: 2_000}, (_, i) => String(i)),
  );
  assert.equal(printed(results[5].messages), Array.from({length: 300}, (_, i) => `${i}\n`).join(''));
});

test('files that come and go beside a notebook disturb no cell', async (t) => {
  if (!existsSync(python)) return t.skip('needs .venv: npm run setup');
  const folder = temporaryFolder(t, 'lab-beside-');
  const write = (name: string, text: string) => `fs.writeFileSync('${name}.ts', '${text}');`;
  const wait = 'await new Promise((next) => setTimeout(next, 600));';
  const results = await runCells(
    t,
    [
      {code: `import * as fs from 'node:fs'; ${write('there', 'export const one = 1;')}`},
      {code: `import {one} from './there'; console.log(one);`},
      {code: `// @ts-ignore\n import type {Two} from './later';`},
      {
        code: `${write('later', 'export const two = 2;')} ${wait} ${write('there', 'export const one = 11;')} ${wait}`,
      },
      {code: `import {two} from './later'; console.log(two);`},
    ],
    folder,
  );
  const said = results.map(({status, messages}) => [status, printed(messages)]);
  assert.deepEqual(said, [
    ['ok', ''],
    ['ok', '1\n'],
    ['ok', ''],
    ['ok', ''],
    ['ok', '2\n'],
  ]);
});
