/** What a table of RESULTS.md is made of; pure. */
import type {Precision} from '../lib/engine';

/** Images per second of this project and of PyTorch. */
export interface Comparison {
  name: string;
  work: string;
  size: number;
  precision?: Precision;
  ours: number;
  theirs: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export const geometricMean = (values: readonly number[]): number => Math.exp(mean(values.map(Math.log)));

/** Items by key, in the order in which the keys come. */
export function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** A column's title, and whether it holds numbers, which stand right. */
export type Column = readonly [title: string, kind: 'text' | 'number'];

/** A table in Markdown. Throws RangeError for a row of another length. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const stray = rows.find((row) => row.length !== columns.length);
  if (stray)
    throw new RangeError(`A row has ${stray.length} cells, not ${columns.length}: ${stray.join(', ')}`);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map(([, kind]) => (kind === 'number' ? '--:' : '---'));
  return [columns.map(([title]) => title), rule, ...rows].map(line).join('\n');
}

/** Speeds side by side, and the geometric mean of the ratios of each kind of work. */
export function speedTable(comparisons: readonly Comparison[]): string {
  const work = ({work, precision}: Comparison) => (precision ? `${work}, ${precision}` : work);
  const rows = comparisons.map((each) => [
    each.name,
    work(each),
    String(each.size),
    each.ours.toFixed(1),
    each.theirs.toFixed(1),
    (each.ours / each.theirs).toFixed(2),
  ]);
  const means = [...grouped(comparisons, work)].map(([kind, each]) => {
    const ratio = geometricMean(each.map(({ours, theirs}) => ours / theirs));
    return ['geometric mean', kind, '', '', '', ratio.toFixed(2)];
  });
  const columns: Column[] = [
    ['network', 'text'],
    ['work', 'text'],
    ['pixels', 'number'],
    ['Transfer Lab', 'number'],
    ['PyTorch', 'number'],
    ['ratio', 'number'],
  ];
  return markdownTable(columns, [...rows, ...means]);
}

/** A document with the section of this title in place of the one it had, at its end; the others stay. */
export function withSection(document: string, title: string, body: string): string {
  const sections = document.split(/^(?=## )/m);
  const kept = sections.filter((section) => !section.startsWith(`## ${title}\n`));
  return `${kept.join('').trimEnd()}\n\n## ${title}\n\n${body}\n`;
}
