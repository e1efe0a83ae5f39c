/** Charts of what happens epoch by epoch. */
import {escapeHtml} from '../html';
import {metricNames} from '../metrics';
import {type EpochRecord, networkTitle, type RunRecord} from '../runs';
import {
  axis,
  type ChartOptions,
  emptyFigure,
  figure,
  type Figure,
  INK,
  LEGEND_BELOW,
  NOTE_HEIGHT,
  type ScoreOptions,
  type Trace,
} from './figure';
import {
  bestEpoch,
  byBackbone,
  type ComparedMetric,
  inTwoLines,
  kindOf,
  labelOf,
  scoresInWords,
  standInsOf,
} from './run';
import {neutralColour, REGIME_KINDS, REGIME_STYLES, type RegimeKind, runColour} from './style';
import {duration, rate, score} from './text';

const NO_EPOCH = 'No epoch has ended yet.';
const FACETS_PER_ROW = 4;
const BACKBONES_PER_LEGEND_ROW = 5;

/**
 * Training loss (solid) and validation loss (dashed) per epoch, one panel per backbone on common axes; the regime shows in
 * the strength of the colour and the marker. Runs without an epoch leave their panel empty.
 */
export function lossPerEpoch(
  runs: readonly RunRecord[],
  {title = 'Loss per epoch'}: ChartOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  if (runs.every((run) => run.history.length === 0)) return emptyFigure(title, NO_EPOCH, standIns);

  const panels = [...byBackbone(runs).values()];
  const columns = Math.min(FACETS_PER_ROW, panels.length);
  const rows = Math.ceil(panels.length / columns);
  const data: Trace[] = [];
  const axes: Record<string, unknown> = {};
  const annotations: unknown[] = [];
  panels.forEach((ofBackbone, panel) => {
    const suffix = panel === 0 ? '' : String(panel + 1);
    for (const run of ofBackbone) {
      for (const line of LOSSES)
        data.push({...lossLine(run, line), xaxis: `x${suffix}`, yaxis: `y${suffix}`});
    }
    const isLeft = panel % columns === 0;
    const isLowest = panel + columns >= panels.length;
    const matching = (name: 'x' | 'y') => (panel === 0 ? {} : {matches: name});
    axes[`xaxis${suffix}`] = axis(isLowest ? 'epoch' : '', {...epochTicks(runs), ...matching('x')});
    axes[`yaxis${suffix}`] = axis(isLeft ? 'cross-entropy loss' : '', {
      showticklabels: isLeft,
      ...matching('y'),
    });
    annotations.push({
      text: inTwoLines(ofBackbone[0].configuration),
      xref: `x${suffix} domain`,
      yref: `y${suffix} domain`,
      x: 0,
      y: 1.02,
      xanchor: 'left',
      yanchor: 'bottom',
      showarrow: false,
    });
  });
  return figure({
    title,
    subtitle: 'Training (solid) and validation (dashed): where they part, the network begins to overfit.',
    standIns,
    data: [...data, ...lossLegend(runs)],
    height: 190 + 210 * rows,
    above: panels.some(([run]) => run.configuration.network !== run.configuration.backbone) ? NOTE_HEIGHT : 0,
    layout: {
      grid: {rows, columns, pattern: 'independent', xgap: 0.06, ygap: 0.34},
      ...axes,
      annotations,
    },
  });
}

/** Ticks at whole epochs alone, about eight of them. */
function epochTicks(runs: readonly RunRecord[]): {dtick: number} {
  const most = Math.max(...runs.map(({history}) => history.length));
  return {dtick: EPOCHS_BETWEEN_TICKS.find((epochs) => most <= 8 * epochs) ?? 1000};
}

const EPOCHS_BETWEEN_TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

interface LossKind {
  name: string;
  dash: string;
  of: (epoch: EpochRecord) => number;
}

const LOSSES: readonly LossKind[] = [
  {name: 'training', dash: 'solid', of: (epoch) => epoch.train.loss},
  {name: 'validation', dash: 'dash', of: (epoch) => epoch.val.loss},
];

function lossLine(run: RunRecord, loss: LossKind): Trace {
  const kind = kindOf(run);
  const losses = run.history.map(loss.of);
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeHtml(`${run.title}, ${loss.name}`),
    legendgroup: `${kind}, ${loss.name}`,
    showlegend: false,
    x: run.history.map((epoch) => epoch.epoch),
    y: losses,
    ...lineStyle(runColour(run.configuration.backbone, kind), kind, loss.dash),
    hoverinfo: 'text',
    hovertext: run.history.map(
      (epoch, index) =>
        `<b>${escapeHtml(run.title)}</b><br>epoch ${epoch.epoch}: ${loss.name} loss ${score(losses[index])}`,
    ),
  };
}

