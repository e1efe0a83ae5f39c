/** The garbage notebook from first cell to last, by `npm run lab`'s own script in the real kernel, in the smoke profile. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  type Cell,
  checkExecuted,
  htmlOf,
  type Lab,
  names,
  occurrences,
  resultsOf,
  runLab,
  temporaryHome,
  titles,
} from './executed';

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

/** The rest that this notebook holds, whatever photos it saw. */
function checkWhole(lab: Lab, networks: string[]): void {
  checkExecuted(lab, /^(const settings|if \(profile)/);
  assert.deepEqual(
    resultsOf(lab.cells).map(([model]) => model),
    networks.flatMap((name) => [name, name]),
  );
  for (const name of networks)
    assert.match(lab.terminal, new RegExp(`^${name} +feature extraction +3 `, 'm'));
  assert.equal(titles(lab.cells).length, chartTitles.length + 1);
}

/** The eight summary lines of the experiments. */
const summaries = (cells: Cell[]) =>
  [...htmlOf(cells).matchAll(/>([^<>]* · test macro-F1 [^<>]*)</g)].map(([, line]) => line);

test(
  'offline and without a mirror: drawings and small networks, as every title says; a second run shows what is stored',
  {timeout: 900_000},
  async (t) => {
    const home = temporaryHome(t);
    const offline = {LAB_OFFLINE: '1', LAB_MIRROR: ''};
    const first = await runLab(t, 'garbage', home, offline);
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

    const second = await runLab(t, 'garbage', home, offline);
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
    const lab = await runLab(t, 'garbage', temporaryHome(t), {LAB_OFFLINE: '1'});
    t.diagnostic(`${lab.seconds.toFixed(0)} s, notebook ${(lab.notebookSize / 1e6).toFixed(2)} MB`);
    checkWhole(lab, backbones);
    assert.deepEqual(names(lab.cells).slice(0, 6), chartTitles);
    for (const told of [...titles(lab.cells), htmlOf(lab.cells), lab.terminal])
      assert.doesNotMatch(told, /stand-in/i);
    assert.match(htmlOf(lab.cells), /glass\/glass115\.jpg = metal\/metal91\.jpg/);
    assert.equal(summaries(lab.cells).length, 8);
  },
);
