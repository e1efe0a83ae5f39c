/** Tables as HTML, and the same rows as plain records for data frames. */
import {escapeHtml} from '../html';
import type {StageSummary} from '../backbones';
import type {Agreement} from '../labelling';
import {
  type ClassificationReport,
  confusedPairs,
  type Confusion,
  labelsToReach,
  type LearningCurve,
} from '../metrics';
import {networkTitle, regimeName, runName, type RunRecord} from '../runs';
import type {ChartOptions} from './figure';
import {bestEpoch, bestOnValidation, standInsOf, totalSeconds} from './run';
import {heading, percent, score} from './text';

export interface TableOptions extends ChartOptions {
  /** What stood in for photos and network. */
  standIns?: readonly string[];
}

/** A run in one row; null where it has not come so far. */
export interface ResultRow {
  /** As it was given, else backbone and kind of regime. */
  name: string;
  model: string;
  regime: string;
  status: RunRecord['status'];
  /** How many have ended. */
  epochs: number;
  bestEpoch: number | null;
  valMacroF1: number | null;
  valAccuracy: number | null;
  /** Top-5 accuracy; null with five classes or fewer. */
  valTop5: number | null;
  /** These three are null where the split has no test part. */
  testMacroF1: number | null;
  testAccuracy: number | null;
  testTop5: number | null;
  /** With what its frozen features cost when they were computed. */
  minutes: number;
  /** Mean over the epochs, while training. */
  imagesPerSecond: number | null;
}

/** One row per run, in the order given. */
export function resultRows(runs: readonly RunRecord[]): ResultRow[] {
  return runs.map((run) => {
    const {configuration, status, history, result} = run;
    const best = bestEpoch(run);
    const val = result?.val ?? best?.val;
    const test = result?.test;
    const trainingSeconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0);
    const images = history.reduce((sum, epoch) => sum + epoch.seconds * epoch.imagesPerSecond, 0);
    return {
      name: runName(run),
      model: networkTitle(configuration),
      regime: regimeName(configuration.regime),
      status,
      epochs: history.length,
      bestEpoch: result?.bestEpoch ?? best?.epoch ?? null,
      valMacroF1: val?.macroF1 ?? null,
      valAccuracy: val?.accuracy ?? null,
      valTop5: val?.top5 ?? null,
      testMacroF1: test?.macroF1 ?? null,
      testAccuracy: test?.accuracy ?? null,
      testTop5: test?.top5 ?? null,
      minutes: totalSeconds(run) / 60,
      imagesPerSecond: trainingSeconds > 0 ? images / trainingSeconds : null,
    };
  });
}

/**
 * The runs as `<table class="results">`, that of the best validation score in bold. Names have a column where one was
 * given, and so have the test part, where a run was tested, and top-5 accuracy.
 */
export function resultsTable(
  runs: readonly RunRecord[],
  {title = 'Results of all runs'}: ChartOptions = {},
): string {
  const rows = resultRows(runs);
  const best = bestOnValidation(runs);
  const columns = resultColumns(runs, rows);
  return table({
    kind: 'results',
    caption: heading(title, standInsOf(runs)),
    columns: columns.map(({head}) => head),
    rows: rows.map((row) => columns.map(({cell}) => cell(row))),
    names: columns.filter(({isName}) => isName).length,
    bold: (row) => runs[row] === best,
    empty: 'No run yet.',
  });
}

interface ResultColumn {
  head: string;
  cell: (row: ResultRow) => string;
  isName?: boolean;
}

