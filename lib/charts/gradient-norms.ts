import {escapeHtml} from '../html';
import {axis, type ChartOptions, emptyFigure, figure, type Figure} from './figure';
import {CLASS_COLOURS} from './style';

/** How steep the loss is in one layer's weights. */
export interface LayerNorm {
  layer: string;
  /** The L2 norm of the gradient. */
  norm: number;
}

/** The layers of one network, input first. */
export interface LayerNorms {
  name: string;
  layers: readonly LayerNorm[];
}

/** The norm of each layer's gradient, from the input to the output, on a logarithmic axis: where it falls, little is learnt. */
export function gradientNorms(networks: readonly LayerNorms[], options: ChartOptions = {}): Figure {
  const {title = 'Gradient norms from the first layer to the last'} = options;
  const shown = networks.filter(({layers}) => layers.length > 0);
  if (shown.length === 0) return emptyFigure(title, 'No gradients yet.');
  const ratios = shown.map(({name, layers}) => {
    const ratio = layers[0].norm / layers[layers.length - 1].norm;
    return `${escapeHtml(name)} ${Number(ratio.toPrecision(2))}`;
  });
  return figure({
    title,
    subtitle: `First layer's norm as a multiple of the last one's: ${ratios.join(', ')}.`,
    standIns: [],
    height: 400,
    data: shown.map(({name, layers}, index) => ({
      type: 'scatter',
      mode: 'lines+markers',
      name: escapeHtml(name),
      x: layers.map((_, depth) => depth + 1),
      y: layers.map(({norm}) => (norm > 0 ? Number(norm.toPrecision(4)) : null)),
      text: layers.map(({layer}) => escapeHtml(layer)),
      hovertemplate: '%{text}: %{y:.3g}<extra></extra>',
      line: {color: CLASS_COLOURS[index % CLASS_COLOURS.length], width: 2},
      marker: {size: 5},
    })),
    layout: {
      xaxis: axis('layer, counted from the input'),
      yaxis: axis('norm of the gradient', {type: 'log', dtick: 1, exponentformat: 'power'}),
    },
  });
}
