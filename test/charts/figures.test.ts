import assert from 'node:assert/strict';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import * as prettier from 'prettier';
import * as charts from '../../lib/charts';
import type {Figure} from '../../lib/charts';
import {LabError} from '../../lib/errors';
import {learningCurve} from '../../lib/metrics';
import type {RunRecord} from '../../lib/runs';
import {BEGUN, CLASSES, STAND_IN, EVERYTHING, INTERRUPTED, NAMED, RUNS, UNTESTED} from './runs';

const COUNTS = {
  train: [282, 351, 287, 416, 337, 96],
  val: [60, 75, 62, 89, 72, 20],
  test: [61, 75, 61, 89, 73, 21],
};
const CONFUSION = [
  [8, 1, 0],
  [0, 9, 1],
  [2, 0, 0],
];

const CURVES = [
  learningCurve(
    'random',
    [10, 20, 30],
    [
      [0.71, 0.83, 0.89],
      [0.79, 0.87, 0.91],
    ],
  ),
  learningCurve(
    'margin and spread',
    [10, 20, 30],
    [
      [0.78, 0.9, 0.935],
      [0.82, 0.92, 0.945],
    ],
  ),
];
/** Two networks' photos in two dimensions, by rule. */
const PANELS = ['own CNN, t-SNE', 'mobilenet_v2, t-SNE', 'own CNN, UMAP'].map((title, panel) => ({
  title,
  points: Array.from({length: 6}, (_, i): [number, number] => [(panel + 1) * i * 1.23456, -i / (panel + 1)]),
}));
const LABELS = [0, 1, 0, 1, 1, 0];

/** Every chart that is drawn from runs. */
const CHARTS_OF_RUNS: Record<string, (runs: readonly RunRecord[]) => Figure> = {
  'loss-per-epoch': charts.lossPerEpoch,
  'score-per-epoch': charts.scorePerEpoch,
  'score-bars': charts.scoreBars,
  'class-f1': charts.classF1HeatMap,
  'learning-rate': charts.learningRateSchedule,
  'score-against-time': charts.scoreAgainstTime,
};

/** Every kind of regime, and a run that was interrupted. */
const SOME_RUNS = [RUNS[0], RUNS[1], EVERYTHING, RUNS[2], INTERRUPTED];

const SNAPSHOTS: Record<string, Figure> = {
  ...Object.fromEntries(Object.entries(CHARTS_OF_RUNS).map(([name, chart]) => [name, chart(SOME_RUNS)])),
  'score-bars-crowded': charts.scoreBars([...RUNS, ...RUNS.slice(0, 4)]),
  'score-against-photos': charts.scoreAgainstPhotos(SOME_RUNS, (run) => 100 * (1 + SOME_RUNS.indexOf(run))),
  'class-balance': charts.classBalance(CLASSES, COUNTS),
  'confusion-matrix': charts.confusionMatrix(
    CONFUSION,
    ['glass', 'metal', 'trash'],
    'mobilenet_v2, test photos',
  ),
  'learning-rate-planned': charts.learningRateSchedule([0, 1.5e-4, 3e-4, 2e-4, 1e-4, 0]),
  'score-bars-untested': charts.scoreBars(UNTESTED, {metric: 'accuracy'}),
  'score-against-time-named': charts.scoreAgainstTime(NAMED),
  'training-loss': charts.trainingLoss(
    [0.5, 1, 1.5].map((at) => ({at, loss: 4 - at})),
    [3.2],
    3,
    {
      title: 'resnext50_32x4d: loss',
      standIns: ['random weights for ResNeXt-50 32x4d'],
      backbone: 'resnext50_32x4d',
    },
  ),
  'learning-curves': charts.learningCurves(CURVES),
  'embedding-scatter': charts.embeddingScatter(PANELS, {
    classes: ['cat', 'dog'],
    labels: LABELS,
    title: '6 photos',
    standIns: ['CIFAR-10 photos'],
    photos: 'photos-1',
  }),
  histograms: charts.histograms(
    [
      {name: 'before', values: Float32Array.from({length: 500}, (_, i) => (i % 25) + i / 500)},
      {name: 'after', values: Float32Array.from({length: 500}, (_, i) => ((i % 25) - 12) / 8)},
    ],
    {title: 'What n1 makes of 32 photos', subtitle: 'Before and after.', bins: 10},
  ),
  'gradient-norms': charts.gradientNorms([
    {name: 'plain', layers: [0, 1e-6, 3e-4, 0.5].map((norm, i) => ({layer: `c${i}`, norm}))},
    {name: 'with shortcuts', layers: [0.4, 0.3, 0.25, 0.5].map((norm, i) => ({layer: `c${i}`, norm}))},
  ]),
  empty: charts.scorePerEpoch([BEGUN]),
};

