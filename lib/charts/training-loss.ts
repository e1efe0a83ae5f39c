/** The loss of a training loop while it runs. */
import {axis, emptyFigure, figure, type Figure, FAINT_INK} from './figure';
import {backboneColour} from './style';
import {score} from './text';

export interface TrainingLossOptions {
  /** 'Training loss' unless given. */
  title?: string;
  /** What stood in for photos and network. */
  standIns?: readonly string[];
  /** Decides the colour. */
  backbone?: string;
}

/** The mean loss of an epoch so far, after so many of its batches. */
export interface RunningLoss {
  /** In epochs since the beginning: 1.25 after a quarter of the second epoch. */
  at: number;
  loss: number;
}

/**
 * The running loss as a faint line and the loss of each ended epoch as a marker, over `epochs` in all; to be drawn again
 * and again while a loop trains (`liveFigure`).
 */
export function trainingLoss(
  running: readonly RunningLoss[],
  ended: readonly number[],
  epochs: number,
  {title = 'Training loss', standIns = [], backbone = ''}: TrainingLossOptions = {},
): Figure {
  if (running.length === 0 && ended.length === 0) return emptyFigure(title, 'No batch yet.', standIns);
  const last =
    ended.length > 0 ? `Epoch ${ended.length} of ${epochs}: loss ${score(ended.at(-1)!)}.` : 'Epoch 1 runs.';
  return figure({
    title,
    subtitle: `${last} Line: mean of the epoch so far; marker: mean of the whole epoch.`,
    standIns,
    data: [
      {
        type: 'scatter',
        mode: 'lines',
        name: 'epoch so far',
        x: running.map(({at}) => Number(at.toFixed(3))),
        y: running.map(({loss}) => Number(loss.toFixed(4))),
        line: {color: FAINT_INK, width: 1},
        hovertemplate: 'after %{x} epochs: %{y:.3f}<extra></extra>',
      },
      {
        type: 'scatter',
        mode: 'lines+markers',
        name: 'whole epoch',
        x: ended.map((_, index) => index + 1),
        y: ended,
        line: {color: backboneColour(backbone), width: 2},
        marker: {color: backboneColour(backbone), size: 9},
        hovertemplate: 'epoch %{x}: %{y:.3f}<extra></extra>',
      },
    ],
    height: 400,
    layout: {
      xaxis: axis('epoch', {range: [0, epochs * 1.02]}),
      yaxis: axis('cross-entropy loss', {tickformat: '.2f'}),
    },
  });
}
