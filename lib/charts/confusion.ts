import {escapeHtml} from '../html';
import {LabError} from '../errors';
import type {Confusion} from '../metrics';
import {emptyFigure, figure, type Figure, nameAxis} from './figure';
import {SEQUENTIAL_COLOURS} from './style';
import {percent} from './text';

export interface ConfusionOptions {
  /** What stood in for photos and network. */
  standIns?: readonly string[];
}

/** Above this many classes the numbers would not fit into the cells; hovering still tells them. */
const MOST_CLASSES_WITH_NUMBERS = 16;

/**
 * A heat map of the confusion matrix `confusion[truth][predicted]`: rows are true classes, and a cell holds the count and
 * its share of the row, which also gives the colour; so the diagonal shows each class's recall.
 * Throws LabError when the matrix and the classes differ in size.
 */
export function confusionMatrix(
  confusion: Confusion,
  classes: readonly string[],
  title: string,
  {standIns = []}: ConfusionOptions = {},
): Figure {
  if (confusion.length !== classes.length || confusion.some((row) => row.length !== classes.length)) {
    throw new LabError(
      `The confusion matrix of "${title}" is not ${classes.length} x ${classes.length}, as its ${classes.length} classes ask for.`,
    );
  }
  const totals = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const items = totals.reduce((sum, total) => sum + total, 0);
  if (items === 0) return emptyFigure(title, 'No prediction yet.', standIns);

  const names = classes.map(escapeHtml);
  const shares = confusion.map((row, truth) => row.map((count) => count / Math.max(totals[truth], 1)));
  const withNumbers = classes.length <= MOST_CLASSES_WITH_NUMBERS;
  const right = confusion.reduce((sum, row, truth) => sum + row[truth], 0);
  return figure({
    title,
    subtitle: `${right} of ${items} on the diagonal, where prediction and truth agree (${percent(right / items)}).`,
    standIns,
    data: [
      {
        type: 'heatmap',
        x: names,
        y: names,
        z: shares,
        zmin: 0,
        zmax: 1,
        colorscale: SEQUENTIAL_COLOURS,
        xgap: 2,
        ygap: 2,
        colorbar: {
          title: {text: 'share of the true class', side: 'right', font: {size: 13}},
          tickformat: '.0%',
          thickness: 12,
          outlinewidth: 0,
        },
        text: confusion.map((row, truth) =>
          row.map((count, predicted) =>
            count === 0 ? '' : `${count}<br>${percent(shares[truth][predicted])}`,
          ),
        ),
        ...(withNumbers ? {texttemplate: '%{text}'} : {}),
        hoverinfo: 'text',
        hovertext: confusion.map((row, truth) =>
          row.map(
            (count, predicted) =>
              `${count} of ${totals[truth]} <b>${names[truth]}</b> (${percent(shares[truth][predicted])})<br>predicted as <b>${names[predicted]}</b>`,
          ),
        ),
      },
    ],
    height: 190 + Math.min(52 * Math.max(classes.length, 3), 760),
    layout: {
      xaxis: nameAxis('predicted class'),
      yaxis: nameAxis('true class', {autorange: 'reversed'}),
    },
  });
}