const UPDATE = process.env.UPDATE_SNAPSHOTS === '1';

for (const [name, figure] of Object.entries(SNAPSHOTS)) {
  test(`the figure ${name} is as in its snapshot`, async () => {
    const path = join(__dirname, 'snapshots', `${name}.json`);
    const json = JSON.stringify(figure);
    if (UPDATE) {
      writeFileSync(
        path,
        await prettier.format(json, {...(await prettier.resolveConfig(path)), parser: 'json'}),
      );
    }
    assert.ok(
      existsSync(path),
      `no snapshot at ${path}: run the tests once with UPDATE_SNAPSHOTS=1 and look at it`,
    );
    assert.deepEqual(JSON.parse(json), JSON.parse(readFileSync(path, 'utf8')));
  });
}

const NOTICE = /stand-in: CIFAR-10 photos/;

function titleOf(figure: Figure): string {
  return (figure.layout.title as {text: string}).text;
}

test('charts of runs with stand-ins say so in their titles, others do not', () => {
  for (const [name, chart] of Object.entries(CHARTS_OF_RUNS)) {
    assert.match(titleOf(chart([...RUNS, STAND_IN])), NOTICE, name);
    assert.match(titleOf(chart([{...STAND_IN, history: [], result: null}])), NOTICE, `${name}, empty`);
    assert.doesNotMatch(titleOf(chart(RUNS)), NOTICE, name);
  }
  const standIns = ['CIFAR-10 photos'];
  assert.match(titleOf(charts.classBalance(CLASSES, COUNTS, {standIns})), NOTICE);
  assert.match(titleOf(charts.confusionMatrix([[1]], ['glass'], 'Test', {standIns})), NOTICE);
  assert.match(titleOf(charts.learningRateSchedule([1, 0], {standIns})), NOTICE);
  assert.match(titleOf(charts.learningCurves(CURVES, {standIns})), NOTICE);
  assert.match(titleOf(charts.learningCurves([], {standIns})), NOTICE);
});

test('without anything to draw a figure says why', () => {
  for (const [name, chart] of Object.entries(CHARTS_OF_RUNS)) {
    for (const runs of [[], [BEGUN]]) {
      const figure = chart(runs);
      assert.deepEqual(figure.data, [], name);
      const [annotation] = figure.layout.annotations as {text: string}[];
      assert.match(annotation.text, /^No .* yet\.$/, name);
    }
  }
  assert.deepEqual(charts.classBalance([], {}).data, []);
  assert.deepEqual(charts.confusionMatrix([[0]], ['glass'], 'Test').data, []);
  assert.deepEqual(charts.learningCurves([]).data, []);
  assert.deepEqual(charts.embeddingScatter([], {classes: [], labels: [], title: 'Test'}).data, []);
  assert.deepEqual(charts.histograms([]).data, []);
  assert.deepEqual(charts.gradientNorms([]).data, []);
});

test('a run without result is drawn as far as it goes', () => {
  const runs = [RUNS[0], INTERRUPTED];
  assert.ok(charts.scorePerEpoch(runs).data.some((trace) => (trace.x as number[]).length === 3));
  assert.match(JSON.stringify(charts.scoreBars(runs).layout), /last 2 stages: interrupted after epoch 3/);
  assert.equal((charts.classF1HeatMap(runs).data[0].y as string[]).length, 1);
});

