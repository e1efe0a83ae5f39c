/** What labels bring: accuracy over their number, for each way of choosing the photos to label. */
import {escapeHtml} from '../html';
import {type LabelCurve, labelsToReach, type Strategy} from '../labelling';
import {axis, type ChartOptions, emptyFigure, figure, type Figure, FAINT_INK, type Trace} from './figure';
import {score} from './text';

export interface LabelCurvesOptions extends ChartOptions {
  /** What stood in for photos and network. */
  standIns?: readonly string[];
  /** What the accuracy was measured on; 'validation' unless given. */
  part?: 'validation' | 'test';
}

/** Okabe and Ito's hues; chance is grey. */
const COLOURS: Readonly<Record<Strategy, string>> = {
  'margin and spread': '#0072b2',
  'least margin': '#d55e00',
  entropy: '#e08a00',
  spread: '#009e73',
  random: '#5b6b7a',
};

/**
 * The mean accuracy of every strategy over the number of labels, in a band of one standard deviation over the seeds. A
 * dotted line marks where random choice ends; the subtitle tells with how many labels the others come there.
 */
export function labelCurves(
  curves: readonly LabelCurve[],
  {title = 'What each label brings', standIns = [], part = 'validation'}: LabelCurvesOptions = {},
): Figure {
  if (curves.every(({labelled}) => labelled.length === 0)) {
    return emptyFigure(title, 'No round has ended yet.', standIns);
  }
  const random = curves.find(({strategy}) => strategy === 'random');
  const end = random?.mean.at(-1);
  return figure({
    title,
    subtitle:
      random && end !== undefined
        ? reachedInWords(curves, random, end)
        : `Mean and standard deviation over ${curves[0].runs.length} seeds.`,
    standIns,
    data: curves.flatMap((curve) => [band(curve), line(curve)]),
    height: 460,
    layout: {
      xaxis: axis('labelled photos', {rangemode: 'tozero'}),
      yaxis: axis(`${part} accuracy`, {tickformat: '.3f'}),
      shapes: end === undefined ? [] : [levelLine(end)],
    },
  });
}

function reachedInWords(curves: readonly LabelCurve[], random: LabelCurve, end: number): string {
  const labels = random.labelled.at(-1)!;
  const others = curves
    .filter(({strategy}) => strategy !== 'random')
    .map((curve) => {
      const needed = labelsToReach(curve, end);
      return `${escapeHtml(curve.strategy)} ${needed === null ? 'does not come there' : `with ${needed}`}`;
    });
  return `Random choice ends at ${score(end)} with ${labels} labels (dotted); ${others.join(', ')}.`;
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

/** One standard deviation to either side of the mean. */
function band({strategy, labelled, mean, deviation}: LabelCurve): Trace {
  const edge = (sign: 1 | -1) => mean.map((value, i) => value + sign * deviation[i]);
  return {
    type: 'scatter',
    mode: 'lines',
    x: [...labelled, ...[...labelled].reverse()],
    y: [...edge(1), ...edge(-1).reverse()],
    fill: 'toself',
    fillcolor: `${COLOURS[strategy]}22`,
    line: {width: 0},
    legendgroup: strategy,
    showlegend: false,
    hoverinfo: 'skip',
  };
}

function line({strategy, labelled, mean, deviation, runs}: LabelCurve): Trace {
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: strategy,
    legendgroup: strategy,
    x: labelled,
    y: mean,
    line: {color: COLOURS[strategy], width: 2, dash: strategy === 'random' ? 'dash' : 'solid'},
    marker: {color: COLOURS[strategy], size: 5},
    hoverinfo: 'text',
    hovertext: labelled.map(
      (count, i) =>
        `<b>${strategy}</b><br>${count} labels: ${score(mean[i])} ± ${score(deviation[i])} over ${runs.length} seeds`,
    ),
  };
}
