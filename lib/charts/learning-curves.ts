/** What labels bring: a score over the number of labelled photos. */
import {escapeHtml} from '../html';
import {labelsToReach, type LearningCurve} from '../metrics';
import {axis, type ChartOptions, emptyFigure, figure, type Figure, FAINT_INK, type Trace} from './figure';
import {score} from './text';

export interface LearningCurvesOptions extends ChartOptions {
  /** What stood in for photos and network. */
  standIns?: readonly string[];
  /** The axis; 'validation accuracy' unless given. */
  score?: string;
  /** The curve whose end the others are held against; 'random' unless given. */
  baseline?: string;
}

/** Okabe and Ito's hues; the baseline is grey. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#e08a00', '#b8478c', '#56b4e9'];

/**
 * The mean score of every curve over the number of labels, in a band of one standard deviation over the seeds. A dotted
 * line marks where the baseline ends; the subtitle tells with how many labels the others come there.
 */
export function learningCurves(
  curves: readonly LearningCurve[],
  options: LearningCurvesOptions = {},
): Figure {
  const {title = 'What each label brings', standIns = [], baseline = 'random'} = options;
  const drawn = curves.filter(({labelled}) => labelled.length > 0);
  if (drawn.length === 0) return emptyFigure(title, 'No round has ended yet.', standIns);
  const base = drawn.find(({name}) => name === baseline);
  const others = drawn.filter((curve) => curve !== base);
  return figure({
    title,
    subtitle: base
      ? reachedInWords(others, base)
      : `Mean and standard deviation over ${drawn[0].runs.length} seeds.`,
    standIns,
    data: [
      ...others.flatMap((curve, i) => curveTraces(curve, COLOURS[i % COLOURS.length], 'solid')),
      ...(base ? curveTraces(base, FAINT_INK, 'dash') : []),
    ],
    height: 460,
    layout: {
      xaxis: axis('labelled photos', {rangemode: 'tozero'}),
      yaxis: axis(options.score ?? 'validation accuracy', {tickformat: '.2f'}),
      shapes: base ? [levelLine(base.mean.at(-1)!)] : [],
    },
  });
}

function reachedInWords(others: readonly LearningCurve[], base: LearningCurve): string {
  const end = base.mean.at(-1)!;
  const reached = others.map((curve) => {
    const labels = labelsToReach(curve, end);
    return `${escapeHtml(curve.name)} ${labels === null ? 'never' : `with ${labels}`}`;
  });
  const ends = `${escapeHtml(base.name)} ends at ${score(end)} with ${base.labelled.at(-1)} labels (dotted)`;
  return reached.length === 0 ? `${ends}.` : `${ends}; there are ${reached.join(', ')}.`;
}

const levelLine = (y: number) => ({
  type: 'line',
  xref: 'paper',
  x0: 0,
  x1: 1,
  y0: y,
  y1: y,
  line: {color: FAINT_INK, width: 1, dash: 'dot'},
});

/** The band of one standard deviation to either side of the mean, and the mean. */
function curveTraces(
  {name, labelled, mean, deviation, runs}: LearningCurve,
  color: string,
  dash: string,
): Trace[] {
  const edge = (sign: 1 | -1) => mean.map((value, i) => value + sign * deviation[i]);
  const band: Trace = {
    type: 'scatter',
    mode: 'lines',
    x: [...labelled, ...[...labelled].reverse()],
    y: [...edge(1), ...edge(-1).reverse()],
    fill: 'toself',
    fillcolor: `${color}22`,
    line: {width: 0},
    legendgroup: name,
    showlegend: false,
    hoverinfo: 'skip',
  };
  const line: Trace = {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeHtml(name),
    legendgroup: name,
    x: labelled,
    y: mean,
    line: {color, width: 2, dash},
    marker: {color, size: 5},
    hoverinfo: 'text',
    hovertext: labelled.map(
      (count, i) =>
        `<b>${escapeHtml(name)}</b><br>${count} labels: ${score(mean[i])} ± ${score(deviation[i])} over ${runs.length} seeds`,
    ),
  };
  return [band, line];
}