test('a backbone has one colour in all charts, a regime one marker', () => {
  const [run] = RUNS;
  const colours = (figure: Figure) => JSON.stringify(figure).match(/#[0-9a-f]{6}/g);
  const ofLine = (charts.scorePerEpoch([run]).data[0].line as {color: string}).color;
  for (const chart of [charts.lossPerEpoch, charts.scoreBars, charts.scoreAgainstTime]) {
    assert.ok(colours(chart([run]))?.includes(ofLine));
  }
  const unknown = {...run, configuration: {...run.configuration, backbone: 'my_own'}};
  assert.deepEqual(charts.scorePerEpoch([unknown]), charts.scorePerEpoch([unknown]));
  for (const backbone of [
    `${run.configuration.backbone}:some.stage`,
    `${run.configuration.backbone} (random weights)`,
  ]) {
    const relative = {...run, configuration: {...run.configuration, backbone}};
    assert.ok(colours(charts.scorePerEpoch([relative]))?.includes(ofLine), backbone);
  }
});

test('the best run is the best on validation, whatever the test part says', () => {
  const scored = (run: RunRecord, valMacroF1: number, testMacroF1: number): RunRecord => ({
    ...run,
    result: {
      ...run.result!,
      val: {...run.result!.val, macroF1: valMacroF1},
      test: {...run.result!.test!, macroF1: testMacroF1},
    },
  });
  const runs = [scored(RUNS[0], 0.8, 0.95), scored(RUNS[1], 0.9, 0.7), BEGUN];
  assert.equal(charts.bestOnValidation(runs)?.id, RUNS[1].id);
  assert.equal(charts.bestOnValidation([BEGUN]), undefined);
  assert.match(JSON.stringify(charts.scoreBars(runs).layout), /Best on validation: [^.]*, 0\.700\./);
});

test('whiskers come from the stored predictions, and are absent without', () => {
  const [run] = RUNS;
  assert.ok(run.result);
  const bar = (ofRun: RunRecord) => charts.scoreBars([ofRun]).data[0].error_y as {array: number[]};
  assert.ok(bar(run).array[0] > 0.01);
  assert.equal(bar({...run, result: {...run.result, predictions: []}}).array[0], 0);
});

test('parameters of a run stand in its bar, whatever of them is known', () => {
  const textOf = (configuration: Record<string, unknown>) => {
    const run = {...RUNS[1], configuration: {...RUNS[1].configuration, ...configuration}};
    return (charts.scoreBars([run]).data[0].text as string[])[0];
  };
  assert.equal(textOf({}), '<b>last 3<br>stages</b><br>lr 3e-4<br>12 epochs<br>4 views<br>head 256');
  assert.equal(
    textOf({
      optimizer: {learningRate: {backbone: 1e-5, head: 0.01}},
      epochs: 1,
      views: undefined,
      head: {hidden: []},
    }),
    '<b>last 3<br>stages</b><br>lr 1e-5<br>head lr 0.01<br>1 epoch<br>linear head',
  );
  assert.equal(textOf({optimizer: null, epochs: null, views: null, head: null}), '<b>last 3<br>stages</b>');
});

test('runs with the same learning rates share a line', () => {
  const {data} = charts.learningRateSchedule([RUNS[0], RUNS[2], RUNS[1]]);
  assert.equal(data.length, 2);
  assert.equal(data[0].name, 'mobilenet_v2, feature extraction<br>squeezenet1_1, feature extraction');
});

test('names cannot smuggle markup into a figure', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const configuration = {
    ...RUNS[0].configuration,
    backbone: evil,
    network: evil,
    classes: CLASSES.map(() => evil),
  };
  const runs = [{...RUNS[0], name: evil, title: evil, configuration}];
  const figures = [
    ...Object.values(CHARTS_OF_RUNS).map((chart) => chart(runs)),
    charts.classBalance([evil], {[evil]: [3]}, {title: evil}),
    charts.confusionMatrix([[1]], [evil], evil),
    charts.embeddingScatter([{title: evil, points: [[0, 1]]}], {classes: [evil], labels: [0], title: evil}),
    charts.histograms([{name: evil, values: [1, 2]}], {title: evil, quantity: evil}),
    charts.gradientNorms([{name: evil, layers: [{layer: evil, norm: 1}]}], {title: evil}),
  ];
  for (const figure of figures) {
    const texts = JSON.stringify(figure, (key, value: unknown) =>
      key === 'legendgroup' ? undefined : value,
    );
    assert.doesNotMatch(texts, /<img/);
    assert.match(texts, /&lt;img/);
  }
});

test('counts and matrices that do not fit the classes are refused', () => {
  assert.throws(() => charts.classBalance(['glass'], {train: [1, 2]}), LabError);
  assert.throws(() => charts.confusionMatrix([[1]], ['glass', 'metal'], 'Test'), LabError);
  assert.throws(() => charts.confusionMatrix([[1, 2], [3]], ['glass', 'metal'], 'Test'), LabError);
  assert.throws(
    () => charts.embeddingScatter(PANELS, {classes: ['cat'], labels: [0], title: 'Test'}),
    /own CNN, t-SNE: 6 points stand against 1 labels/,
  );
});

const axisTitle = (figure: Figure, name: 'xaxis' | 'yaxis') =>
  (figure.layout[name] as {title: {text: string}}).title.text;

