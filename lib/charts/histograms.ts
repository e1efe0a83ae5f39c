import {escapeHtml} from '../html';
import {axis, type ChartOptions, emptyFigure, figure, type Figure} from './figure';
import {CLASS_COLOURS} from './style';

/** Numbers of one kind: the values that a layer gives, say. */
export interface Values {
  name: string;
  values: ArrayLike<number>;
}

export interface HistogramOptions extends ChartOptions {
  subtitle?: string;
  standIns?: readonly string[];
  /** What the numbers are. Default: 'value'. */
  quantity?: string;
  /** How many bins there are. Default: 80. */
  bins?: number;
}

/**
 * How often values occur, several kinds over the same bins as shares of each kind, with mean and deviation in the legend.
 * The one value in a thousand at either end is left out of the picture, though not of these numbers.
 */
export function histograms(series: readonly Values[], options: HistogramOptions = {}): Figure {
  const {title = 'How often values occur', subtitle, standIns = [], quantity = 'value', bins = 80} = options;
  const sorted = series.flatMap(({values}) => Array.from(values)).sort((a, b) => a - b);
  if (sorted.length === 0) return emptyFigure(title, 'No values yet.', standIns);
  const outside = Math.floor(sorted.length / 1000);
  const [low, high] = [sorted[outside], sorted[sorted.length - 1 - outside]];
  const width = (high - low) / bins || 1;
  const centres = Array.from({length: bins}, (_, bin) => Number((low + (bin + 0.5) * width).toPrecision(5)));
  return figure({
    title,
    subtitle,
    standIns,
    height: 380,
    data: series.map(({name, values}, index) => ({
      type: 'scatter',
      mode: 'lines',
      name: `${escapeHtml(name)}: ${spreadOf(values)}`,
      x: centres,
      y: shares(values, low, width, bins),
      line: {shape: 'hvh', width: 1.5, color: CLASS_COLOURS[index % CLASS_COLOURS.length]},
      fill: 'tozeroy',
      hovertemplate: '%{x:.3g}: %{y:.2%}<extra></extra>',
    })),
    layout: {
      xaxis: axis(escapeHtml(quantity)),
      yaxis: axis('share', {tickformat: '.0%', rangemode: 'tozero'}),
    },
  });
}

function shares(values: ArrayLike<number>, low: number, width: number, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] - low) / width);
    if (bin >= 0 && bin <= bins) counts[Math.min(bin, bins - 1)]++;
  }
  return counts.map((count) => Number((count / values.length).toPrecision(4)));
}

/** 'mean 0.12, deviation 0.98'. */
function spreadOf(values: ArrayLike<number>): string {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  const variance = list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length;
  return `mean ${mean.toFixed(2).replace('-0.00', '0.00')}, deviation ${Math.sqrt(variance).toFixed(2)}`;
}
