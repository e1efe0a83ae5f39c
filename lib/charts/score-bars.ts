import {escapeHtml} from '../html';
import {bootstrapMacroF1, type Interval} from '../metrics';
import type {RunRecord} from '../runs';
import {
  axis,
  type ChartOptions,
  emptyFigure,
  FAINT_INK,
  figure,
  type Figure,
  INK,
  type Trace,
} from './figure';
import {
  bestOnValidation,
  byBackbone,
  type FinishedRun,
  standInsOf,
  isFinished,
  kindOf,
  NO_RESULT,
  parametersInShort,
  progressOf,
  runInWords,
} from './run';
import {neutralColour, REGIME_KINDS, REGIME_STYLES, type RegimeKind, runColour} from './style';
import {score} from './text';

const GAP_BETWEEN_BACKBONES = 0.6;
const BAR_WIDTH = 0.92;
/** Fewer bars than this do not grow wider. */
const FEWEST_PLACES = 7;
/** Above this many bars their texts are turned to stand upright, in a higher chart. */
const MOST_BARS_WITH_LEVEL_TEXT = 10;

/** A finished run at its place on the axis. */
interface Bar {
  run: FinishedRun;
  x: number;
  /** Null without stored predictions. */
  interval: Interval | null;
}

/**
 * Test macro-F1 of every run: bars grouped by backbone, the regime in the strength of the colour, its parameters in short in
 * the bar. Whiskers are the 95 % bootstrap interval over the test photos, where predictions are stored. A run without result
 * has its place, and says how far it is.
 */
export function testMacroF1Bars(
  runs: readonly RunRecord[],
  {title = 'Test macro-F1 by model and regime'}: ChartOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  const best = bestOnValidation(runs);
  if (!best) return emptyFigure(title, NO_RESULT, standIns);

  const ticks: {at: number; text: string}[] = [];
  const bars: Bar[] = [];
  const unfinished: {run: RunRecord; x: number}[] = [];
  let x = 0;
  for (const [name, ofBackbone] of byBackbone(runs)) {
    ticks.push({
      at: x + (ofBackbone.length - 1) / 2,
      text: `<b>${escapeHtml(name).replace(' for ', '</b><br>for <b>')}</b>`,
    });
    for (const run of ofBackbone) {
      if (isFinished(run)) bars.push({run, x, interval: intervalOf(run)});
      else unfinished.push({run, x});
      x++;
    }
    x += GAP_BETWEEN_BACKBONES;
  }
  const isCrowded = runs.length > MOST_BARS_WITH_LEVEL_TEXT;
  const centre = (x - 1 - GAP_BETWEEN_BACKBONES) / 2;
  const reach = Math.max(centre + 0.7, FEWEST_PLACES / 2);
  const kinds = REGIME_KINDS.filter((kind) => bars.some(({run}) => kindOf(run) === kind));
  return figure({
    title,
    subtitle: `Best on validation: ${escapeHtml(best.title)}, ${score(best.result.testMacroF1)}. Whiskers: 95 % bootstrap interval over the test photos.`,
    standIns,
    data: [
      ...bars.map((bar) => barTrace(bar, isCrowded)),
      ...kinds.map(regimeEntry),
      valueLabels(bars, isCrowded),
    ],
    height: isCrowded ? 700 : 500,
    layout: {
      barmode: 'overlay',
      uniformtext: {minsize: 9, mode: 'hide'},
      xaxis: axis('', {
        tickvals: ticks.map(({at}) => at),
        ticktext: ticks.map(({text}) => text),
        range: [centre - reach, centre + reach],
        showgrid: false,
        ticks: '',
        tickangle: isCrowded ? -35 : 0,
      }),
      yaxis: axis('test macro-F1', {range: [0, 1.08], tickvals: [0, 0.2, 0.4, 0.6, 0.8, 1]}),
      annotations: unfinished.map((slot) => ({
        text: `${escapeHtml(slot.run.configuration.regime)}: ${progressOf(slot.run)}`,
        x: slot.x,
        y: 0.02,
        textangle: -90,
        yanchor: 'bottom',
        showarrow: false,
        font: {color: FAINT_INK},
      })),
    },
  });
}

function intervalOf({result, configuration}: FinishedRun): Interval | null {
  return result.predictions.length === 0
    ? null
    : bootstrapMacroF1(result.predictions, configuration.classes.length);
}

function barTrace({run, x, interval}: Bar, isCrowded: boolean): Trace {
  const {testMacroF1} = run.result;
  const kind = kindOf(run);
  return {
    type: 'bar',
    name: escapeHtml(run.title),
    legendgroup: kind,
    showlegend: false,
    x: [x],
    y: [testMacroF1],
    width: BAR_WIDTH,
    marker: {color: runColour(run.configuration.backbone, kind), pattern: REGIME_STYLES[kind].pattern},
    error_y: {
      type: 'data',
      symmetric: false,
      array: [interval ? Math.max(interval.high - testMacroF1, 0) : 0],
      arrayminus: [interval ? Math.max(testMacroF1 - interval.low, 0) : 0],
      color: INK,
      thickness: 1.2,
      width: 4,
    },
    text: [isCrowded ? inLine(run) : isTooLowForText(run) ? '' : inColumn(run)],
    textposition: 'inside',
    insidetextanchor: 'start',
    insidetextfont: {size: isCrowded ? 10 : 12},
    textangle: isCrowded ? -90 : 0,
    hoverinfo: 'text',
    hovertext: [runInWords(run, interval)],
  };
}

/** Whether the parameters have to stand above the bar, because in it there is no room. */
function isTooLowForText(run: FinishedRun): boolean {
  return run.result.testMacroF1 < 0.35;
}

/** Regime and parameters as narrow lines: 'last 3', 'stages', 'lr 3e-4', ... */
function inColumn(run: RunRecord): string {
  const regime = escapeHtml(run.configuration.regime).replace(/ (?=\S+$)/, '<br>');
  return [`<b>${regime}</b>`, ...parametersInShort(run)].join('<br>');
}

function inLine(run: RunRecord): string {
  return [`<b>${escapeHtml(run.configuration.regime)}</b>`, ...parametersInShort(run)].join(' · ');
}

/** The legend's word for a regime; a click on it hides the regime's bars. */
function regimeEntry(kind: RegimeKind): Trace {
  return {
    type: 'bar',
    name: kind,
    legendgroup: kind,
    x: [null],
    y: [null],
    marker: {color: neutralColour(kind), pattern: REGIME_STYLES[kind].pattern},
  };
}

function valueLabels(bars: readonly Bar[], isCrowded: boolean): Trace {
  return {
    type: 'scatter',
    mode: 'text',
    x: bars.map((bar) => bar.x),
    y: bars.map(({run, interval}) => Math.max(run.result.testMacroF1, interval?.high ?? 0)),
    text: bars.map(({run}) => {
      const value = `<b>${run.result.testMacroF1.toFixed(isCrowded ? 2 : 3)}</b>`;
      return isTooLowForText(run) && !isCrowded ? `${inColumn(run)}<br>${value}` : value;
    }),
    textfont: {size: isCrowded ? 10 : 13},
    textposition: 'top center',
    hoverinfo: 'skip',
    showlegend: false,
  };
}
