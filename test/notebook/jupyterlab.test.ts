/** Notebooks as a student uses them: in JupyterLab, in a browser. */
import assert from 'node:assert/strict';
import {copyFile, mkdir, readFile, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {temporaryFolder} from '../ending';
import {type Cell, text} from './executed';
import {findBrowser, NotebookPage, openBrowser, root, startJupyterLab} from './jupyterlab';

const notebook = '1-garbage-classification.ipynb';
const minute = 60_000;

const cells = {
  samples: 'await lab.showSamples',
  squeezenet: 'const squeezenetFrozen',
  curves: 'lab.show(charts.scorePerEpoch)',
  bars: 'lab.show(charts.scoreBars)',
  memory: 'lab.showMemory()',
};

/** A project folder of its own, so that nothing is saved into the repository. */
async function project(t: TestContext, write: (file: string) => Promise<void>): Promise<string> {
  const home = temporaryFolder(t, 'jupyter lab ');
  await mkdir(join(home, 'notebooks'));
  await write(join(home, 'notebooks', notebook));
  await symlink(join(root, 'node_modules'), join(home, 'node_modules'));
  return home;
}

/** Opens the garbage notebook, or one that is written in its place. */
async function openNotebook(
  t: TestContext,
  program: string,
  write = (file: string) => copyFile(join(root, 'notebooks', notebook), file),
): Promise<NotebookPage> {
  const home = await project(t, write);
  const address = await startJupyterLab(t, home, {
    LAB_PROFILE: 'smoke',
    LAB_HOME: home,
    LAB_OFFLINE: '1',
    LAB_MIRROR: '',
  });
  const browser = await openBrowser(t, program);
  return NotebookPage.open(browser, address(`notebooks/${notebook}`));
}

/** How many points each line of the F1 chart has that a browser has drawn. */
async function pointsPerLine(page: NotebookPage): Promise<number[]> {
  const lines = page.cell(cells.curves).locator('.scatterlayer .trace');
  await lines.first().waitFor({timeout: minute});
  return Promise.all((await lines.all()).map((line) => line.locator('.point').count()));
}

/** The heights in pixels of what the bar chart draws; the legend's entries have none. */
async function barHeights(page: NotebookPage): Promise<number[]> {
  const bars = page.cell(cells.bars).locator('.barlayer .point path');
  await bars.first().waitFor({timeout: minute, state: 'attached'});
  const boxes = await Promise.all((await bars.all()).map((bar) => bar.boundingBox()));
  return boxes.map((box) => box?.height ?? 0);
}

test(
  'all cells run, charts are drawn and follow an edited cell, the stop button ends a run cleanly',
  {timeout: 10 * minute},
  async (t) => {
    const program = findBrowser();
    if (!program) return t.skip('needs Chromium: install it, or set CHROMIUM to its path');
    const page = await openNotebook(t, program);

    await page.runAll();
    await page.waitForText(cells.memory, /tensors alive/, 5 * minute);
    const pictures = await page.cell(cells.samples).locator('img').all();
    const widths = await Promise.all(
      pictures.map((image) =>
        image.evaluate((element: unknown) => (element as {naturalWidth: number}).naturalWidth),
      ),
    );
    assert.equal(widths.length, 24, 'four photos of each of six classes');
    assert.ok(
      widths.every((width) => width > 0),
      widths.join(),
    );
    assert.deepEqual(
      await pointsPerLine(page),
      [3, 1, 3, 1, 3, 1, 3, 1],
      'a point an epoch for each of eight runs',
    );
    assert.equal((await barHeights(page)).filter((height) => height > 5).length, 8);

    await page.edit(cells.squeezenet, 'settings.headEpochs', '5');
    await page.run(cells.squeezenet);
    await page.waitForText(cells.squeezenet, /trained in/, minute);
    await page.run(cells.curves);
    const edited = page.cell(cells.curves).locator('.scatterlayer .trace').nth(2).locator('.point');
    await edited.nth(4).waitFor({state: 'attached', timeout: minute});
    assert.deepEqual(await pointsPerLine(page), [3, 1, 5, 1, 3, 1, 3, 1]);

    await page.edit(cells.squeezenet, 'epochs: 5', 'epochs: 100000');
    await page.run(cells.squeezenet);
    await page.waitForText(cells.squeezenet, /epoch \d+\/100000/, minute);
    await page.interrupt();
    const stopped = await page.waitForText(cells.squeezenet, /interrupted/, minute);
    assert.match(stopped, /interrupted after epoch \d+; the best weights are kept/);
    await page.run(cells.memory);
    await page.waitForText(cells.memory, /0 tensors alive/, minute);
  },
);

/** A cell that prints many lines, and a chart behind it. */
const printed = 3000;
const printing = `for (let line = 1; line <= ${printed}; line++) console.log(\`line \${line} of ${printed}\`);`;
const charting = `import {charts, showFigure} from 'transfer-lab';
showFigure(charts.classBalance(['cats', 'dogs'], {train: [3, 5]}));`;

test(
  'thousands of lines and the chart behind them are shown and saved',
  {timeout: 10 * minute},
  async (t) => {
    const program = findBrowser();
    if (!program) return t.skip('needs Chromium: install it, or set CHROMIUM to its path');
    const cell = (source: string) => ({
      cell_type: 'code',
      execution_count: null,
      metadata: {},
      outputs: [],
      source,
    });
    const kernelspec = {display_name: 'TypeScript', language: 'typescript', name: 'tslab'};
    const content = {
      cells: [printing, charting].map(cell),
      metadata: {kernelspec},
      nbformat: 4,
      nbformat_minor: 4,
    };
    let file = '';
    const page = await openNotebook(t, program, (made) => writeFile((file = made), JSON.stringify(content)));

    await page.runAll();
    const bars = page.cell('import {charts').locator('.barlayer .point path');
    await bars.first().waitFor({timeout: 5 * minute, state: 'attached'});
    assert.equal(await bars.count(), 2);

    await page.save();
    const {cells: saved} = JSON.parse(await readFile(file, 'utf8')) as {cells: Cell[]};
    const lines = text(saved[0].outputs?.flatMap((output) => [output.text ?? []].flat()));
    const expected = Array.from({length: printed}, (_, i) => `line ${i + 1} of ${printed}\n`).join('');
    assert.ok(lines === expected, `${lines.split('\n').length - 1} of ${printed} lines were saved`);
    const kinds = saved[1].outputs?.map(({data, name}) => name ?? Object.keys(data ?? {})[0]);
    assert.ok(kinds?.includes('application/vnd.plotly.v1+json'), JSON.stringify(saved[1].outputs));
  },
);
