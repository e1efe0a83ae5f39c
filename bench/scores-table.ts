/** What `bench -- scores` reads of notebooks and of stored runs, and its table; pure. */
import type {Precision} from '../lib/engine';
import {LabError} from '../lib/errors';
import {regimeName, type RunRecord} from '../lib/runs';
import {type Column, grouped, markdownTable, mean} from './tables';

/** A complete run of the notebook. */
export interface ScoredRun {
  network: string;
  regime: string;
  seed: number;
  precision: Precision;
  /** Macro-F1 of its best epoch. */
  val: number;
  test: number;
  /** ISO 8601, in UTC. */
  ended: string;
}

const call = 'lab.run({';

/** A notebook of which every experiment has this seed. Throws a LabError if it has no experiment. */
export function withSeed(notebook: string, seed: number): string {
  if (!notebook.includes(call)) throw new LabError(`The notebook has no ${call}...}) to give a seed to.`);
  return notebook.replaceAll(call, `${call}seed: ${seed}, `);
}

/** Those of the stored runs that were completed on photos and networks of their own, with a test part. */
export const scoredRuns = (records: readonly RunRecord[]): ScoredRun[] =>
  records.flatMap(({configuration, result, ended}) =>
    result?.test && ended && configuration.standIns.length === 0
      ? {
          network: configuration.network,
          regime: regimeName(configuration.regime),
          seed: configuration.seed as number,
          precision: (configuration.precision as Precision | undefined) ?? 'float32',
          val: result.val.macroF1,
          test: result.test.macroF1,
          ended,
        }
      : [],
  );

const compared = ['float32', 'bfloat16'] as const;

const columns: Column[] = [
  ['network', 'text'],
  ['regime', 'text'],
  ['seeds', 'number'],
  ['validation, float32', 'number'],
  ['bfloat16', 'number'],
  ['adds', 'number'],
  ['test, float32', 'number'],
  ['bfloat16', 'number'],
  ['adds', 'number'],
];

/** Means over the seeds that both precisions have, of each experiment and of all. */
export function scoresTable(runs: readonly ScoredRun[]): string {
  const pairs = [
    ...grouped(runs, ({network, regime, seed}) => `${network} ${regime} ${seed}`).values(),
  ].flatMap((same) => {
    const [float32, bfloat16] = compared.map((each) => same.find(({precision}) => precision === each));
    return float32 && bfloat16 ? {float32, bfloat16} : [];
  });
  const cells = (of: typeof pairs) => [
    String(new Set(of.map(({float32}) => float32.seed)).size),
    ...(['val', 'test'] as const).flatMap((part) => {
      const [float32, bfloat16] = compared.map((each) => mean(of.map((pair) => pair[each][part])));
      return [float32.toFixed(4), bfloat16.toFixed(4), signed(bfloat16 - float32)];
    }),
  ];
  const experiments = [...grouped(pairs, ({float32: {network, regime}}) => `${network} ${regime}`).values()];
  const rows = experiments.map((of) => [of[0].float32.network, of[0].float32.regime, ...cells(of)]);
  return markdownTable(columns, [...rows, ['all', '', ...cells(pairs)]]);
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(4)}`;