function resultColumns(runs: readonly RunRecord[], rows: readonly ResultRow[]): ResultColumn[] {
  const scores: [string, keyof ResultRow & `${string}${'F1' | 'Accuracy' | 'Top5'}`][] = [
    ['validation macro-F1', 'valMacroF1'],
    ['validation accuracy', 'valAccuracy'],
    ['validation top-5', 'valTop5'],
    ['test macro-F1', 'testMacroF1'],
    ['test accuracy', 'testAccuracy'],
    ['test top-5', 'testTop5'],
  ];
  const isNamed = runs.some(({name}) => name !== null);
  return [
    ...(isNamed ? [{head: 'run', cell: (row: ResultRow) => row.name, isName: true}] : []),
    {head: 'model', cell: (row) => row.model, isName: true},
    {head: 'regime', cell: (row) => row.regime, isName: true},
    {
      head: 'epochs',
      cell: ({epochs, status}) => (status === 'complete' ? String(epochs) : `${epochs} (${status})`),
    },
    {head: 'best epoch', cell: (row) => orDash(row.bestEpoch, String)},
    ...scores
      .filter(([, key]) => rows.some((row) => row[key] !== null))
      .map(([head, key]) => ({head, cell: (row: ResultRow) => orDash(row[key], score)})),
    {head: 'minutes', cell: (row) => row.minutes.toFixed(1)},
    {head: 'images/s', cell: (row) => orDash(row.imagesPerSecond, (speed) => speed.toFixed(0))},
  ];
}

/** The stages of a backbone, where it can be cut, and their sum; parameters and multiply-adds in millions. */
export function stagesTable(
  stages: readonly Omit<StageSummary, 'tensors'>[],
  {title = 'Stages', standIns = []}: TableOptions = {},
): string {
  const sum = (value: (stage: (typeof stages)[number]) => number) =>
    stages.reduce((total, stage) => total + value(stage), 0);
  const millions = (count: number) => (count / 1e6).toFixed(3);
  return table({
    kind: 'stages',
    caption: heading(title, standIns),
    columns: ['stage', 'output', 'layers', 'parameters (M)', 'multiply-adds (M)'],
    rows: [
      ...stages.map(({stage, output, layers, parameters, multiplyAdds}) => [
        stage,
        output.join(' × '),
        String(layers.length),
        millions(parameters),
        millions(multiplyAdds),
      ]),
      [
        'all',
        '',
        String(sum(({layers}) => layers.length)),
        millions(sum(({parameters}) => parameters)),
        millions(sum(({multiplyAdds}) => multiplyAdds)),
      ],
    ],
    names: 2,
    bold: (row) => row === stages.length,
    empty: 'No stage.',
  });
}

/** A class, or an average over classes, in one row. */
export interface ReportRow {
  class: string;
  precision: number;
  recall: number;
  f1: number;
  support: number;
}

/** One row per class, then the macro, micro (which equals the accuracy) and weighted averages. */
export function reportRows(report: ClassificationReport): ReportRow[] {
  const {support} = report;
  return [
    ...report.classes.map(({name, ...scores}) => ({class: name, ...scores})),
    {class: 'macro average', ...report.macro, support},
    {class: 'micro average (accuracy)', ...report.micro, support},
    {class: 'weighted average', ...report.weighted, support},
  ];
}

/** A classification report as `<table class="report">`, the averages in bold. */
export function reportTable(
  report: ClassificationReport,
  {title = 'Precision, recall and F1 per class', standIns = []}: TableOptions = {},
): string {
  return table({
    kind: 'report',
    caption: heading(title, standIns),
    columns: ['class', 'precision', 'recall', 'F1', 'support'],
    rows: reportRows(report).map((row) => [
      row.class,
      score(row.precision),
      score(row.recall),
      score(row.f1),
      String(row.support),
    ]),
    names: 1,
    bold: (row) => row >= report.classes.length,
    empty: 'No class yet.',
  });
}

/** The pairs of classes that were confused most, as `<table class="pairs">`; `count` of them, 10 unless given. */
export function confusedPairsTable(
  confusion: Confusion,
  classes: readonly string[],
  {count = 10, title = 'The pairs confused most', standIns = []}: TableOptions & {count?: number} = {},
): string {
  return table({
    kind: 'pairs',
    caption: heading(title, standIns),
    columns: ['class', 'predicted as', 'photos', 'share of the class'],
    rows: confusedPairs(confusion, classes, count).map(({truth, predicted, photos, share}) => [
      truth,
      predicted,
      String(photos),
      percent(share),
    ]),
    names: 2,
    bold: () => false,
    empty: 'Nothing was confused.',
  });
}

