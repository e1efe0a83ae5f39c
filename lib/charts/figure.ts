/** The frame every chart shares: fonts, a white ground that is readable in light and dark themes, title, legend. */
import {escapeHtml} from '../html';
import {inLines, standInNote} from './text';

/** A Plotly trace as plain JSON. */
export type Trace = {type: string} & Record<string, unknown>;

/** A Plotly figure as plain JSON: give it to Plotly.newPlot or show it as application/vnd.plotly.v1+json. */
export interface Figure {
  data: Trace[];
  layout: Record<string, unknown>;
  config: Record<string, unknown>;
}

export interface ChartOptions {
  /** Instead of the chart's usual title. */
  title?: string;
}

export interface ScoreOptions extends ChartOptions {
  /** What the runs are compared by; 'macroF1' unless given. */
  metric?: 'macroF1' | 'accuracy';
}

export interface FigureParts {
  /** What is seen. */
  title: string;
  /** How to read it, or what stands out; one line below the title. Names in it have to be escaped. */
  subtitle?: string;
  /** What the title has to own up to: what stood in for photos and networks. */
  standIns: readonly string[];
  data: Trace[];
  /** In pixels; the width follows the page. */
  height: number;
  /** Pixels that names of panels need between title and plot beyond one line. */
  above?: number;
  layout?: Record<string, unknown>;
}

export const INK = '#22303c';
export const FAINT_INK = '#5b6b7a';
const GRID = '#e4e9ee';
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** Characters on a line of the note on stand-ins, and the line's height in pixels. */
const NOTE_LENGTH = 120;
export const NOTE_HEIGHT = 18;

/** Puts traces into the common frame. Entries of `layout` stand above those of the frame. */
export function figure({
  title,
  subtitle = '',
  standIns,
  data,
  height,
  above = 0,
  layout = {},
}: FigureParts): Figure {
  const notes = inLines(standInNote(standIns), NOTE_LENGTH);
  const room = above + NOTE_HEIGHT * notes.length;
  const small = [...notes.map(escapeHtml), subtitle].map(
    (line) => `<br><span style="font-size:13px;color:${FAINT_INK}">${line}</span>`,
  );
  return {
    data,
    layout: {
      title: {
        text: `<b>${escapeHtml(title)}</b>${small.join('')}`,
        font: {size: 17, color: INK},
        x: 0,
        xref: 'container',
        xanchor: 'left',
        y: 1,
        yref: 'paper',
        yanchor: 'bottom',
        pad: {b: 56 + room, l: 16},
      },
      font: {family: FONT, size: 13, color: INK},
      autosize: true,
      height: height + room,
      margin: {l: 60, r: 24, t: 92 + room, b: 56},
      paper_bgcolor: 'white',
      plot_bgcolor: 'white',
      hoverlabel: {align: 'left', bgcolor: 'white', bordercolor: FAINT_INK, font: {color: INK, size: 13}},
      hovermode: 'closest',
      legend: LEGEND_BELOW,
      ...layout,
    },
    config: {responsive: true, displaylogo: false},
  };
}

/** A legend under the plot, which makes its own room. */
export const LEGEND_BELOW = {
  orientation: 'h',
  x: 0,
  xanchor: 'left',
  y: 0,
  yref: 'container',
  yanchor: 'bottom',
  font: {size: 12},
};

/** The settings of an axis with a title; further settings stand above them. */
export function axis(title: string, settings: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    title: {text: title, standoff: 10, font: {size: 13}},
    automargin: true,
    gridcolor: GRID,
    zeroline: false,
    linecolor: FAINT_INK,
    showline: true,
    ticks: 'outside',
    tickcolor: FAINT_INK,
    ...settings,
  };
}

/** An axis of names in the order given, each of them written out. */
export function nameAxis(title: string, settings: Record<string, unknown> = {}): Record<string, unknown> {
  return axis(title, {type: 'category', showgrid: false, dtick: 1, ...settings});
}

/** A figure that says why there is nothing to see yet. */
export function emptyFigure(title: string, message: string, standIns: readonly string[] = []): Figure {
  const hidden = {visible: false};
  const annotation = {text: message, x: 0.5, y: 0.5, xref: 'paper', yref: 'paper', showarrow: false};
  return figure({
    title,
    standIns,
    data: [],
    height: 220,
    layout: {
      xaxis: hidden,
      yaxis: hidden,
      annotations: [{...annotation, font: {size: 14, color: FAINT_INK}}],
    },
  });
}
