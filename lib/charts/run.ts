/** What charts and tables ask of a run. */
import {escapeHtml} from '../html';
import {bootstrapInterval, type Interval, isBetter, type Metric, metricNames, type Scores} from '../metrics';
import {
  type EpochRecord,
  networkTitle,
  type Regime,
  regimeName,
  type RunRecord,
  type RunResult,
  stateOf,
  type Tested,
} from '../runs';
import {duration, rate, score} from './text';

export type FinishedRun = RunRecord & {result: RunResult};

/** What runs are compared by. */
export type ComparedMetric = Exclude<Metric, 'loss'>;

/** The part of the split that a score is measured on. */
export type ScoredPart = 'test' | 'validation';

export function isFinished(run: RunRecord): run is FinishedRun {
  return run.result !== null;
}

/** The part that a run's confusion matrix and predictions are of. */
export function partOf({result}: Pick<Tested, 'result'>): ScoredPart {
  return result.test ? 'test' : 'validation';
}

/** The part that runs can be compared on: the test part if each has been tested, else the validation part. */
export function comparedPart(runs: readonly FinishedRun[]): ScoredPart {
  return runs.every((run) => partOf(run) === 'test') ? 'test' : 'validation';
}

export function scoresOn({result}: FinishedRun, part: ScoredPart): Scores {
  return part === 'test' && result.test ? result.test : result.val;
}

/** The 95 % bootstrap interval of a run's score over the photos of a part; null without stored predictions of it. */
export function intervalOf(run: FinishedRun, metric: ComparedMetric, part: ScoredPart): Interval | null {
  const {predictions} = run.result;
  if (partOf(run) !== part || predictions.length === 0) return null;
  return bootstrapInterval(predictions, run.configuration.classes.length, {metric});
}

/** The metric that chose the best weights of all these runs; macro-F1 where they differ in it. */
function selectedBy(runs: readonly RunRecord[]): Metric {
  const [first, ...others] = new Set(runs.map(({configuration}) => configuration.select));
  return others.length === 0 ? (first ?? 'macroF1') : 'macroF1';
}

/**
 * The finished run that is best on the validation part by the metric that chose its weights, the first of equals: the
 * test part chooses nothing. Where the set has grown, of the runs on its latest state: the validation part grew, too.
 */
export function bestOnValidation(runs: readonly RunRecord[]): FinishedRun | undefined {
  const latest = Math.max(...runs.map(stateOf));
  const finished = runs.filter(isFinished).filter((run) => stateOf(run) === latest);
  const metric = selectedBy(finished);
  const value = ({result}: FinishedRun) => result.val[metric];
  return finished.reduce<FinishedRun | undefined>(
    (best, run) => (!best || isBetter(metric, value(run), value(best)) ? run : best),
    undefined,
  );
}

/** What charts of results say when there is none. */
export const NO_RESULT = 'No run has a result yet.';

/** What stood in for photos and networks in any of these runs, each named once. */
export function standInsOf(runs: readonly RunRecord[]): string[] {
  return [...new Set(runs.flatMap((run) => run.configuration.standIns))];
}

export function kindOf(run: RunRecord): Regime['kind'] {
  return run.configuration.regime.kind;
}

/** What a run is called beside its backbone: its name, or its regime. */
export function labelOf({name, configuration}: RunRecord): string {
  return name ?? regimeName(configuration.regime);
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

/** The network in bold, on two lines where it stands in for another: 'efficientnet_lite0', 'for mobilenet_v2'. */
export function inTwoLines({backbone, network}: RunRecord['configuration']): string {
  const names = network === backbone ? [backbone] : [network, backbone];
  return names.map((name) => `<b>${escapeHtml(name)}</b>`).join('<br>for ');
}

/** The epoch whose weights were kept: the best by the run's metric, the earliest of equals; undefined before the first one's end. */
export function bestEpoch({history, configuration: {select}}: RunRecord): EpochRecord | undefined {
  return history.reduce<EpochRecord | undefined>(
    (best, epoch) => (!best || isBetter(select, epoch.val[select], best.val[select]) ? epoch : best),
    undefined,
  );
}

/** How far a run without result has come: 'interrupted after epoch 3'. */
export function progressOf(run: RunRecord): string {
  return run.history.length === 0
    ? `${run.status}, no epoch yet`
    : `${run.status} after epoch ${run.history.length}`;
}

/** Seconds for a run, what its frozen features cost when they were computed included, as far as they are known. */
export function totalSeconds({seconds: {features, training, validation}}: RunRecord): number {
  return (features ?? 0) + training + (validation ?? 0);
}

/** What a run itself took, and what it did not have to compute: '38 s, features reused (4.1 min)'. */
export function timeInWords(run: RunRecord): string {
  const {features, reused} = run.seconds;
  const own = duration(totalSeconds(run) - (reused ?? 0));
  if (features === null) return `${own}, frozen features not counted`;
  return reused === null || reused < 0.01 * features || reused === 0
    ? own
    : `${own}, features reused (${duration(reused)})`;
}

/**
 * What distinguishes a run besides backbone and regime, in short: ['lr 3e-4', '8 epochs', '4 views', 'head 256'].
 * Read from the configuration's `optimizer.learningRate` (a number, or one for `backbone` and one for `head`), `epochs`,
 * `trainPhotosPerClass`, `views` and `head.hidden`; what is not there is left out.
 */
export function parametersInShort({configuration}: RunRecord): string[] {
  const {epochs, views, trainPhotosPerClass} = configuration;
  const {learningRate} = settingsAt(configuration, 'optimizer');
  const rates = settingsAt(settingsAt(configuration, 'optimizer'), 'learningRate');
  const {hidden} = settingsAt(configuration, 'head');
  const parameters: string[] = [];
  if (typeof learningRate === 'number') parameters.push(`lr ${rate(learningRate)}`);
  if (typeof rates.backbone === 'number') parameters.push(`lr ${rate(rates.backbone)}`);
  if (typeof rates.head === 'number') parameters.push(`head lr ${rate(rates.head)}`);
  if (typeof epochs === 'number') parameters.push(counted(epochs, 'epoch'));
  if (typeof trainPhotosPerClass === 'number') {
    parameters.push(`${counted(trainPhotosPerClass, 'photo')} a class`);
  }
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

/** Scores in a line: 'macro-F1 0.912, accuracy 0.921, top-5 0.998'. */
export function scoresInWords({macroF1, accuracy, top5}: Scores): string {
  const top = top5 === null ? '' : `, top-5 ${score(top5)}`;
  return `${metricNames.macroF1} ${score(macroF1)}, ${metricNames.accuracy} ${score(accuracy)}${top}`;
}

/** A finished run for those who hover over it; `interval` is that of its score by `metric`. */
export function runInWords(run: FinishedRun, metric?: ComparedMetric, interval?: Interval | null): string {
  const {result} = run;
  const parameters = parametersInShort(run);
  return [
    `<b>${escapeHtml(run.title)}</b>`,
    ...(run.name === null
      ? []
      : [escapeHtml(`${networkTitle(run.configuration)}, ${regimeName(run.configuration.regime)}`)]),
    ...(result.test ? [`test: ${scoresInWords(result.test)}`] : []),
    `validation: ${scoresInWords(result.val)}, best epoch ${result.bestEpoch} of ${run.history.length}`,
    ...(metric && interval
      ? [`95 % interval of ${metricNames[metric]}: ${score(interval.low)} to ${score(interval.high)}`]
      : []),
    ...(parameters.length > 0 ? [parameters.join(', ')] : []),
    `trained in ${timeInWords(run)}`,
  ].join('<br>');
}
