import {escapeHtml} from '../html';
import {LabError} from '../errors';
import {axis, emptyFigure, figure, type Figure, LEGEND_BELOW, nameAxis, type Trace} from './figure';
import {PART_COLOURS} from './style';
import {percent} from './text';

export interface ClassBalanceOptions {
  /** 'Photos per class and part' unless given. */
  title?: string;
  /** What stands in for the photos. */
  standIns?: readonly string[];
}

/**
 * How many photos each class has: one bar per class, stacked from the parts of the split.
 * `counts` gives for each part ('train', 'val', 'test') the number of photos of each class, in the order of `classes`.
 * Throws LabError when a part has another number of classes.
 */
export function classBalance(
  classes: readonly string[],
  counts: Readonly<Record<string, readonly number[]>>,
  {title = 'Photos per class and part', standIns = []}: ClassBalanceOptions = {},
): Figure {
  const parts = Object.keys(counts);
  for (const part of parts) {
    if (counts[part].length !== classes.length) {
      throw new LabError(
        `The part ${part} counts ${counts[part].length} classes, but there are ${classes.length}: give one count per class.`,
      );
    }
  }
  if (classes.length === 0 || parts.length === 0) return emptyFigure(title, 'No photos yet.', standIns);

  const names = classes.map(escapeHtml);
  const totals = classes.map((_, label) => parts.reduce((sum, part) => sum + counts[part][label], 0));
  const bars = parts.map((part, index): Trace => {
    const partName = escapeHtml(PART_NAMES[part] ?? part);
    return {
      type: 'bar',
      name: partName,
      x: names,
      y: counts[part],
      text: counts[part].map(String),
      textposition: 'inside',
      insidetextanchor: 'middle',
      textangle: 0,
      marker: {color: PART_COLOURS[index % PART_COLOURS.length]},
      hoverinfo: 'text',
      hovertext: counts[part].map(
        (count, label) =>
          `<b>${names[label]}</b>, ${partName}<br>${count} photos, ${percent(count / Math.max(totals[label], 1))} of the class`,
      ),
    };
  });
  const tops: Trace = {
    type: 'scatter',
    mode: 'text',
    x: names,
    y: totals,
    text: totals.map((total) => `<b>${total}</b>`),
    textposition: 'top center',
    hoverinfo: 'skip',
    showlegend: false,
    cliponaxis: false,
  };
  const all = totals.reduce((sum, total) => sum + total, 0);
  return figure({
    title,
    subtitle: `${all.toLocaleString('en')} photos; the largest class has ${(Math.max(...totals) / Math.max(Math.min(...totals), 1)).toFixed(1)} times as many as the smallest.`,
    standIns,
    data: [...bars, tops],
    height: 440,
    layout: {
      barmode: 'stack',
      bargap: 0.3,
      legend: {...LEGEND_BELOW, traceorder: 'normal'},
      uniformtext: {minsize: 9, mode: 'hide'},
      xaxis: nameAxis('class'),
      yaxis: axis('photos', {rangemode: 'tozero'}),
    },
  });
}

const PART_NAMES: Readonly<Record<string, string>> = {train: 'training', val: 'validation', test: 'test'};
