/** Runs as TensorBoard itself reads them, with its fast loader and with the other one. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {type Browser, type Page} from 'playwright-core';
import {
  adamw,
  cosine,
  everything,
  type ExperimentOptions,
  network,
  type RunRecord,
  type Scores,
  tf,
} from '../../lib';
import {sharp} from '../../lib/pictures';
import {runId, type RunIdentity} from '../../lib/runs';
import {projector, tensorBoard} from '../../lib/tensorboard';
import {folderName} from '../../lib/tensorboard/names';
import {constant, train} from '../../lib/training';
import {wholeFile} from '../ending';
import {drawnWorkspace, root, run} from '../experiments/workspace';
import {findBrowser, openBrowser} from '../notebook/jupyterlab';
import {startOther} from '../processes';
import {noisePhotos, tinyClassifier} from '../training/fixtures/tiny';
import {startTensorBoard, type TensorBoard} from './server';

const folder = join(root, 'models', 'tensorboard');
const hostile = 'own "net"/../\t<b>x</b>\n';

const own: ExperimentOptions = {
  backbone: network({
    name: 'own',
    size: 32,
    build: (net, x) => {
      const map = net.conv('c1', x, {out: 4, kernel: 3, stride: 2, norm: 'n1', activation: 'relu'});
      return net.linear('out', net.globalAverage(map), {out: 6});
    },
  }),
  regime: everything(),
  optimizer: adamw({learningRate: 3e-3}),
  schedule: cosine(),
  epochs: 3,
  batchSize: 8,
  name: hostile,
};

/** A run's folder, as the name of a run of TensorBoard's. */
const folderOf = ({configuration, title}: Pick<RunRecord, 'configuration' | 'title'>) =>
  `${folderName(title)} ${runId(configuration).slice(-8)}`;

interface Logged {
  observed: RunRecord;
  resumed: RunRecord;
  shown: RunRecord;
  /** How many epochs of the killed run had been told of. */
  told: number;
}

let logged: Logged;

async function resumedRun(workspace: Awaited<ReturnType<typeof drawnWorkspace>>): Promise<RunRecord> {
  const options = {...own, name: 'resumed', seed: 2};
  const controller = new AbortController();
  const board = tensorBoard(folder);
  const {record} = await run(options, workspace, {
    ...board,
    signal: controller.signal,
    onBatch: ({epoch, batch}) => epoch === 3 && batch === 1 && controller.abort(),
  });
  assert.deepEqual([record.status, record.history.length], ['interrupted', 2]);
  return (await run(options, workspace, tensorBoard(folder))).record;
}

/** A loop of one's own, first for three epochs, then from the beginning for two. */
async function byHand(): Promise<void> {
  const board = tensorBoard(folder, {histograms: 2});
  const data = {train: noisePhotos(8), val: noisePhotos(4)};
  const options = {optimizer: adamw({learningRate: 1e-3}), schedule: constant(), seed: 1};
  for (const epochs of [3, 2]) {
    const learner = tinyClassifier({seed: epochs});
    await board.onStart({title: 'by hand', learner});
    await train(learner, data, {...options, epochs}, board);
    learner.dispose();
  }
  const test: Scores = {loss: NaN, accuracy: 0.5, macroF1: 0.25, top5: null};
  await board.onFinish({title: 'by hand', configuration: {}, result: {test, predictions: []}});
}

/** Event files that end in the middle of a record, the last one of the run given. */
function tear(runFolder: string): void {
  const torn = join(folder, 'torn', 'train');
  fs.mkdirSync(torn, {recursive: true});
  const [file] = fs.readdirSync(join(folder, runFolder, 'train'));
  const bytes = fs.readFileSync(join(folder, runFolder, 'train', file));
  fs.writeFileSync(join(torn, file), bytes.subarray(0, -5));
}

const cats = 'cats "and"\ndogs';
const points = 40;
const width = 5;
const vectors = Float32Array.from({length: points * width}, (_, i) => Math.fround(Math.sin(i * i)));
const labels = Array.from({length: points}, (_, i) => (i % 2 ? 'a\tcat\n"x"' : '<b>dog</b>'));

