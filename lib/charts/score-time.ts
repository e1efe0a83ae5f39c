import {escapeHtml} from '../html';
import {metricNames} from '../metrics';
import type {RunRecord} from '../runs';
import {axis, emptyFigure, figure, type Figure, type ScoreOptions, type Trace} from './figure';
import {
  byBackbone,
  comparedPart,
  type FinishedRun,
  isFinished,
  kindOf,
  NO_RESULT,
  runInWords,
  scoresOn,
  standInsOf,
  totalSeconds,
} from './run';
import {
  backboneColour,
  neutralColour,
  REGIME_KINDS,
  REGIME_STYLES,
  type RegimeKind,
  runColour,
} from './style';
import {capitalised} from './text';

/**
 * What time buys: a score of every finished run, on the test part or on the validation part where one has not been tested,
 * against the time that it took with its frozen features, whoever computed them (logarithmic). The runs of one backbone are
 * joined by a line; the regime shows in the marker.
 */
export function scoreAgainstTime(
  runs: readonly RunRecord[],
  {metric = 'macroF1', ...options}: ScoreOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  const finished = runs.filter(isFinished);
  const part = comparedPart(finished);
  const {title = `${capitalised(part)} ${metricNames[metric]} against training time`} = options;
  if (finished.length === 0) return emptyFigure(title, NO_RESULT, standIns);

  const kinds = REGIME_KINDS.filter((kind) => finished.some((run) => kindOf(run) === kind));
  return figure({
    title,
    subtitle:
      'Up and to the left is better; a line joins the runs of one backbone. Frozen features count with what computing them took.',
    standIns,
    data: [
      ...[...byBackbone(finished)].map(([name, ofBackbone]) =>
        backboneTrace(name, ofBackbone, (run) => scoresOn(run, part)[metric]),
      ),
      ...kinds.map(markerEntry),
    ],
    height: 480,
    layout: {
      xaxis: axis('time for features, training and validation (logarithmic)', {
        type: 'log',
        tickvals: SECONDS,
        ticktext: SECONDS.map(inWords),
      }),
      yaxis: axis(`${part} ${metricNames[metric]}`, {tickformat: '.2f'}),
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

function backboneTrace(
  name: string,
  runs: readonly FinishedRun[],
  scoreOf: (run: FinishedRun) => number,
): Trace {
  const ordered = [...runs].sort((a, b) => totalSeconds(a) - totalSeconds(b));
  const {backbone} = ordered[0].configuration;
  const color = backboneColour(backbone);
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeHtml(name),
    x: ordered.map(totalSeconds),
    y: ordered.map(scoreOf),
    line: {color, width: 1.5},
    marker: {
      color: ordered.map((run) => runColour(backbone, kindOf(run))),
      symbol: ordered.map((run) => REGIME_STYLES[kindOf(run)].symbol),
      size: 13,
      line: {color, width: 1.5},
    },
    hoverinfo: 'text',
    hovertext: ordered.map((run) => runInWords(run)),
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
