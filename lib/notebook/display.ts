/**
 * The one door to tslab's outputs. Inside a tslab kernel everything is shown in the cell that runs; elsewhere (a
 * script, a test) the plain text of it is printed, so that code written for notebooks works in both.
 */
import {escapeHtml} from '../html';

/** The part of tslab's `Display` in use; `raw` also takes an object, which is sent as JSON. */
interface Output {
  html(html: string): void;
  raw(mimeType: string, content: unknown): void;
}

interface Tslab {
  display: Output;
  newDisplay(): Output;
}

/** A chart as Plotly draws it: plain JSON. */
export interface Figure {
  data: readonly unknown[];
  layout: object;
}

export type Cell = string | number | boolean | null | undefined;

/** Rows under named columns; a danfojs DataFrame is one. */
export interface Table {
  columns: readonly string[];
  /** Row by row. The type also admits danfojs' one-dimensional `values`, which only a Series has. */
  values: readonly (Cell | readonly Cell[])[];
}

/** An output that changes in place, so that progress takes one line however often it is updated. */
export interface LiveDisplay {
  update(html: string): void;
  /** The last update. Outside a notebook and a terminal it is the only one printed. */
  finish(html: string): void;
}

/** A chart that changes in place. */
export interface LiveFigure {
  /** Shows the figure, unless the last one is less than half a second old. */
  update(figure: Figure): void;
  /** The last figure, shown in any case. Outside a notebook only its title is printed. */
  finish(figure: Figure): void;
}

const figureEveryMs = 500;

const plotlyMimeType = 'application/vnd.plotly.v1+json';

/**
 * The instance of tslab that the running kernel itself uses, null outside one. The kernel keeps a `require` for its
 * cells in `__tslab__`; the ordinary `require('tslab')` may find another copy, which has no cell to write to.
 */
function kernel(): Tslab | null {
  const {__tslab__} = globalThis as {__tslab__?: {require(name: string): unknown}};
  return __tslab__ ? (__tslab__.require('tslab') as Tslab) : null;
}

/** Whether this code runs in a tslab kernel, where outputs are shown in cells. */
export function inNotebook(): boolean {
  return kernel() !== null;
}

/** What a person would read in the HTML: styles, scripts and tags dropped, a line per block, a tab between cells. */
export function plainText(html: string): string {
  const characters: Record<string, string> = {amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'", nbsp: ' '};
  return html
    .replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/<\/t[dh]>\s*(?=<t[dh]\b)/gi, '\t')
    .replace(/<br\s*\/?>|<\/(?:p|div|tr|table|h\d|li|figure|figcaption)>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|#34|#39|nbsp);/g, (_, name: string) => characters[name])
    .replace(/ *\n[ \n]*/g, '\n')
    .trim();
}

/** Shows HTML in the cell's output. */
export function showHtml(html: string): void {
  const tslab = kernel();
  if (tslab) tslab.display.html(html);
  else process.stdout.write(plainText(html) + '\n');
}

/** Shows what does not stop the work, but a reader must know. */
export function showWarning(message: string): void {
  showHtml(warningHtml(message));
}

/** A warning as a block of HTML, to stand by itself or below what it is about. */
export function warningHtml(message: string): string {
  return `<div style="white-space:pre-line">⚠ ${escapeHtml(message)}</div>`;
}

/** Shows an interactive chart in the cell's output; outside a notebook only its title is printed. */
export function showFigure(figure: Figure): void {
  const tslab = kernel();
  if (tslab) tslab.display.raw(plotlyMimeType, figure);
  else process.stdout.write(`[chart] ${figureTitle(figure)}\n`);
}

function figureTitle({layout}: Figure): string {
  const {title} = layout as {title?: string | {text?: string}};
  return plainText((typeof title === 'string' ? title : title?.text) ?? 'untitled');
}

/**
 * Shows a table in the cell's output, numbers to the right and fractions with three decimals. A cell's text is escaped, so
 * no markup gets through.
 */
export function showTable(table: Table): void {
  showHtml(tableHtml(table));
}

function tableHtml({columns, values}: Table): string {
  const heads = columns.map((column) => `<th style="text-align:left">${escapeHtml(column)}</th>`).join('');
  const rows = values.map((row) => `<tr>${[row].flat().map(cellHtml).join('')}</tr>`);
  return `<table><thead><tr>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function cellHtml(value: Cell): string {
  if (typeof value !== 'number') return `<td style="text-align:left">${escapeHtml(String(value ?? ''))}</td>`;
  return `<td style="text-align:right">${Number.isInteger(value) ? value : value.toFixed(3)}</td>`;
}

/** A new output under the cell that runs, to be updated in place; on a terminal a line that is written over. */
export function liveDisplay(): LiveDisplay {
  const tslab = kernel();
  if (tslab) {
    const output = tslab.newDisplay();
    return {update: (html) => output.html(html), finish: (html) => output.html(html)};
  }
  const {stderr} = process;
  const overwrite = stderr.isTTY ? '\r\x1b[K' : '';
  return {
    update: (html) => {
      if (stderr.isTTY) stderr.write(overwrite + plainText(html));
    },
    finish: (html) => {
      stderr.write(`${overwrite}${plainText(html)}\n`);
    },
  };
}

/** A new chart under the cell that runs, to be updated in place: the loss while a loop of the cell trains. */
export function liveFigure(): LiveFigure {
  const output = kernel()?.newDisplay();
  let shown = -Infinity;
  return {
    update(figure) {
      if (!output || performance.now() - shown < figureEveryMs) return;
      shown = performance.now();
      output.raw(plotlyMimeType, figure);
    },
    finish(figure) {
      if (output) output.raw(plotlyMimeType, figure);
      else showFigure(figure);
    },
  };
}
