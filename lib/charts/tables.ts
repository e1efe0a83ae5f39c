/** Tables as HTML, and the same rows as plain records for data frames. */
import {escapeHtml} from '../html';
import type {StageSummary} from '../backbones';
import type {ClassificationReport} from '../metrics';
import {networkTitle, type RunRecord} from '../runs';
import type {ChartOptions} from './figure';
import {bestEpoch, standInsOf} from './run';
import {heading, score} from './text';

export interface TableOptions extends ChartOptions {
  /** What stood in for photos and network. */
  standIns?: readonly string[];
}

/** A run in one row; null where it has not come so far. */
export interface ResultRow {
  model: string;
  regime: string;
  status: RunRecord['status'];
  /** How many have ended. */
  epochs: number;
  bestEpoch: number | null;
  valMacroF1: number | null;
  testMacroF1: number | null;
  testAccuracy: number | null;
  minutes: number;
  /** Mean over the epochs, while training. */
  imagesPerSecond: number | null;
}

/** One row per run, in the order given. */
export function resultRows(runs: readonly RunRecord[]): ResultRow[] {
  return runs.map(({configuration, status, history, result, seconds}, index) => {
    const best = bestEpoch(runs[index]);
    const trainingSeconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0);
    const images = history.reduce((sum, epoch) => sum + epoch.seconds * epoch.imagesPerSecond, 0);
    return {
      model: networkTitle(configuration),
      regime: configuration.regime,
      status,
      epochs: history.length,
      bestEpoch: result?.bestEpoch ?? best?.epoch ?? null,
      valMacroF1: result?.valMacroF1 ?? best?.valMacroF1 ?? null,
      testMacroF1: result?.testMacroF1 ?? null,
      testAccuracy: result?.testAccuracy ?? null,
      minutes: seconds / 60,
      imagesPerSecond: trainingSeconds > 0 ? images / trainingSeconds : null,
    };
  });
}

/** The runs as `<table class="results">`, the row of the best test macro-F1 in bold. */
export function resultsTable(
  runs: readonly RunRecord[],
  {title = 'Results of all runs'}: ChartOptions = {},
): string {
  const rows = resultRows(runs);
  const highest = Math.max(...rows.map((row) => row.testMacroF1 ?? 0));
  return table({
    kind: 'results',
    caption: heading(title, standInsOf(runs)),
    columns: [
      ...['model', 'regime', 'epochs', 'best epoch', 'validation macro-F1', 'test macro-F1', 'test accuracy'],
      ...['minutes', 'images/s'],
    ],
    rows: rows.map((row) => [
      row.model,
      row.regime,
      row.status === 'complete' ? String(row.epochs) : `${row.epochs} (${row.status})`,
      orDash(row.bestEpoch, String),
      orDash(row.valMacroF1, score),
      orDash(row.testMacroF1, score),
      orDash(row.testAccuracy, score),
      row.minutes.toFixed(1),
      orDash(row.imagesPerSecond, (speed) => speed.toFixed(0)),
    ]),
    names: 2,
    bold: (row) => rows[row].testMacroF1 === highest,
    empty: 'No run yet.',
  });
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

interface Table {
  /** The HTML class: of tables of results alone `npm run lab` prints the text. */
  kind: 'results' | 'report' | 'stages';
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
