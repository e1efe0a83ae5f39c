import {escapeHtml} from '../html';
import {classificationReport, type ClassScores} from '../metrics';
import type {RunRecord} from '../runs';
import {type ChartOptions, emptyFigure, figure, type Figure, nameAxis} from './figure';
import {byBackbone, type FinishedRun, isFinished, NO_RESULT, partOf, standInsOf} from './run';
import {SEQUENTIAL_COLOURS} from './style';
import {capitalised, score} from './text';

/** F1 of every class under every finished run: a heat map of runs by classes, so that the hard classes stand out. */
export function classF1HeatMap(runs: readonly RunRecord[], options: ChartOptions = {}): Figure {
  const standIns = standInsOf(runs);
  const finished = [...byBackbone(runs.filter(isFinished)).values()].flat();
  const [part, ...others] = new Set(finished.map(partOf));
  const {title = others.length > 0 ? 'F1 of each class' : `${capitalised(part ?? 'test')} F1 of each class`} =
    options;
  if (finished.length === 0) return emptyFigure(title, NO_RESULT, standIns);

  const classes = [...new Set(finished.flatMap((run) => run.configuration.classes))];
  const names = classes.map(escapeHtml);
  const cells = finished.map((run) => {
    const report = classificationReport(run.result.confusion, run.configuration.classes);
    return classes.map((name) => report.classes.find((scores) => scores.name === name));
  });
  const f1s = cells.flat().flatMap((scores) => (scores ? [scores.f1] : []));
  const mean = (label: number) => {
    const ofClass = cells.flatMap((row) => row[label]?.f1 ?? []);
    return ofClass.reduce((sum, f1) => sum + f1, 0) / ofClass.length;
  };
  const hardest = classes.reduce((low, _, label) => (mean(label) < mean(low) ? label : low), 0);
  return figure({
    title,
    subtitle: `Hardest over all runs: ${names[hardest]}, mean F1 ${score(mean(hardest))}.`,
    standIns,
    data: [
      {
        type: 'heatmap',
        x: names,
        y: finished.map((run) => escapeHtml(run.title)),
        z: cells.map((row) => row.map((scores) => scores?.f1 ?? null)),
        zmin: Math.floor(10 * Math.min(...f1s)) / 10,
        zmax: 1,
        colorscale: SEQUENTIAL_COLOURS,
        xgap: 2,
        ygap: 2,
        colorbar: {
          title: {text: 'F1', side: 'right', font: {size: 13}},
          tickformat: '.1f',
          thickness: 12,
          outlinewidth: 0,
        },
        text: cells.map((row) => row.map((scores) => (scores ? scores.f1.toFixed(2) : ''))),
        texttemplate: '%{text}',
        hoverinfo: 'text',
        hovertext: cells.map((row, index) => row.map((scores) => cellInWords(finished[index], scores))),
      },
    ],
    height: 170 + 36 * finished.length,
    layout: {
      xaxis: nameAxis('class'),
      yaxis: nameAxis('', {autorange: 'reversed', tickcolor: 'white', showline: false}),
    },
  });
}

function cellInWords(run: FinishedRun, scores: ClassScores | undefined): string {
  if (scores === undefined) return '';
  return [
    `<b>${escapeHtml(scores.name)}</b>, ${escapeHtml(run.title)}`,
    `F1 ${score(scores.f1)}: precision ${score(scores.precision)}, recall ${score(scores.recall)}`,
    `${scores.support} ${partOf(run)} photos`,
  ].join('<br>');
}
