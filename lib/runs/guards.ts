/** Guards between the JSON on the disk, which may hold anything, and the types of a run. */
import {LabError} from '../errors';
import {type Metric, metrics, type Scores} from '../metrics';
import type {TrainingState} from '../training';
import type {RunIdentity} from './identity';
import {NO_NOTES, type RunNotes} from './notes';
import type {EpochRecord, Prediction, RunResult} from './record';
import type {Regime} from './regime';

/** A run folder whose content cannot be what the store wrote. The message says which file, where and how. */
export class DamagedRun extends LabError {
  override name = 'DamagedRun';
}

/** Parses a file's text; `what` names the file in the error. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DamagedRun(`${what} is not JSON (${(error as SyntaxError).message})`);
  }
}

export function asConfiguration(value: unknown, what: string): RunIdentity {
  const fields = asObject(value, what);
  return {
    ...fields,
    backbone: asText(fields.backbone, `${what}: backbone`),
    network: asText(fields.network ?? fields.backbone, `${what}: network`),
    regime: asRegime(fields.regime, `${what}: regime`),
    select: asMetric(fields.select ?? 'macroF1', `${what}: select`),
    standIns: asList(fields.standIns ?? earlierStandIns(fields), `${what}: standIns`, asText),
    classes: asList(fields.classes, `${what}: classes`, asText),
    split: asText(fields.split, `${what}: split`),
    seed: asNumber(fields.seed, `${what}: seed`),
  };
}

/** What runs stored by version 0.1 tell of stand-ins: whether they were a demonstration. */
const earlierStandIns = ({demonstration}: Record<string, unknown>): string[] =>
  demonstration === true ? ['drawings', 'small networks with random weights'] : [];

/** A regime, or the words for one that runs of schema 1 hold. */
function asRegime(value: unknown, what: string): Regime {
  if (value === 'feature extraction' || value === 'everything') return {kind: value};
  if (value === 'last stage') return {kind: 'last stages', count: 1};
  const count = typeof value === 'string' ? /^last (\d+) stages$/.exec(value)?.[1] : undefined;
  if (count !== undefined) return {kind: 'last stages', count: Number(count)};
  const fields = asObject(value, what);
  if (fields.kind === 'last stages')
    return {kind: fields.kind, count: asCount(fields.count, `${what}: count`)};
  if (fields.kind === 'feature extraction' || fields.kind === 'everything') return {kind: fields.kind};
  throw wrong(fields.kind, `${what}: kind`, 'a kind of regime');
}

export function asNotes(value: unknown, what: string): RunNotes {
  const fields = asObject(value, what);
  const text = (name: 'name' | 'began' | 'ended') => orNull(fields[name], `${what}: ${name}`, asText);
  return {
    schema: asCount(fields.schema ?? NO_NOTES.schema, `${what}: schema`),
    name: text('name'),
    began: text('began'),
    ended: text('ended'),
    features: orNull(fields.features, `${what}: features`, (item, where) => {
      const {cost, spent} = asObject(item, where);
      return {
        cost: orNull(cost, `${where}: cost`, asNumber),
        spent: asNumber(spent, `${where}: spent`),
      };
    }),
  };
}

export function asEpoch(value: unknown, what: string): EpochRecord {
  const fields = asObject(value, what);
  const number = (name: keyof EpochRecord) => asNumber(fields[name], `${what}: ${name}`);
  const measured = 'val' in fields ? fields : earlierScores(fields);
  const train = asObject(measured.train, `${what}: train`);
  return {
    epoch: number('epoch'),
    learningRate: number('learningRate'),
    train: {
      loss: asLoss(train.loss, `${what}: train.loss`),
      accuracy: orNull(train.accuracy, `${what}: train.accuracy`, asNumber),
    },
    val: asScores(measured.val, `${what}: val`),
    seconds: number('seconds'),
    valSeconds: orNull(fields.valSeconds, `${what}: valSeconds`, asNumber),
    imagesPerSecond: number('imagesPerSecond'),
  };
}

/** The scores that an epoch or a result of schema 1 holds, laid out as they are now. */
const earlierScores = (fields: Record<string, unknown>) => ({
  train: {loss: fields.trainLoss},
  val: {loss: fields.valLoss, accuracy: fields.valAccuracy, macroF1: fields.valMacroF1},
  test: {loss: null, accuracy: fields.testAccuracy, macroF1: fields.testMacroF1},
});

