import {escapeHtml} from '../html';
import type {RunRecord} from '../runs';
import {axis, type ChartOptions, emptyFigure, figure, type Figure, type Trace} from './figure';
import {byBackbone, type FinishedRun, standInsOf, isFinished, kindOf, NO_RESULT, runInWords} from './run';
import {
  backboneColour,
  neutralColour,
  REGIME_KINDS,
  REGIME_STYLES,
  type RegimeKind,
  runColour,
} from './style';

/**
 * What time buys: test macro-F1 of every finished run against its training time (logarithmic), the runs of one backbone
 * joined by a line; the regime shows in the marker.
 */
export function scoreAgainstTime(
  runs: readonly RunRecord[],
  {title = 'Test macro-F1 against training time'}: ChartOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  const finished = runs.filter(isFinished);
  if (finished.length === 0) return emptyFigure(title, NO_RESULT, standIns);

  const kinds = REGIME_KINDS.filter((kind) => finished.some((run) => kindOf(run) === kind));
  return figure({
    title,
    subtitle: 'Up and to the left is better; a line joins the runs of one backbone.',
    standIns,
    data: [
      ...[...byBackbone(finished)].map(([name, ofBackbone]) => backboneTrace(name, ofBackbone)),
      ...kinds.map(markerEntry),
    ],
    height: 480,
    layout: {
      xaxis: axis('training time (logarithmic)', {
        type: 'log',
        tickvals: SECONDS,
        ticktext: SECONDS.map(inWords),
      }),
      yaxis: axis('test macro-F1', {tickformat: '.2f'}),
    },
  });
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const SECONDS = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 20],
  ...[0.5, 1, 2, 5, 10, 20].map((minutes) => minutes * MINUTE),
  ...[0.5, 1, 2, 5, 10, 20, 50].map((hours) => hours * HOUR),
];

/** '0.5 s', '20 min', '5 h'. */
function inWords(seconds: number): string {
  if (seconds < MINUTE) return `${seconds} s`;
  return seconds < HOUR ? `${seconds / MINUTE} min` : `${seconds / HOUR} h`;
}

function backboneTrace(name: string, runs: readonly FinishedRun[]): Trace {
  const ordered = [...runs].sort((a, b) => a.seconds - b.seconds);
  const {backbone} = ordered[0].configuration;
  const color = backboneColour(backbone);
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeHtml(name),
    x: ordered.map((run) => run.seconds),
    y: ordered.map((run) => run.result.testMacroF1),
    line: {color, width: 1.5},
    marker: {
      color: ordered.map((run) => runColour(backbone, kindOf(run))),
      symbol: ordered.map((run) => REGIME_STYLES[kindOf(run)].symbol),
      size: 13,
      line: {color, width: 1.5},
    },
    hoverinfo: 'text',
    hovertext: ordered.map((run) => runInWords(run, null)),
  };
}

function markerEntry(kind: RegimeKind): Trace {
  const {symbol} = REGIME_STYLES[kind];
  return {
    type: 'scatter',
    mode: 'markers',
    name: kind,
    x: [null],
    y: [null],
    marker: {
      color: neutralColour(kind),
      symbol,
      size: 11,
      line: {color: neutralColour('everything'), width: 1.5},
    },
  };
}