/** Ways of labelling against a hand-checked sample, as `<table class="agreement">`, a row for each. */
export function agreementTable(
  agreements: readonly Agreement[],
  {title = 'Labels against the hand-checked sample', standIns = []}: TableOptions = {},
): string {
  return table({
    kind: 'agreement',
    caption: heading(title, standIns),
    columns: ['labels by', 'checked', 'left to a person', 'agreement', '95 % interval', "Cohen's kappa"],
    rows: agreements.map(({way, checked, left, agreement, interval, kappa}) => [
      way,
      String(checked),
      String(left),
      orDash(agreement, score),
      interval ? `${score(interval.low)} to ${score(interval.high)}` : '–',
      orDash(kappa, score),
    ]),
    names: 1,
    bold: () => false,
    empty: 'No way of labelling yet.',
  });
}

/**
 * Curves over the number of labels, as `<table class="labels">`: the score with half and with all of the labels, and with how
 * many a curve comes to where the baseline ends.
 */
export function learningCurvesTable(
  curves: readonly LearningCurve[],
  options: TableOptions & {baseline?: string} = {},
): string {
  const {title = 'What each label brings', standIns = [], baseline = 'random'} = options;
  const end = curves.find(({name}) => name === baseline)?.mean.at(-1);
  const at = ({mean, deviation}: LearningCurve, place: number) =>
    place === -1 ? '–' : `${score(mean[place])} ± ${score(deviation[place])}`;
  return table({
    kind: 'labels',
    caption: heading(title, standIns),
    columns: [
      'photos chosen by',
      'labels',
      'score with half',
      'with all',
      `labels to where ${baseline} ends`,
    ],
    rows: curves.map((curve) => {
      const {name, labelled} = curve;
      const last = labelled.length - 1;
      const half = labelled.filter((count) => count <= labelled[last] / 2).length - 1;
      const reached = end === undefined ? null : labelsToReach(curve, end);
      return [name, String(labelled[last] ?? 0), at(curve, half), at(curve, last), orDash(reached, String)];
    }),
    names: 1,
    bold: () => false,
    empty: 'No round has ended yet.',
  });
}

interface Table {
  /** The HTML class: of tables of results alone `npm run lab` prints the text. */
  kind: 'results' | 'report' | 'pairs' | 'stages' | 'agreement' | 'labels';
  caption: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
  /** How many columns from the left hold names; the others hold numbers. */
  names: number;
  /** Whether the row of this index is set in bold. */
  bold: (row: number) => boolean;
  /** Stands in the place of rows when there are none. */
  empty: string;
}

function table({kind, caption, columns, rows, names, bold, empty}: Table): string {
  const alignment = (column: number) =>
    column < names
      ? 'text-align:left;white-space:nowrap;padding:4px 10px'
      : 'text-align:right;padding:4px 10px';
  const head = columns.map((name, column) => `<th style="${alignment(column)}">${escapeHtml(name)}</th>`);
  const cell = (text: string, column: number, row: number) =>
    `<td style="${alignment(column)}${bold(row) ? ';font-weight:bold' : ''}">${escapeHtml(text)}</td>`;
  const body = rows.map(
    (texts, row) => `<tr>${texts.map((text, column) => cell(text, column, row)).join('')}</tr>`,
  );
  if (rows.length === 0) body.push(`<tr><td colspan="${columns.length}">${escapeHtml(empty)}</td></tr>`);
  return [
    `<table class="${kind}" style="border-collapse:collapse">`,
    `<caption style="caption-side:top;text-align:left;font-weight:bold;padding:4px 10px">${escapeHtml(caption)}</caption>`,
    `<thead><tr>${head.join('')}</tr></thead>`,
    `<tbody>${body.join('')}</tbody>`,
    '</table>',
  ].join('');
}

function orDash(value: number | null, write: (value: number) => string): string {
  return value === null ? '–' : write(value);
}
