/** The tables of `bench -- scale`; pure. */
import type {EpochState, ScaleReport} from './scale-run';
import {type Column, markdownTable} from './tables';

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

/**
 * A row for each number of pictures, ascending: seconds of each step, of a picture more than in the row before,
 * of all cores together, and peak memory. Then, of each pair of which one has 30 times as many pictures, how many times the time and the memory are.
 */
export function scaleTable(reports: readonly ScaleReport[]): string {
  const total = ({steps}: ScaleReport) => steps.reduce((sum, {seconds}) => sum + seconds, 0);
  const processor = ({steps}: ScaleReport) => steps.reduce((sum, step) => sum + step.processor, 0);
  const peak = ({steps}: ScaleReport) => steps.at(-1)!.peak;
  const rows = reports.map((report, index) => {
    const before = reports[index - 1];
    const marginal = before && (total(report) - total(before)) / (report.pictures - before.pictures);
    return [
      String(report.pictures),
      ...report.steps.map(({seconds}) => seconds.toFixed(1)),
      total(report).toFixed(1),
      marginal === undefined ? '' : (1000 * marginal).toFixed(2),
      processor(report).toFixed(1),
      megabytes(peak(report)),
    ];
  });
  const pairs = reports.flatMap((few) =>
    reports.filter(({pictures}) => pictures === 30 * few.pictures).map((many) => [few, many]),
  );
  const steps = reports[0].steps.map(({name}) => name);
  const ratios = pairs.map(([few, many]) => [
    `${many.pictures} / ${few.pictures}`,
    ...steps.map((_, i) => (many.steps[i].seconds / few.steps[i].seconds).toFixed(1)),
    (total(many) / total(few)).toFixed(1),
    '',
    (processor(many) / processor(few)).toFixed(1),
    (peak(many) / peak(few)).toFixed(2),
  ]);
  const columns: Column[] = [
    ['pictures', 'number'],
    ...steps.map((name): Column => [`${name}, s`, 'number']),
    ['all, s', 'number'],
    ['a picture more, ms', 'number'],
    ['of all cores, s', 'number'],
    ['memory, MB', 'number'],
  ];
  return markdownTable(columns, [...rows, ...ratios]);
}

/** Tensors and memory at the end of the given epochs, counted from 1. */
export function epochsTable(states: readonly EpochState[], epochs: readonly number[]): string {
  const columns: Column[] = [
    ['epoch', 'number'],
    ['tensors', 'number'],
    ['of them, MB', 'number'],
    ['process, MB', 'number'],
  ];
  const rows = epochs.map((epoch) => {
    const {tensors, tensorBytes, resident} = states[epoch - 1];
    return [String(epoch), String(tensors), (tensorBytes / 2 ** 20).toFixed(2), megabytes(resident)];
  });
  return markdownTable(columns, rows);
}
