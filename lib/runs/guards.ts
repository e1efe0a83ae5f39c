/** Guards between the JSON on the disk, which may hold anything, and the types of a run. */
import {LabError} from '../errors';
import type {TrainingState} from '../training';
import type {RunIdentity} from './identity';
import type {EpochRecord, Prediction, RunResult} from './record';

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
    regime: asText(fields.regime, `${what}: regime`),
    standIns: asList(fields.standIns ?? earlierStandIns(fields), `${what}: standIns`, asText),
    classes: asList(fields.classes, `${what}: classes`, asText),
    split: asText(fields.split, `${what}: split`),
    seed: asNumber(fields.seed, `${what}: seed`),
  };
}

/** What runs stored by version 0.1 tell of stand-ins: whether they were a drawings. */
const earlierStandIns = ({drawings}: Record<string, unknown>): string[] =>
  drawings === true ? ['drawings', 'small networks with random weights'] : [];

export function asEpoch(value: unknown, what: string): EpochRecord {
  const fields = asObject(value, what);
  const number = (name: keyof EpochRecord) => asNumber(fields[name], `${what}: ${name}`);
  const loss = (name: keyof EpochRecord) => (fields[name] === null ? NaN : number(name));
  return {
    epoch: number('epoch'),
    learningRate: number('learningRate'),
    trainLoss: loss('trainLoss'),
    valLoss: loss('valLoss'),
    valMacroF1: number('valMacroF1'),
    valAccuracy: number('valAccuracy'),
    seconds: number('seconds'),
    imagesPerSecond: number('imagesPerSecond'),
  };
}

export function asState(value: unknown, what: string): TrainingState {
  const fields = asObject(value, what);
  const epoch = asCount(fields.epoch, `${what}: epoch`);
  if (fields.best === null) return {epoch, best: null};
  const best = asObject(fields.best, `${what}: best`);
  return {
    epoch,
    best: {
      epoch: asCount(best.epoch, `${what}: best.epoch`),
      macroF1: asNumber(best.macroF1, `${what}: best.macroF1`),
    },
  };
}

/** `classes` is their number: the confusion matrix has as many rows and columns. */
export function asResult(value: unknown, what: string, classes: number): RunResult {
  const fields = asObject(value, what);
  const number = (name: keyof RunResult) => asNumber(fields[name], `${what}: ${name}`);
  const row = (item: unknown, where: string) => requireLength(asList(item, where, asCount), where, classes);
  return {
    bestEpoch: asCount(fields.bestEpoch, `${what}: bestEpoch`),
    valMacroF1: number('valMacroF1'),
    testMacroF1: number('testMacroF1'),
    testAccuracy: number('testAccuracy'),
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
