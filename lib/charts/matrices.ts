import {escapeHtml} from '../html';
import {FAINT_INK, INK} from './figure';
import {heading} from './text';

export type Matrix = readonly (readonly number[])[];

export interface MatrixItem {
  title: string;
  values: Matrix;
  /** Instead of numbers: a picture of the matrix as a `data:` address. */
  image?: string;
}

/** Matrices side by side as tables of numbers, the greater the darker, or as pictures; styled inline like `imageGrid`. */
export function matrixTables(
  items: readonly MatrixItem[],
  title: string,
  standIns: readonly string[] = [],
): string {
  return [
    `<div style="background-color:#ffffff;color:${INK};padding:14px;font-family:system-ui, sans-serif">`,
    `<div style="font-size:17px;font-weight:bold;margin-bottom:8px">${escapeHtml(heading(title, standIns))}</div>`,
    '<div style="display:flex;flex-wrap:wrap;gap:18px;align-items:flex-start">',
    ...items.map(
      (item) =>
        `<div><div style="font-size:13px;color:${FAINT_INK};margin-bottom:4px">${escapeHtml(item.title)}</div>${
          item.image === undefined ? table(item.values) : picture(item.image, item.title)
        }</div>`,
    ),
    '</div></div>',
  ].join('');
}

const picture = (image: string, title: string): string =>
  `<img src="${escapeHtml(image)}" alt="${escapeHtml(title)}" style="width:220px;height:auto;display:block;margin:0px">`;

function table(values: Matrix): string {
  const all = values.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const cell = (value: number) => {
    const lightness = Math.round(high === low ? 98 : 98 - (48 * (value - low)) / (high - low));
    const style = `background-color:hsl(205, 60%, ${lightness}%);color:${INK};text-align:center;min-width:28px;padding:4px`;
    return `<td style="${style}">${Number(value.toFixed(2))}</td>`;
  };
  const rows = values.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('');
  return `<table style="border-collapse:collapse;font-size:12px;margin:0px"><tbody>${rows}</tbody></table>`;
}
