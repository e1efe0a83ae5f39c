import {escapeHtml} from '../html';
import {type Interval, metricNames} from '../metrics';
import type {RunRecord} from '../runs';
import {axis, emptyFigure, figure, type Figure, type ScoreOptions, type Trace} from './figure';
import {
  byBackbone,
  comparedPart,
  type ComparedMetric,
  type FinishedRun,
  intervalOf,
  isFinished,
  kindOf,
  NO_RESULT,
  runInWords,
  type ScoredPart,
  scoresOn,
  standInsOf,
} from './run';
import {backboneColour, REGIME_STYLES} from './style';
import {capitalised} from './text';

/**
 * The learning curve: a score of every finished run, on the test part or on the validation part where one has not been
 * tested, against how many photos it was trained on (logarithmic). The runs of one backbone are joined by a line;
 * whiskers are the 95 % bootstrap interval over the part's photos.
 */
export function scoreAgainstPhotos(
  runs: readonly RunRecord[],
  photosOf: (run: RunRecord) => number,
  {metric = 'macroF1', ...options}: ScoreOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  const finished = runs.filter(isFinished);
  const part = comparedPart(finished);
  const {title = `${capitalised(part)} ${metricNames[metric]} against training photos`} = options;
  if (finished.length === 0) return emptyFigure(title, NO_RESULT, standIns);
  const counts = [...new Set(finished.map(photosOf))].sort((a, b) => a - b);
  return figure({
    title,
    subtitle: `What more photos buy. Whiskers: 95 % bootstrap interval over the ${part} photos.`,
    standIns,
    data: [...byBackbone(finished)].map(([name, ofBackbone]) =>
      backboneTrace(name, ofBackbone, {photosOf, metric, part}),
    ),
    height: 440,
    layout: {
      xaxis: axis('training photos (logarithmic)', {
        type: 'log',
        tickvals: counts,
        ticktext: counts.map(String),
      }),
      yaxis: axis(`${part} ${metricNames[metric]}`, {tickformat: '.2f'}),
    },
  });
}

interface Curve {
  photosOf: (run: RunRecord) => number;
  metric: ComparedMetric;
  part: ScoredPart;
}

function backboneTrace(name: string, runs: readonly FinishedRun[], {photosOf, metric, part}: Curve): Trace {
  const ordered = [...runs].sort((a, b) => photosOf(a) - photosOf(b));
  const color = backboneColour(ordered[0].configuration.backbone);
  const scores = ordered.map((run) => scoresOn(run, part)[metric]);
  const intervals = ordered.map((run) => intervalOf(run, metric, part));
  const reach = (side: (interval: Interval, score: number) => number) =>
    intervals.map((interval, i) => (interval ? side(interval, scores[i]) : 0));
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeHtml(name),
    x: ordered.map(photosOf),
    y: scores,
    error_y: {
      type: 'data',
      symmetric: false,
      array: reach(({high}, score) => high - score),
      arrayminus: reach(({low}, score) => score - low),
      color,
      thickness: 1.2,
      width: 4,
    },
    line: {color, width: 2},
    marker: {color, size: 9, symbol: ordered.map((run) => REGIME_STYLES[kindOf(run)].symbol)},
    hoverinfo: 'text',
    hovertext: ordered.map(
      (run, i) => `<b>${photosOf(run)} training photos</b><br>${runInWords(run, metric, intervals[i])}`,
    ),
  };
}