function asScores(value: unknown, what: string): Scores {
  const fields = asObject(value, what);
  return {
    loss: asLoss(fields.loss, `${what}.loss`),
    accuracy: asNumber(fields.accuracy, `${what}.accuracy`),
    macroF1: asNumber(fields.macroF1, `${what}.macroF1`),
    top5: orNull(fields.top5, `${what}.top5`, asNumber),
  };
}

export function asState(value: unknown, what: string): TrainingState {
  const fields = asObject(value, what);
  const epoch = asCount(fields.epoch, `${what}: epoch`);
  if (fields.best === null) return {epoch, best: null};
  const best = asObject(fields.best, `${what}: best`);
  const {metric, value: reached} = 'metric' in best ? best : {metric: 'macroF1', value: best.macroF1}; // as schema 1 has it
  return {
    epoch,
    best: {
      epoch: asCount(best.epoch, `${what}: best.epoch`),
      metric: asMetric(metric, `${what}: best.metric`),
      value: asLoss(reached, `${what}: best.value`),
    },
  };
}

/** `classes` is their number: the confusion matrix has as many rows and columns. */
export function asResult(
  value: unknown,
  what: string,
  {classes, history}: {classes: number; history: readonly EpochRecord[]},
): RunResult {
  const fields = asObject(value, what);
  const row = (item: unknown, where: string) => requireLength(asList(item, where, asCount), where, classes);
  const bestEpoch = asCount(fields.bestEpoch, `${what}: bestEpoch`);
  const isEarlier = !('val' in fields);
  const {test} = isEarlier ? earlierScores(fields) : fields;
  const best = history[bestEpoch - 1] as EpochRecord | undefined;
  return {
    bestEpoch,
    val: isEarlier && best ? best.val : asScores(fields.val, `${what}: val`),
    test: orNull(test, `${what}: test`, asScores),
    confusion: requireLength(
      asList(fields.confusion, `${what}: confusion`, row),
      `${what}: confusion`,
      classes,
    ),
    predictions: asList(fields.predictions, `${what}: predictions`, (item, where) =>
      asPrediction(item, where, classes),
    ),
  };
}

function asPrediction(value: unknown, what: string, classes: number): Prediction {
  const fields = asObject(value, what);
  return {
    path: asText(fields.path, `${what}.path`),
    truth: asLabel(fields.truth, `${what}.truth`, classes),
    predicted: asLabel(fields.predicted, `${what}.predicted`, classes),
    probability: asNumber(fields.probability, `${what}.probability`),
  };
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong(value, what, 'an object');
}

function asText(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw wrong(value, what, 'a text');
}

function asNumber(value: unknown, what: string): number {
  if (typeof value === 'number') return value;
  throw wrong(value, what, 'a number');
}

/** JSON holds null for a loss that is not finite. */
function asLoss(value: unknown, what: string): number {
  return value === null ? NaN : asNumber(value, what);
}

function asMetric(value: unknown, what: string): Metric {
  const metric = metrics.find((each) => each === value);
  if (metric) return metric;
  throw wrong(value, what, `one of ${metrics.join(', ')}`);
}

function orNull<T>(value: unknown, what: string, asValue: (value: unknown, what: string) => T): T | null {
  return value === null || value === undefined ? null : asValue(value, what);
}

function asCount(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw wrong(value, what, 'a count');
}

function asLabel(value: unknown, what: string, classes: number): number {
  if (asCount(value, what) < classes) return value as number;
  throw wrong(value, what, `one of ${classes} classes`);
}

function asList<T>(value: unknown, what: string, asItem: (item: unknown, what: string) => T): T[] {
  if (Array.isArray(value)) return value.map((item, index) => asItem(item, `${what}[${index}]`));
  throw wrong(value, what, 'a list');
}

function requireLength<T>(list: T[], what: string, length: number): T[] {
  if (list.length === length) return list;
  throw new DamagedRun(`${what} has ${list.length} entries, not ${length}`);
}

function wrong(value: unknown, what: string, wanted: string): DamagedRun {
  return new DamagedRun(`${what} is ${JSON.stringify(value)?.slice(0, 60) ?? 'missing'}, not ${wanted}`);
}
