import {escapeHtml} from '../html';
import {type Interval, metricNames} from '../metrics';
import type {RunRecord} from '../runs';
import {
  axis,
  emptyFigure,
  FAINT_INK,
  figure,
  type Figure,
  INK,
  type ScoreOptions,
  type Trace,
} from './figure';
import {
  bestOnValidation,
  byBackbone,
  inTwoLines,
  intervalOf,
  comparedPart,
  type ComparedMetric,
  type FinishedRun,
  isFinished,
  kindOf,
  labelOf,
  NO_RESULT,
  parametersInShort,
  progressOf,
  runInWords,
  type ScoredPart,
  scoresOn,
  standInsOf,
} from './run';
import {neutralColour, REGIME_KINDS, REGIME_STYLES, type RegimeKind, runColour} from './style';
import {capitalised, score} from './text';

const GAP_BETWEEN_BACKBONES = 0.6;
const BAR_WIDTH = 0.92;
/** Fewer bars than this do not grow wider. */
const FEWEST_PLACES = 7;
/** Above this many bars their texts are turned to stand upright, in a higher chart. */
const MOST_BARS_WITH_LEVEL_TEXT = 10;

/** Where the axis ends, above the labels of the best scores there can be. */
const TOP = 1.08;
/** What the parameters of a low bar take above its whisker, in scores. */
const ROOM_ABOVE_LOW_BARS = 0.4;
/** Pixels of a score of 1 in a chart of level texts. */
const HEIGHT_OF_ONE = 300;

/** A finished run at its place on the axis. */
interface Bar {
  run: FinishedRun;
  x: number;
  score: number;
  /** Of the score; null without stored predictions. */
  interval: Interval | null;
}

/**
 * A score of every run on the test part, or on the validation part where one has not been tested: bars grouped by backbone, the regime in the strength of the colour, its parameters in short in
 * the bar. Whiskers are the 95 % bootstrap interval over the part's photos, where predictions are stored. A run without result
 * has its place, and says how far it is.
 */
export function scoreBars(
  runs: readonly RunRecord[],
  {metric = 'macroF1', ...options}: ScoreOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  const part = comparedPart(runs.filter(isFinished));
  const {title = `${capitalised(part)} ${metricNames[metric]} by model and regime`} = options;
  const best = bestOnValidation(runs);
  if (!best) return emptyFigure(title, NO_RESULT, standIns);

  const ticks: {at: number; text: string}[] = [];
  const bars: Bar[] = [];
  const unfinished: {run: RunRecord; x: number}[] = [];
  let x = 0;
  for (const ofBackbone of byBackbone(runs).values()) {
    ticks.push({
      at: x + (ofBackbone.length - 1) / 2,
      text: inTwoLines(ofBackbone[0].configuration),
    });
    for (const run of ofBackbone) {
      if (isFinished(run)) bars.push(barOf(run, {x, metric, part}));
      else unfinished.push({run, x});
      x++;
    }
    x += GAP_BETWEEN_BACKBONES;
  }
  const isCrowded = runs.length > MOST_BARS_WITH_LEVEL_TEXT;
  const top = isCrowded ? TOP : Math.max(TOP, ...bars.filter(isTooLowForText).map(topOfText));
  const centre = (x - 1 - GAP_BETWEEN_BACKBONES) / 2;
  const reach = Math.max(centre + 0.7, FEWEST_PLACES / 2);
  const kinds = REGIME_KINDS.filter((kind) => bars.some(({run}) => kindOf(run) === kind));
  return figure({
    title,
    subtitle: `Best on validation: ${escapeHtml(best.title)}, ${score(scoresOn(best, part)[metric])}. Whiskers: 95 % bootstrap interval over the ${part} photos.`,
    standIns,
    data: [
      ...bars.map((bar) => barTrace(bar, metric, isCrowded)),
      ...kinds.map(regimeEntry),
      valueLabels(bars, isCrowded),
    ],
    height: isCrowded ? 700 : Math.round(500 + (top - TOP) * HEIGHT_OF_ONE),
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
      yaxis: axis(`${part} ${metricNames[metric]}`, {range: [0, top], tickvals: [0, 0.2, 0.4, 0.6, 0.8, 1]}),
      annotations: unfinished.map((slot) => ({
        text: `${escapeHtml(labelOf(slot.run))}: ${progressOf(slot.run)}`,
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

function barOf(
  run: FinishedRun,
  {x, metric, part}: {x: number; metric: ComparedMetric; part: ScoredPart},
): Bar {
  return {run, x, score: scoresOn(run, part)[metric], interval: intervalOf(run, metric, part)};
}

function barTrace(bar: Bar, metric: ComparedMetric, isCrowded: boolean): Trace {
  const {run, x, score, interval} = bar;
  const kind = kindOf(run);
  return {
    type: 'bar',
    name: escapeHtml(run.title),
    legendgroup: kind,
    showlegend: false,
    x: [x],
    y: [score],
    width: BAR_WIDTH,
    marker: {color: runColour(run.configuration.backbone, kind), pattern: REGIME_STYLES[kind].pattern},
    error_y: {
      type: 'data',
      symmetric: false,
      array: [interval ? Math.max(interval.high - score, 0) : 0],
      arrayminus: [interval ? Math.max(score - interval.low, 0) : 0],
      color: INK,
      thickness: 1.2,
      width: 4,
    },
    text: [isCrowded ? inLine(run) : isTooLowForText(bar) ? '' : inColumn(run)],
    textposition: 'inside',
    insidetextanchor: 'start',
    insidetextfont: {size: isCrowded ? 10 : 12},
    textangle: isCrowded ? -90 : 0,
    hoverinfo: 'text',
    hovertext: [runInWords(run, metric, interval)],
  };
}

/** Whether the parameters have to stand above the bar, because in it there is no room. */
function isTooLowForText({score}: Bar): boolean {
  return score < 0.35;
}

/** Where the text over a low bar ends. */
function topOfText({score, interval}: Bar): number {
  return Math.max(score, interval?.high ?? 0) + ROOM_ABOVE_LOW_BARS;
}

/** Regime and parameters as narrow lines: 'last 3', 'stages', 'lr 3e-4', ... */
function inColumn(run: RunRecord): string {
  const label = escapeHtml(labelOf(run)).replace(/ (?=\S+$)/, '<br>');
  return [`<b>${label}</b>`, ...parametersInShort(run)].join('<br>');
}

function inLine(run: RunRecord): string {
  return [`<b>${escapeHtml(labelOf(run))}</b>`, ...parametersInShort(run)].join(' · ');
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
    y: bars.map((bar) => Math.max(bar.score, bar.interval?.high ?? 0)),
    text: bars.map((bar) => {
      const value = `<b>${bar.score.toFixed(isCrowded ? 2 : 3)}</b>`;
      return isTooLowForText(bar) && !isCrowded ? `${inColumn(bar.run)}<br>${value}` : value;
    }),
    textfont: {size: isCrowded ? 10 : 13},
    textposition: 'top center',
    hoverinfo: 'skip',
    showlegend: false,
  };
}
