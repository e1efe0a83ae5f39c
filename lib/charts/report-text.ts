import type {Averages, ClassificationReport} from '../metrics';

/** A classification report as text, laid out as scikit-learn's `classification_report` prints it, with two decimals. */
export function reportText({classes, macro, weighted, accuracy, support}: ClassificationReport): string {
  const width = Math.max('weighted avg'.length, ...classes.map(({name}) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padStart(width)} ${cells.map((cell) => ` ${cell.padStart(9)}`).join('')}\n`;
  const scored = (name: string, {precision, recall, f1}: Averages, count: number) =>
    line(name, [...[precision, recall, f1].map(twoDecimals), String(count)]);
  return [
    line('', ['precision', 'recall', 'f1-score', 'support']),
    ...classes.map((scores) => scored(scores.name, scores, scores.support)),
    line('accuracy', ['', '', twoDecimals(accuracy), String(support)]),
    scored('macro avg', macro, support),
    scored('weighted avg', weighted, support),
  ]
    .map((text, index) => (index === 0 || index === classes.length ? `${text}\n` : text))
    .join('');
}

/** As Python writes it: an exact half, which only a multiple of 1/8 can be, is rounded to the even digit. */
function twoDecimals(value: number): string {
  const isHalf = Number.isInteger(8 * value) && (100 * value) % 1 === 0.5;
  return (isHalf ? Math.round(50 * value) / 50 : value).toFixed(2);
}