test('without a test part charts speak of the validation part', () => {
  for (const chart of [charts.scoreBars, charts.scoreAgainstTime]) {
    const figure = chart(UNTESTED);
    assert.match(titleOf(figure), /^<b>Validation macro-F1 /);
    assert.equal(axisTitle(figure, 'yaxis'), 'validation macro-F1');
    const mixed = chart([...UNTESTED, RUNS[5]]);
    assert.equal(axisTitle(mixed, 'yaxis'), 'validation macro-F1', 'runs are compared on one part');
    assert.doesNotMatch(JSON.stringify(figure), /test/i);
  }
  assert.match(titleOf(charts.classF1HeatMap(UNTESTED)), /^<b>Validation F1 of each class/);
  const [bar] = charts.scoreBars([UNTESTED[0], RUNS[5]]).data.slice(1);
  assert.deepEqual(bar.y, [RUNS[5].result!.val.macroF1]);
  assert.equal((bar.error_y as {array: number[]}).array[0], 0, 'predictions of another part make no whisker');
});

test('charts of scores take the metric', () => {
  const metric = 'accuracy';
  const run = RUNS[0];
  const {history, result} = run;
  assert.deepEqual(
    charts.scorePerEpoch([run], {metric}).data[0].y,
    history.map(({val}) => val.accuracy),
  );
  for (const chart of [charts.scoreBars, charts.scoreAgainstTime]) {
    assert.deepEqual(chart([run], {metric}).data[0].y, [result!.test!.accuracy]);
    assert.equal(axisTitle(chart([run], {metric}), 'yaxis'), 'test accuracy');
    assert.match(titleOf(chart([run], {metric, title: 'Mine'})), /^<b>Mine/);
  }
});

test('the best run and its best epoch are those of the metric that chose the weights', () => {
  const byLoss = RUNS.slice(0, 2).map((run, index) => ({
    ...run,
    configuration: {...run.configuration, select: 'loss' as const},
    result: {...run.result!, val: {...run.result!.val, loss: 0.5 - 0.1 * index, macroF1: 0.9 - 0.1 * index}},
  }));
  assert.equal(charts.bestOnValidation(byLoss)?.id, byLoss[1].id);
  const lowest = Math.min(...byLoss[0].history.map(({val}) => val.loss));
  assert.equal(charts.bestEpoch(byLoss[0])?.val.loss, lowest);
});

test('time counts what frozen features cost, and words tell who paid', () => {
  const [paid, reused] = NAMED;
  const {data} = charts.scoreAgainstTime(NAMED);
  assert.deepEqual(data[0].x, [240, 240]);
  assert.equal(charts.timeInWords(paid), '4 min');
  assert.equal(charts.timeInWords(reused), '40 s, features reused (3.3 min)');
  const earlier = {...paid, seconds: {features: null, reused: null, training: 38, validation: null}};
  assert.equal(charts.timeInWords(earlier), '38 s, frozen features not counted');
});

test('a name takes the place of the regime', () => {
  assert.deepEqual(
    charts.scorePerEpoch(NAMED).data.map(({name}) => name),
    ['high rate', 'low rate'],
  );
  assert.match(JSON.stringify(charts.scoreBars(NAMED).data[0].text), /high<br>rate/);
});

test('a confusion matrix of a hundred classes stays small, and its cells can be hovered over', () => {
  const classes = Array.from({length: 100}, (_, label) => `class ${label}`);
  const confusion = classes.map((_, truth) =>
    classes.map((__, predicted) => (truth === predicted ? 61 : (truth * predicted) % 7 === 0 ? 1 : 0)),
  );
  const figure = charts.confusionMatrix(confusion, classes, 'Test');
  const [heatMap] = figure.data;
  assert.deepEqual([heatMap.text, heatMap.hovertext, heatMap.customdata], [undefined, undefined, undefined]);
  assert.match(heatMap.hovertemplate as string, /%\{z:\.1%\} of <b>%\{y\}<\/b><br>predicted as <b>%\{x\}/);
  assert.equal(
    (figure.layout.xaxis as {dtick: number | null}).dtick,
    null,
    'names make room for one another',
  );
  const bytes = JSON.stringify(figure).length;
  assert.ok(bytes < 60_000, `${bytes} bytes`);
});

test('what stands over a low bar with a long whisker has room on the axis', () => {
  const low = structuredClone(RUNS[0]);
  low.result!.test!.macroF1 = 0.12;
  const figure = charts.scoreBars([low]);
  const [, top] = (figure.layout.yaxis as {range: number[]}).range;
  const whisker = figure.data[0].error_y as {array: number[]};
  assert.ok(top >= 0.12 + whisker.array[0] + 0.4);
  assert.ok(Number(figure.layout.height) > 500);
});
