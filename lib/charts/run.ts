/** What charts and tables ask of a run. */
import {escapeHtml} from '../html';
import type {Interval} from '../metrics';
import {type EpochRecord, networkTitle, type RunRecord, type RunResult} from '../runs';
import {duration, rate, score} from './text';
import {type RegimeKind, regimeKind} from './style';

export type FinishedRun = RunRecord & {result: RunResult};

export function isFinished(run: RunRecord): run is FinishedRun {
  return run.result !== null;
}

/** The finished run of highest validation macro-F1, the first of equals: the test part chooses nothing. */
export function bestOnValidation(runs: readonly RunRecord[]): FinishedRun | undefined {
  const score = (run?: FinishedRun) => run?.result.valMacroF1 ?? -Infinity;
  return runs
    .filter(isFinished)
    .reduce<FinishedRun | undefined>((best, run) => (score(run) > score(best) ? run : best), undefined);
}

/** What charts of results say when there is none. */
export const NO_RESULT = 'No run has a result yet.';

/** What stood in for photos and networks in any of these runs, each named once. */
export function standInsOf(runs: readonly RunRecord[]): string[] {
  return [...new Set(runs.flatMap((run) => run.configuration.standIns))];
}

export function kindOf(run: RunRecord): RegimeKind {
  return regimeKind(run.configuration.regime);
}

/** Runs gathered by backbone, or what stood in for it, both in the order of first appearance. */
export function byBackbone<Run extends RunRecord>(runs: readonly Run[]): Map<string, Run[]> {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const name = networkTitle(run.configuration);
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  return groups;
}

/** The epoch of highest validation macro-F1, the earliest of equals; undefined before the first epoch has ended. */
export function bestEpoch(run: RunRecord): EpochRecord | undefined {
  return run.history.reduce<EpochRecord | undefined>(
    (best, epoch) => (best === undefined || epoch.valMacroF1 > best.valMacroF1 ? epoch : best),
    undefined,
  );
}

/** How far a run without result has come: 'interrupted after epoch 3'. */
export function progressOf(run: RunRecord): string {
  return run.history.length === 0
    ? `${run.status}, no epoch yet`
    : `${run.status} after epoch ${run.history.length}`;
}

/**
 * What distinguishes a run besides backbone and regime, in short: ['lr 3e-4', '8 epochs', '4 views', 'head 256'].
 * Read from the configuration's `optimizer.learningRate` (a number, or one for `backbone` and one for `head`), `epochs`,
 * `views` and `head.hidden`; what is not there is left out.
 */
export function parametersInShort({configuration}: RunRecord): string[] {
  const {epochs, views} = configuration;
  const {learningRate} = settingsAt(configuration, 'optimizer');
  const rates = settingsAt(settingsAt(configuration, 'optimizer'), 'learningRate');
  const {hidden} = settingsAt(configuration, 'head');
  const parameters: string[] = [];
  if (typeof learningRate === 'number') parameters.push(`lr ${rate(learningRate)}`);
  if (typeof rates.backbone === 'number') parameters.push(`lr ${rate(rates.backbone)}`);
  if (typeof rates.head === 'number') parameters.push(`head lr ${rate(rates.head)}`);
  if (typeof epochs === 'number') parameters.push(counted(epochs, 'epoch'));
  if (typeof views === 'number') parameters.push(counted(views, 'view'));
  if (Array.isArray(hidden)) parameters.push(hidden.length > 0 ? `head ${hidden.join('+')}` : 'linear head');
  return parameters;
}

function settingsAt(configuration: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = configuration[key];
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A finished run for those who hover over it; `interval` is that of its test macro-F1. */
export function runInWords(run: FinishedRun, interval: Interval | null): string {
  const {result} = run;
  const parameters = parametersInShort(run);
  return [
    `<b>${escapeHtml(run.title)}</b>`,
    `test macro-F1 ${score(result.testMacroF1)}${interval ? ` (95 %: ${score(interval.low)} to ${score(interval.high)})` : ''}`,
    `test accuracy ${score(result.testAccuracy)}`,
    `validation macro-F1 ${score(result.valMacroF1)}, best epoch ${result.bestEpoch} of ${run.history.length}`,
    ...(parameters.length > 0 ? [parameters.join(', ')] : []),
    `trained in ${duration(run.seconds)}`,
  ].join('<br>');
}
