import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  agreementTable,
  bestOnValidation,
  confusedPairsTable,
  imageGrid,
  learningCurvesTable,
  matrixTables,
  reportRows,
  reportTable,
  reportText,
  resultRows,
  resultsTable,
  somePredictions,
  worstMistakes,
  type GridItem,
} from '../../lib/charts';
import {LabError} from '../../lib/errors';
import {agreementWith} from '../../lib/labelling';
import {classificationReport, learningCurve} from '../../lib/metrics';
import printedReports from './fixtures/printed-reports.json';
import {BEGUN, CLASSES, STAND_IN, INTERRUPTED, NAMED, RUNS, UNTESTED} from './runs';

const PIXEL = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
const NOTICE = /stand-in: CIFAR-10 photos/;

function occurrences(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

test('a grid shows every picture with its caption, its text and its tone', () => {
  const items: GridItem[] = [
    {image: PIXEL, caption: 'glass', detail: 'truth: metal', tone: 'wrong'},
    {image: PIXEL, caption: 'metal', tone: 'right'},
    {image: PIXEL, caption: 'paper'},
  ];
  const html = imageGrid(items, {title: 'Photos', subtitle: '16 x 224 x 224 x 3, -2.1 to 2.6', columns: 4});
  assert.equal(occurrences(html, /<figure /g), 3);
  assert.equal(occurrences(html, /<img src="data:image\/gif;base64,R0lGODlhAQABAAAAACw="/g), 3);
  assert.match(html, /repeat\(4, /);
  assert.match(html, /alt="glass, truth: metal"/);
  assert.match(html, /16 x 224 x 224 x 3, -2\.1 to 2\.6/);
  assert.match(html, /✗ glass/);
  assert.match(html, /✓ metal/);
  assert.match(html, />paper</);
  assert.doesNotMatch(html, NOTICE);
  assert.doesNotMatch(html, /<style|<script/);
});

test('a grid says what stands in, and that it is empty', () => {
  assert.match(imageGrid([], {title: 'Photos', standIns: ['CIFAR-10 photos']}), NOTICE);
  assert.match(imageGrid([], {title: 'Photos'}), /Nothing to show\./);
  assert.match(imageGrid([], {title: 'Mistakes', empty: 'No mistake.'}), /No mistake\./);
});

test('a grid escapes what it is given and refuses what is not a picture', () => {
  const evil = `<script>alert("1")</script>'`;
  const html = imageGrid([{image: `data:image/png;base64,"onload="alert(1)`, caption: evil, detail: evil}], {
    title: evil,
    subtitle: evil,
  });
  assert.doesNotMatch(html, /<script|"onload/);
  assert.equal(occurrences(html, /&lt;script&gt;alert\(&#34;1&#34;\)&lt;\/script&gt;&#39;/g), 7);
  const refused = (call: () => unknown, message: RegExp) =>
    assert.throws(call, (error) => error instanceof LabError && message.test(error.message));
  refused(
    () => imageGrid([{image: 'photo.jpg', caption: 'glass'}], {title: 'Photos'}),
    /"glass" is given as photo\.jpg/,
  );
  refused(() => imageGrid([], {title: 'Photos', columns: 0}), /columns from 1 on, not 0/);
});

test('the worst mistakes are those a run was surest of', () => {
  const mistakes = worstMistakes(RUNS[0], 5);
  assert.equal(mistakes.length, 5);
  const predictions = RUNS[0].result?.predictions ?? [];
  const surest = Math.max(
    ...predictions.map((each) => (each.truth === each.predicted ? 0 : each.probability)),
  );
  const first = predictions.find((each) => each.truth !== each.predicted && each.probability === surest);
  assert.ok(first);
  assert.deepEqual(mistakes[0], {
    path: first.path,
    caption: `${CLASSES[first.predicted]} (${Math.round(100 * surest)}\u00a0%)`,
    detail: `truth: ${CLASSES[first.truth]}`,
    tone: 'wrong',
  });
  assert.deepEqual(worstMistakes(INTERRUPTED), []);
});

test('some predictions are the same photos for every run, right and wrong told apart', () => {
  const [first, second] = [RUNS[0], RUNS[1]].map((run) => somePredictions(run, 200, 3));
  assert.deepEqual(
    first.map(({path}) => path),
    second.map(({path}) => path),
  );
  assert.notDeepEqual(first.slice(0, 6), somePredictions(RUNS[0], 6, 4));
  for (const tone of ['right', 'wrong'] as const) {
    const cards = first.filter((card) => card.tone === tone);
    assert.ok(cards.length > 0, tone);
    for (const {caption, detail} of cards) {
      const isSame = caption.replace(/ \(.*$/, '') === detail.replace(/^truth: /, '');
      assert.equal(isSame, tone === 'right', `${caption}, ${detail}`);
    }
  }
  assert.equal(somePredictions(RUNS[0]).length, 6);
  assert.deepEqual(somePredictions(INTERRUPTED), []);
});

test('results are one row per run, as far as it has come', () => {
  const [complete, interrupted, begun] = resultRows([RUNS[5], INTERRUPTED, BEGUN]);
  assert.deepEqual(
    {...complete, imagesPerSecond: Math.round(complete.imagesPerSecond ?? 0)},
    {
      name: 'efficientnet_b4, last stages',
      model: 'efficientnet_b4',
      regime: 'last 2 stages',
      status: 'complete',
      epochs: 12,
      bestEpoch: RUNS[5].result?.bestEpoch,
      valMacroF1: RUNS[5].result?.val.macroF1,
      valAccuracy: RUNS[5].result?.val.accuracy,
      valTop5: RUNS[5].result?.val.top5,
      testMacroF1: RUNS[5].result?.test?.macroF1,
      testAccuracy: RUNS[5].result?.test?.accuracy,
      testTop5: 0.99,
      minutes: (30 + 60 * 9.5 + 12 * 0.2) / 60,
      imagesPerSecond: 18,
    },
  );
  assert.equal(interrupted.epochs, 3);
  assert.equal(interrupted.bestEpoch, 3);
  assert.equal(interrupted.testMacroF1, null);
  assert.equal(begun.valMacroF1, null);
  assert.equal(begun.imagesPerSecond, null);
});

test('the table of results sets the best run in bold and owns up to stand-ins', () => {
  const html = resultsTable([...RUNS, INTERRUPTED]);
  assert.equal(occurrences(html, /<tr>/g), 1 + RUNS.length + 1);
  const bold = [...html.matchAll(/<td [^>]*;font-weight:bold">([^<]*)</g)].map(([, text]) => text);
  const best = bestOnValidation(RUNS)!;
  assert.equal(bold.length, 12);
  assert.deepEqual(bold.slice(0, 2), [best.configuration.backbone, 'last 2 stages']);
  assert.match(html, /^<table class="results"/);
  assert.match(html, /3 \(interrupted\)/);
  assert.doesNotMatch(html, NOTICE);
  assert.match(resultsTable([STAND_IN]), NOTICE);
  assert.match(resultsTable([]), /No run yet\./);
});

test('the table of a report holds classes and averages', () => {
  const report = classificationReport(
    [
      [3, 1],
      [0, 4],
    ],
    ['glass', '<metal>'],
  );
  assert.deepEqual(
    reportRows(report).map((row) => row.class),
    ['glass', '<metal>', 'macro average', 'micro average (accuracy)', 'weighted average'],
  );
  assert.deepEqual(reportRows(report)[0], {
    class: 'glass',
    precision: 1,
    recall: 0.75,
    f1: 6 / 7,
    support: 4,
  });
  const html = reportTable(report, {standIns: ['CIFAR-10 photos']});
  assert.match(html, /&lt;metal&gt;/);
  assert.match(html, />0\.857</);
  assert.match(html, NOTICE);
});

const headsOf = (html: string) => [...html.matchAll(/<th [^>]*>([^<]*)</g)].map(([, text]) => text);

test('the table of results chooses by validation alone, and has the columns that there is something for', () => {
  const [first, second] = RUNS;
  const worseOnTest = {...second, result: {...second.result!, test: {...second.result!.test!, macroF1: 0.1}}};
  const html = resultsTable([first, worseOnTest]);
  assert.match(html, /font-weight:bold">last 3 stages</);
  assert.match(html, /font-weight:bold">0\.100</);
  assert.ok(headsOf(html).includes('test macro-F1'));

  const untested = headsOf(resultsTable(UNTESTED));
  assert.deepEqual(
    untested.filter((head) => head.startsWith('validation')),
    ['validation macro-F1', 'validation accuracy', 'validation top-5'],
  );
  assert.ok(!untested.some((head) => head.startsWith('test')));
  assert.equal(headsOf(resultsTable(NAMED))[0], 'run');
});

test('the pairs confused most', () => {
  const confusion = [
    [8, 2, 0],
    [0, 9, 1],
    [3, 0, 3],
  ];
  const html = confusedPairsTable(confusion, ['glass', '<metal>', 'trash'], {count: 2});
  const cells = [...html.matchAll(/<td [^>]*>([^<]*)</g)].map(([, text]) => text);
  assert.deepEqual(cells, ['trash', 'glass', '3', '50\u00a0%', 'glass', '&lt;metal&gt;', '2', '20\u00a0%']);
  assert.match(confusedPairsTable([[1]], ['glass']), /Nothing was confused\./);
});

const cellsOf = (html: string) => [...html.matchAll(/<td [^>]*>([^<]*)</g)].map(([, text]) => text);

test('ways of labelling side by side, a dash where one has labelled nothing', () => {
  const classes = ['cat', 'dog'];
  const sample = new Map([
    ['a', 'cat'],
    ['b', 'dog'],
  ]);
  const right = new Map([['a', {label: 'cat', confidence: 1}]]);
  const ways = [right, new Map()].map((labels, i) => agreementWith(sample, labels, {way: `<${i}>`, classes}));
  const html = agreementTable(ways, {standIns: ['CIFAR-10 photos']});
  assert.deepEqual(cellsOf(html), [
    ...['&lt;0&gt;', '2', '1', '1.000', '1.000 to 1.000', '–'],
    ...['&lt;1&gt;', '2', '2', '–', '–', '–'],
  ]);
  assert.match(html, NOTICE);
});

test('what labels bring: with half of them, with all, and how many lead to where random choice ends', () => {
  const labelled = [10, 20, 30, 40];
  const html = learningCurvesTable([
    learningCurve('least margin', labelled, [
      [0.5, 0.8, 0.9, 0.95],
      [0.5, 0.8, 0.9, 0.97],
    ]),
    learningCurve('random', labelled, [[0.4, 0.6, 0.7, 0.85]]),
  ]);
  assert.deepEqual(cellsOf(html), [
    ...['least margin', '40', '0.800 ± 0.000', '0.960 ± 0.014', '30'],
    ...['random', '40', '0.600 ± 0.000', '0.850 ± 0.000', '40'],
  ]);
  assert.match(learningCurvesTable([]), /No round has ended yet\./);
});

test('matrices are numbers or pictures, and their title owns up to what stands in', () => {
  const items = [
    {
      title: '<map>',
      values: [
        [1, 0.123],
        [-2, 5],
      ],
    },
    {title: 'a photo', values: [[0]], image: PIXEL},
  ];
  const html = matrixTables(items, 'Pooling', ['CIFAR-10 photos']);
  assert.deepEqual(cellsOf(html), ['1', '0.12', '-2', '5']);
  assert.equal(occurrences(html, /<img src="data:image\/gif/g), 1);
  assert.match(html, /&lt;map&gt;/);
  assert.match(html, NOTICE);
  assert.doesNotMatch(matrixTables(items, 'Pooling'), /stand-in/);
});

test('a report as text is laid out as scikit-learn prints it', () => {
  for (const {confusion, names, text} of printedReports) {
    assert.equal(reportText(classificationReport(confusion, names)), text);
  }
});
