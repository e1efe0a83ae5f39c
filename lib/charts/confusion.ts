import {escapeHtml} from '../html';
import {LabError} from '../errors';
import {accuracy, type Confusion} from '../metrics';
import {emptyFigure, figure, type Figure, nameAxis} from './figure';
import {SEQUENTIAL_COLOURS} from './style';
import {percent} from './text';

export interface ConfusionOptions {
  /** What stood in for photos and network. */
  standIns?: readonly string[];
}

/** Above this many classes numbers would not fit into the cells, and a text for each would swell the notebook. */
const MOST_CLASSES_WITH_TEXTS = 16;

/**
 * A heat map of the confusion matrix `confusion[truth][predicted]`: rows are true classes, and a cell holds the count and
 * its share of the row, which also gives the colour; so the diagonal shows each class's recall.
 * Many classes are to be zoomed into: their cells hold no numbers, and hovering tells the share alone.
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
  const withTexts = classes.length <= MOST_CLASSES_WITH_TEXTS;
  const right = Math.round(accuracy(confusion) * items);
  const texts = {
    text: confusion.map((row, truth) =>
      row.map((count, predicted) => (count === 0 ? '' : `${count}<br>${percent(shares[truth][predicted])}`)),
    ),
    texttemplate: '%{text}',
    hoverinfo: 'text',
    hovertext: confusion.map((row, truth) =>
      row.map(
        (count, predicted) =>
          `${count} of ${totals[truth]} <b>${names[truth]}</b> (${percent(shares[truth][predicted])})<br>predicted as <b>${names[predicted]}</b>`,
      ),
    ),
  };
  const hover = {hovertemplate: '%{z:.1%} of <b>%{y}</b><br>predicted as <b>%{x}</b><extra></extra>'};
  const ticks = withTexts ? {} : {dtick: null};
  return figure({
    title,
    subtitle: `${right} of ${items} on the diagonal, where prediction and truth agree (${percent(right / items)}).`,
    standIns,
    data: [
      {
        type: 'heatmap',
        x: names,
        y: names,
        z: withTexts ? shares : shares.map((row) => row.map((share) => Number(share.toFixed(4)))),
        zmin: 0,
        zmax: 1,
        colorscale: SEQUENTIAL_COLOURS,
        xgap: withTexts ? 2 : 0,
        ygap: withTexts ? 2 : 0,
        colorbar: {
          title: {text: 'share of the true class', side: 'right', font: {size: 13}},
          tickformat: '.0%',
          thickness: 12,
          outlinewidth: 0,
        },
        ...(withTexts ? texts : hover),
      },
    ],
    height: 190 + Math.min(52 * Math.max(classes.length, 3), 760),
    layout: {
      xaxis: nameAxis('predicted class', ticks),
      yaxis: nameAxis('true class', {autorange: 'reversed', ...ticks}),
    },
  });
}
