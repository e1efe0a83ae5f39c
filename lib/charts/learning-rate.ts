import {escapeHtml} from '../html';
import type {RunRecord} from '../runs';
import {axis, emptyFigure, figure, type Figure, type Trace} from './figure';
import {standInsOf, kindOf} from './run';
import {neutralColour, REGIME_STYLES, runColour} from './style';
import {rate} from './text';

export interface LearningRateOptions {
  /** 'Learning rate per epoch' for runs and 'Learning rate per step' for numbers, unless given. */
  title?: string;
  /** What stands in, for numbers; runs know it themselves. */
  standIns?: readonly string[];
}

/**
 * The learning rate over time: of runs as they went, epoch by epoch, or of one schedule as planned, a number per step.
 * Runs with the very same rates share a line, which is named after all of them.
 */
export function learningRateSchedule(
  source: readonly RunRecord[] | readonly number[],
  options: LearningRateOptions = {},
): Figure {
  const all: readonly (RunRecord | number)[] = source;
  const ofRuns = all.filter((each): each is RunRecord => typeof each !== 'number');
  const planned = all.filter((each): each is number => typeof each === 'number');
  const unit = planned.length > 0 ? 'step' : 'epoch';
  const {title = `Learning rate per ${unit}`, standIns = standInsOf(ofRuns)} = options;
  const data = planned.length > 0 ? [plannedLine(planned)] : runLines(ofRuns);
  if (data.length === 0) return emptyFigure(title, 'No learning rate yet.', standIns);
  return figure({
    title,
    subtitle: ofRuns.length > data.length ? 'Runs with the same rates share a line.' : '',
    standIns,
    data,
    height: 420,
    layout: {
      showlegend: planned.length === 0,
      xaxis: axis(unit, {tickformat: 'd', nticks: 10}),
      yaxis: axis('learning rate', {rangemode: 'tozero', exponentformat: 'e'}),
    },
  });
}

function plannedLine(rates: readonly number[]): Trace {
  return {
    type: 'scatter',
    mode: 'lines',
    x: rates.map((_, step) => step),
    y: rates,
    line: {color: neutralColour('everything'), width: 2, simplify: false},
    hoverinfo: 'text',
    hovertext: rates.map((value, step) => `step ${step}: ${rate(value)}`),
  };
}

function runLines(runs: readonly RunRecord[]): Trace[] {
  const sharers = new Map<string, RunRecord[]>();
  for (const run of runs) {
    if (run.history.length === 0) continue;
    const rates = JSON.stringify(run.history.map((epoch) => epoch.learningRate));
    sharers.set(rates, [...(sharers.get(rates) ?? []), run]);
  }
  return [...sharers.values()].map((sharing) => {
    const [run] = sharing;
    const kind = kindOf(run);
    const color = runColour(run.configuration.backbone, kind);
    const name = sharing.map((each) => escapeHtml(each.title)).join('<br>');
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name,
      x: run.history.map((epoch) => epoch.epoch),
      y: run.history.map((epoch) => epoch.learningRate),
      line: {color, width: 2, dash: REGIME_STYLES[kind].dash},
      marker: {color, size: 6, symbol: REGIME_STYLES[kind].symbol},
      hoverinfo: 'text',
      hovertext: run.history.map(
        (epoch) => `<b>${name}</b><br>epoch ${epoch.epoch}: ${rate(epoch.learningRate)}`,
      ),
    };
  });
}
