/** In which precision an experiment multiplies: as the cell asks, else as the environment does, else as it pays. */
import {type LayerSummary, multiplyAddsPerOutput} from '../backbones';
import {type EngineReport, engineReport, type Precision} from '../engine';
import {LabError} from '../errors';

export type PrecisionChoice = 'auto' | Precision;

const choices: readonly string[] = ['auto', 'float32', 'bfloat16'] satisfies PrecisionChoice[];

/** Throws a LabError that begins with `what` unless a value is a precision that can be asked for. */
export function checkedPrecision(value: string, what: string): PrecisionChoice {
  if (choices.includes(value)) return value as PrecisionChoice;
  throw new LabError(`${what} is "${value}". Give auto, float32 or bfloat16.`);
}

/** What the environment's `LAB_PRECISION` asks for, else 'auto'. */
export const labPrecision = (): PrecisionChoice =>
  checkedPrecision(process.env.LAB_PRECISION || 'auto', 'LAB_PRECISION');

type Machine = Pick<EngineReport, 'device' | 'bfloat16' | 'tiles'>;

/**
 * Multiply-adds for each number that its layers give from which on a network gains without tiles: those that do have 95 and
 * more, those that are made of depthwise convolutions 41 and less.
 */
const enough = 64;

/** What a network of these layers multiplies. A graphics card multiplies float32, whatever is asked for. */
export function choosePrecision(
  asked: PrecisionChoice,
  layers: readonly LayerSummary[],
  {device, bfloat16, tiles}: Machine = engineReport(),
): Precision {
  if (device === 'GPU') return 'float32';
  if (asked !== 'auto') return asked;
  return tiles || (bfloat16 && multiplyAddsPerOutput(layers) >= enough) ? 'bfloat16' : 'float32';
}

/** For people: which precision experiments take that ask for none, and why. */
export function precisionInWords(
  asked: PrecisionChoice = labPrecision(),
  {device, bfloat16, tiles}: Machine = engineReport(),
): string {
  if (device === 'GPU') return 'float32, as the graphics card computes';
  if (asked !== 'auto') return `${asked}, as LAB_PRECISION asks${asked === 'bfloat16' ? slow(bfloat16) : ''}`;
  if (!bfloat16) return 'float32: without avx512_bf16, amx_bf16 or oneDNN, bfloat16 would be slower here';
  if (tiles) return 'auto: bfloat16, which this processor multiplies in its tiles (amx_bf16)';
  return (
    `auto: bfloat16 for networks with at least ${enough} multiply-adds of dense layers for each number that their ` +
    'layers give, as this processor multiplies it; float32 for the others, which would gain nothing'
  );
}

const slow = (bfloat16: boolean): string =>
  bfloat16 ? '' : '; slower than float32 here, without avx512_bf16, amx_bf16 or oneDNN';
