import {escapeHtml} from '../html';
import {LabError} from '../errors';
import {emptyFigure, FAINT_INK, figure, type Figure, type Trace} from './figure';
import {CLASS_COLOURS} from './style';

/** One cloud of points: the photos of one network by one method. */
export interface ScatterPanel {
  /** 'own CNN, t-SNE'. */
  title: string;
  /** [x, y] of each photo. */
  points: readonly (readonly [number, number])[];
}

export interface EmbeddingScatterOptions {
  classes: readonly string[];
  /** The class of each photo, the same photos in every panel. */
  labels: readonly number[];
  title: string;
  subtitle?: string;
  standIns?: readonly string[];
  /** Of the photos that hovering shows: see `hoverPhotos`. */
  photos?: string;
}

const gap = 0.06;
const panelHeight = 330;

/**
 * Points coloured by class, two panels a row; a click on a class in the legend hides it in all panels. Places have no unit,
 * so the axes carry no numbers. Throws a LabError where panels and labels differ in length.
 */
export function embeddingScatter(
  panels: readonly ScatterPanel[],
  {classes, labels, title, subtitle, standIns = [], photos}: EmbeddingScatterOptions,
): Figure {
  for (const {title: name, points} of panels) {
    if (points.length === labels.length) continue;
    throw new LabError(`${name}: ${points.length} points stand against ${labels.length} labels.`);
  }
  if (panels.length === 0 || labels.length === 0) return emptyFigure(title, 'No embeddings yet.', standIns);
  const columns = Math.min(2, panels.length);
  const rows = Math.ceil(panels.length / columns);
  const axes = panels.map((panel, index) => {
    const id: number | '' = index === 0 ? '' : index + 1;
    const [column, row] = [index % columns, Math.floor(index / columns)];
    return {...panel, x: share(column, columns), y: share(rows - 1 - row, rows), id};
  });
  const layout = axes.flatMap(({id, x, y}): [string, object][] => [
    [`xaxis${id}`, {...BARE, domain: x, anchor: `y${id}`}],
    [`yaxis${id}`, {...BARE, domain: y, anchor: `x${id}`}],
  ]);
  return figure({
    title,
    subtitle,
    standIns,
    height: 150 + panelHeight * rows,
    above: 20,
    data: axes.flatMap(({points, id}, panel) =>
      classes.map((name, label) => cloud(points, labels, {name, label, id, showlegend: panel === 0})),
    ),
    layout: {
      ...Object.fromEntries(layout),
      ...(photos === undefined ? {} : {meta: {photos}}),
      annotations: axes.map(({title: name, x, y}) => ({
        text: `<b>${escapeHtml(name)}</b>`,
        x: x[0],
        y: y[1],
        xref: 'paper',
        yref: 'paper',
        xanchor: 'left',
        yanchor: 'bottom',
        showarrow: false,
      })),
    },
  });
}

const BARE = {
  showticklabels: false,
  showgrid: false,
  zeroline: false,
  showline: true,
  mirror: true,
  linecolor: FAINT_INK,
};

/** The part of the width that belongs to a column, or of the height to a row. */
function share(index: number, count: number): [number, number] {
  const width = (1 - gap * (count - 1)) / count;
  const start = index * (width + gap);
  return [Number(start.toFixed(4)), Number((start + width).toFixed(4))];
}

/** The points of one class; `customdata` tells the numbers of their photos. */
function cloud(
  points: ScatterPanel['points'],
  labels: readonly number[],
  {name, label, id, showlegend}: {name: string; label: number; id: number | ''; showlegend: boolean},
): Trace {
  const photos = labels.flatMap((each, photo) => (each === label ? [photo] : []));
  const spread = Math.max(...points.flat().map(Math.abs)) || 1;
  const digits = Math.max(0, 3 - Math.floor(Math.log10(spread)));
  const along = (axis: 0 | 1) => photos.map((photo) => Number(points[photo][axis].toFixed(digits)));
  return {
    type: 'scatter',
    mode: 'markers',
    name: escapeHtml(name),
    legendgroup: String(label),
    showlegend,
    xaxis: `x${id}`,
    yaxis: `y${id}`,
    x: along(0),
    y: along(1),
    customdata: photos,
    hovertemplate: `<b>${escapeHtml(name)}</b><extra></extra>`,
    marker: {size: 6, color: CLASS_COLOURS[label % CLASS_COLOURS.length], opacity: 0.75},
  };
}