/** One entry per regime and kind of loss; a click on it hides these lines in every panel. */
function lossLegend(runs: readonly RunRecord[]): Trace[] {
  const kinds = REGIME_KINDS.filter((kind) => runs.some((run) => kindOf(run) === kind));
  return kinds.flatMap((kind) =>
    LOSSES.map((loss) => ({
      type: 'scatter',
      mode: 'lines+markers',
      name: `${kind}, ${loss.name}`,
      legendgroup: `${kind}, ${loss.name}`,
      x: [null],
      y: [null],
      ...lineStyle(neutralColour(kind), kind, loss.dash),
    })),
  );
}

function lineStyle(color: string, kind: RegimeKind, dash: string): Record<string, unknown> {
  return {line: {color, width: 2, dash}, marker: {color, size: 5, symbol: REGIME_STYLES[kind].symbol}};
}

/**
 * A score of the validation part per epoch, all runs in one chart: the backbone shows in the colour, the regime in dash and
 * marker, and the epoch whose weights were kept is the large marker.
 */
export function scorePerEpoch(
  runs: readonly RunRecord[],
  {metric = 'macroF1', title = `Validation ${metricNames[metric]} per epoch`}: ScoreOptions = {},
): Figure {
  const standIns = standInsOf(runs);
  const begun = runs.filter((run) => run.history.length > 0);
  if (begun.length === 0) return emptyFigure(title, NO_EPOCH, standIns);

  const bests = begun.map((run) => ({run, best: bestEpoch(run) as EpochRecord}));
  const highest = bests.reduce((high, each) => (each.best.val[metric] > high.best.val[metric] ? each : high));
  return figure({
    title,
    subtitle: `Large marker: best epoch of the run. Highest: ${score(highest.best.val[metric])}, ${escapeHtml(highest.run.title)}, epoch ${highest.best.epoch}.`,
    standIns,
    data: [...byBackbone(begun).values()].flat().map((run) => scoreLine(run, metric)),
    height: 460 + 64 * Math.ceil(byBackbone(begun).size / BACKBONES_PER_LEGEND_ROW),
    layout: {
      legend: {...LEGEND_BELOW, groupclick: 'toggleitem'},
      xaxis: axis('epoch', epochTicks(runs)),
      yaxis: axis(`validation ${metricNames[metric]}`, {tickformat: '.2f'}),
    },
  });
}

function scoreLine(run: RunRecord, metric: ComparedMetric): Trace {
  const {backbone} = run.configuration;
  const kind = kindOf(run);
  const color = runColour(backbone, kind);
  const best = bestEpoch(run);
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeHtml(labelOf(run)),
    legendgroup: networkTitle(run.configuration),
    legendgrouptitle: {text: `<b>${escapeHtml(networkTitle(run.configuration))}</b>`},
    x: run.history.map((epoch) => epoch.epoch),
    y: run.history.map((epoch) => epoch.val[metric]),
    line: {color, width: 2, dash: REGIME_STYLES[kind].dash},
    marker: {
      color,
      symbol: REGIME_STYLES[kind].symbol,
      size: run.history.map((epoch) => (epoch === best ? 13 : 5)),
      line: {color: INK, width: run.history.map((epoch) => (epoch === best ? 1.5 : 0))},
      opacity: 1,
    },
    hoverinfo: 'text',
    hovertext: run.history.map((epoch) => epochInWords(run, epoch, epoch === best)),
  };
}

function epochInWords(run: RunRecord, epoch: EpochRecord, isBest: boolean): string {
  const {train} = epoch;
  return [
    `<b>${escapeHtml(run.title)}</b>`,
    `epoch ${epoch.epoch}${isBest ? ', the best' : ''}: ${scoresInWords(epoch.val)}`,
    ...(train.accuracy === null ? [] : [`training accuracy ${score(train.accuracy)}`]),
    `loss: training ${score(train.loss)}, validation ${score(epoch.val.loss)}`,
    `learning rate ${rate(epoch.learningRate)}; ${duration(epoch.seconds)}, ${epoch.imagesPerSecond.toFixed(0)} images/s`,
  ].join('<br>');
}
