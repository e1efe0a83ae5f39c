/** Writes comparisons into bench/RESULTS.md, a section for each kind. */
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {cpus} from 'node:os';
import {join} from 'node:path';
import {engineReport} from '../lib/engine';

/** Images per second of this project and of PyTorch. */
export interface Comparison {
  name: string;
  work: string;
  size: number;
  ours: number;
  theirs: number;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const geometricMean = (values: number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const file = join(__dirname, 'RESULTS.md');

/** Replaces the section of this title; the others stay. */
export function report(title: string, explanation: string, comparisons: Comparison[]): void {
  const {tensorflow, threads} = engineReport();
  const rows = comparisons.map(
    ({name, work, size, ours, theirs}) =>
      `| ${name} | ${work} | ${size} | ${ours.toFixed(1)} | ${theirs.toFixed(1)} | ${(ours / theirs).toFixed(2)} |`,
  );
  const means = [...new Set(comparisons.map(({work}) => work))].map((work) => {
    const ratios = comparisons.filter((each) => each.work === work).map(({ours, theirs}) => ours / theirs);
    return `| geometric mean | ${work} | | | | ${geometricMean(ratios).toFixed(2)} |`;
  });
  const section = [
    `## ${title}`,
    '',
    explanation,
    `TensorFlow ${tensorflow}, ${threads} threads, ${cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}.`,
    '',
    '| network | work | pixels | Transfer Lab | PyTorch | ratio |',
    '| --- | --- | --: | --: | --: | --: |',
    ...rows,
    ...means,
    '',
  ].join('\n');
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '# Measured against PyTorch\n\n';
  const sections = old.split(/^(?=## )/m);
  const kept = sections.filter((each) => !each.startsWith(`## ${title}\n`));
  writeFileSync(file, `${kept.join('').trimEnd()}\n\n${section}`);
}