const colourOf = (index: number) => ({r: 6 * index, g: 0, b: 255 - 6 * index});

async function colourSquare(index: number): Promise<string> {
  const background = colourOf(index);
  const png = await sharp({create: {width: 20, height: 20, channels: 3, background}})
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

before(async () => {
  const workspace = await drawnWorkspace();
  const {numTensors} = tf.memory();
  const observed = (await run(own, workspace, tensorBoard(folder))).record;
  assert.deepEqual((await run({...own, force: true}, workspace, tensorBoard(folder))).record.title, hostile);
  const resumed = await resumedRun(workspace);
  const quiet = {...own, name: 'shown', seed: 3};
  await run(quiet, workspace);
  assert.equal(fs.readdirSync(folder).length, 2);
  const {counts} = await run(quiet, workspace, tensorBoard(folder));
  assert.equal(counts.epochs, 0, 'it was not trained again');
  const count = () => fs.readdirSync(folder, {recursive: true}).length;
  const files = count();
  await run(quiet, workspace, tensorBoard(folder));
  assert.equal(count(), files, 'what is there is not written again');
  const renamed = (await run({...quiet, name: 'renamed'}, workspace, tensorBoard(folder))).record;
  assert.equal(count(), files, 'a run that has another name takes its folder along');
  await byHand();
  tear(folderOf(renamed));
  await projector(folder, {
    name: cats,
    vectors,
    width,
    labels,
    thumbnails: await Promise.all(labels.map((_, index) => colourSquare(index))),
  });
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  logged = {observed, resumed, shown: renamed, told: 0};
});

test('a kernel that is killed leaves a file that is readable up to there', async (t) => {
  const other = startOther(t, join(__dirname, 'fixtures', 'endless.ts'), [folder]);
  for (let epoch = 1; epoch <= 4; epoch++) logged.told = Number(await other.line());
  await other.kill();
  assert.equal(logged.told, 4);
});

for (const fast of [true, false]) {
  describe(`TensorBoard, load_fast=${fast}`, () => {
    let board: TensorBoard;
    before(async () => {
      board = await startTensorBoard(wholeFile, root, {fast});
    });
    after(() => board?.stop());

    const scalars = async (name: string, tag: string) =>
      (await board.json<[number, number, number][]>('plugin/scalars/scalars', {run: name, tag})).map(
        ([, step, value]) => [step, value],
      );

    test('scalars of training, validation and test are the record’s', async () => {
      const tags = await board.json<Record<string, Record<string, unknown>>>('plugin/scalars/tags');
      for (const record of [logged.observed, logged.resumed, logged.shown]) {
        const name = folderOf(record);
        const {history, result} = record;
        assert.deepEqual(Object.keys(tags[`${name}/train`]).sort(), [
          'accuracy',
          'images per second',
          'learning rate',
          'loss',
        ]);
        const expected = (of: (epoch: RunRecord['history'][number]) => number) =>
          history.map((epoch) => [epoch.epoch, Math.fround(of(epoch))]);
        assert.deepEqual(
          await scalars(`${name}/train`, 'loss'),
          expected(({train}) => train.loss),
        );
        assert.deepEqual(
          await scalars(`${name}/train`, 'accuracy'),
          expected(({train}) => train.accuracy!),
        );
        assert.deepEqual(
          await scalars(`${name}/train`, 'learning rate'),
          expected((e) => e.learningRate),
        );
        assert.deepEqual(
          await scalars(`${name}/validation`, 'loss'),
          expected(({val}) => val.loss),
        );
        assert.deepEqual(
          await scalars(`${name}/validation`, 'macro-F1'),
          expected(({val}) => val.macroF1),
        );
        const test = [[result!.bestEpoch, Math.fround(result!.test!.macroF1)]];
        assert.deepEqual(await scalars(`${name}/test`, 'macro-F1'), test);
      }
    });

    test('what a loop of one’s own began anew takes the place of what was there', async () => {
      assert.deepEqual(
        (await scalars('by hand/train', 'loss')).map(([step]) => step),
        [1, 2],
      );
      assert.deepEqual(await scalars('by hand/test', 'macro-F1'), [[2, 0.25]]);
      const tags = await board.json<Record<string, Record<string, unknown>>>('plugin/histograms/tags');
      assert.deepEqual(Object.keys(tags['by hand/train']).sort(), [
        'gradients/head.0.weight',
        'gradients/stem.weight',
        'weights/head.0.weight',
        'weights/stem.weight',
      ]);
    });

    test('histograms of weights and gradients per epoch hold as many values as the tensor', async () => {
      const name = `${folderOf(logged.observed)}/train`;
      const tags = await board.json<Record<string, Record<string, unknown>>>('plugin/histograms/tags');
      const tensors = ['c1.weight', 'n1.bias', 'n1.weight', 'out.bias', 'out.weight'];
      assert.deepEqual(
        Object.keys(tags[name]).sort(),
        ['gradients', 'weights'].flatMap((group) => tensors.map((each) => `${group}/${each}`)),
      );
      for (const tag of ['gradients/c1.weight', 'weights/c1.weight']) {
        const query = {run: name, tag};
        const steps = await board.json<[number, number, [number, number, number][]][]>(
          'plugin/histograms/histograms',
          query,
        );
        assert.deepEqual(
          steps.map(([, step, buckets]) => [step, buckets.reduce((sum, [, , n]) => sum + n, 0)]),
          [1, 2, 3].map((epoch) => [epoch, 3 * 3 * 3 * 4]),
        );
      }
      assert.equal(`${folderOf(logged.shown)}/train` in tags, false, 'a record knows no histograms');
    });

    test('the augmented batch and the predictions are pictures', async () => {
      const name = folderOf(logged.observed);
      const {predictions} = logged.observed.result!;
      const tags =
        await board.json<Record<string, Record<string, {description: string}>>>('plugin/images/tags');
      assert.deepEqual(Object.keys(tags[name]).sort(), ['augmented batch', 'predictions']);
      assert.match(tags[name].predictions.description, /<li>/);
      for (const tag of ['augmented batch', 'predictions']) {
        const query = {run: name, tag, sample: '0'};
        const listed = await board.json<{query: string}[]>('plugin/images/images', query);
        assert.equal(listed.length, 1, 'a redone run shows the latest');
        const png = await fetch(`${board.address}/data/plugin/images/individualImage?${listed[0].query}`);
        const {format, width, height} = await sharp(Buffer.from(await png.arrayBuffer())).metadata();
        const rows = tag === 'predictions' ? Math.ceil(predictions.length / 8) : 2;
        assert.deepEqual([format, width, height], ['png', 896, 112 * Math.min(2, rows)]);
      }
    });

    test('the table of hyperparameters has a row for each run, with its last scores', async () => {
      interface Group {
        name: string;
        hparams: Record<string, unknown>;
        sessions: {name: string; status: string}[];
        metricValues: {name: {group: string; tag: string}; value: number}[];
      }
      const experiment = await board.post<{hparamInfos: {name: string}[]}>('plugin/hparams/experiment', {
        experimentName: '',
      });
      const colParams = experiment.hparamInfos.map(({name}) => ({hparam: name, includeInResult: true}));
      const {sessionGroups} = await board.post<{sessionGroups: Group[]}>('plugin/hparams/session_groups', {
        experimentName: '',
        allowedStatuses: ['STATUS_UNKNOWN', 'STATUS_SUCCESS', 'STATUS_FAILURE', 'STATUS_RUNNING'],
        colParams,
        startIndex: 0,
        sliceSize: 100,
      });
      const named = new Map(sessionGroups.map((group) => [group.sessions[0].name, group]));
      for (const record of [logged.observed, logged.resumed, logged.shown]) {
        const group = named.get(folderOf(record))!;
        assert.equal(group.sessions[0].status, 'STATUS_SUCCESS');
        const {seed} = record.configuration as RunIdentity;
        const {hparams} = group;
        assert.deepEqual(
          [hparams.seed, hparams.epochs, hparams['optimizer.kind'], hparams['regime.kind'], hparams.balanced],
          [seed, 3, 'adamw', 'everything', false],
        );
        assert.equal(hparams['optimizer.learningRate'], 3e-3);
        const value = (part: string) =>
          group.metricValues.find(({name}) => name.group === part && name.tag === 'macro-F1')?.value;
        assert.equal(value('test'), Math.fround(record.result!.test!.macroF1));
        assert.equal(value('validation'), Math.fround(record.history.at(-1)!.val.macroF1));
      }
      assert.equal(named.get('killed')!.sessions[0].status, 'STATUS_UNKNOWN');
    });

    test('of a killed and of a torn file, all that was whole is there', async () => {
      const steps = (await scalars('killed/train', 'loss')).map(([step]) => step);
      assert.ok(steps.length >= logged.told);
      assert.deepEqual(
        steps,
        steps.map((_, index) => index + 1),
      );
      const whole = await scalars(`${folderOf(logged.shown)}/train`, 'loss');
      assert.deepEqual(await scalars('torn/train', 'loss'), whole.slice(0, -1));
    });

    test('the projector is given vectors, classes and thumbnails', async () => {
      const query = {run: folderName(cats), name: folderName(cats)};
      assert.deepEqual(await board.json('plugin/projector/runs'), [folderName(cats)]);
      const {embeddings} = await board.json<{
        embeddings: {tensorName: string; tensorShape: number[]; sprite: {singleImageDim: number[]}}[];
      }>('plugin/projector/info', query);
      assert.equal(embeddings.length, 1);
      assert.equal(embeddings[0].tensorName, query.name);
      assert.deepEqual(embeddings[0].tensorShape, [points, width]);
      assert.deepEqual(embeddings[0].sprite.singleImageDim, [64, 64]);
      const tensor = await (await board.get('plugin/projector/tensor', query)).arrayBuffer();
      assert.deepEqual(new Float32Array(tensor), vectors);
      const metadata = await (await board.get('plugin/projector/metadata', query)).text();
      assert.deepEqual(metadata.trimEnd().split('\n').slice(0, 2), ['<b>dog</b>', 'a cat "x"']);
      assert.equal(metadata.trimEnd().split('\n').length, points);
      const sprite = Buffer.from(
        await (await board.get('plugin/projector/sprite_image', query)).arrayBuffer(),
      );
      const {format, width: wide, height: tall} = await sharp(sprite).metadata();
      assert.deepEqual([format, wide, tall], ['png', 8 * 64, 8 * 64]);
    });

    if (fast) {
      test('a browser shows the points of the projector, and no error', {timeout: 300_000}, async (t) => {
        const program = findBrowser();
        if (!program) return t.skip('needs Chromium: install it, or set CHROMIUM to its path');
        await seesPoints(await openBrowser(t, program), board.address);
      });
    }
  });
}

/** Opens the projector and waits until it has drawn the points as their thumbnails. */
async function seesPoints(browser: Browser, address: string): Promise<void> {
  const page = await browser.newPage({viewport: {width: 1400, height: 900}});
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${address}/#projector`);
  const frame = page.frameLocator('iframe').frameLocator('iframe');
  const shown = (what: string, count: number) =>
    frame.locator(`.${what}`, {hasText: new RegExp(`^${count}$`)});
  await shown('numDataPoints', points).waitFor({timeout: 120_000});
  await shown('dim', width).waitFor();
  for (let attempt = 0; (await thumbnailsShown(page)) < 0.8 * points; attempt++) {
    assert.ok(attempt < 60, 'most of the thumbnails do not appear');
    await page.waitForTimeout(500);
  }
  assert.deepEqual(errors, []);
}

/** How many of the thumbnails' colours stand on the page; some points hide others. */
async function thumbnailsShown(page: Page): Promise<number> {
  const pixels = await sharp(await page.screenshot())
    .removeAlpha()
    .raw()
    .toBuffer();
  const present = new Set<number>();
  for (let i = 0; i < pixels.length; i += 3) present.add(pixels.readUIntBE(i, 3));
  return labels.filter((_, index) =>
    present.has(Buffer.from(Object.values(colourOf(index))).readUIntBE(0, 3)),
  ).length;
}
