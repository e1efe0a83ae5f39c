/**
 * Learning-rate schedules as plain data: what a run is configured with can be stored, compared and hashed. The factor
 * on the base learning rate is a pure function of the step.
 */
import {LabError} from '../errors';

/** Epochs over which the rate first rises linearly to where the schedule begins; the schedule takes the rest. */
interface WarmUp {
  warmup: number;
}

/** The base rate throughout. */
export interface ConstantSchedule extends WarmUp {
  kind: 'constant';
}

/** The rate is multiplied by `gamma` every `every` epochs. */
export interface StepDecaySchedule extends WarmUp {
  kind: 'stepDecay';
  every: number;
  gamma: number;
}

/** Half a cosine from the base rate down to `final` times the base rate (Loshchilov & Hutter 2017, without restarts). */
export interface CosineSchedule extends WarmUp {
  kind: 'cosine';
  final: number;
}

/**
 * Up to the base rate and down again (Smith & Topin 2018), as PyTorch's OneCycleLR with two cosine phases: from
 * 1 / divFactor up during the share `pctStart` of all steps, then down to 1 / (divFactor * finalDivFactor).
 */
export interface OneCycleSchedule extends WarmUp {
  kind: 'oneCycle';
  pctStart: number;
  divFactor: number;
  finalDivFactor: number;
}

export type Schedule = ConstantSchedule | StepDecaySchedule | CosineSchedule | OneCycleSchedule;

/** A constant rate. Throws a LabError when `warmup`, in epochs, is negative. */
export function constant({warmup = 0}: Partial<WarmUp> = {}): ConstantSchedule {
  requireWarmup('constant', warmup);
  return {kind: 'constant', warmup};
}

/** Steps down, as PyTorch's StepLR: `gamma` (0.1) times the rate every `every` epochs. Throws a LabError for values out of range. */
export function stepDecay({
  every,
  gamma = 0.1,
  warmup = 0,
}: {
  every: number;
  gamma?: number;
  warmup?: number;
}): StepDecaySchedule {
  requireValue('stepDecay', 'every', every, every > 0, 'a number of epochs above 0, such as 5');
  requireValue(
    'stepDecay',
    'gamma',
    gamma,
    gamma > 0 && gamma <= 1,
    'a factor above 0 and at most 1, such as 0.1',
  );
  requireWarmup('stepDecay', warmup);
  return {kind: 'stepDecay', every, gamma, warmup};
}

/** A cosine down to `final` (0) times the base rate. Throws a LabError for values out of range. */
export function cosine({final = 0, warmup = 0}: {final?: number; warmup?: number} = {}): CosineSchedule {
  requireValue('cosine', 'final', final, final >= 0 && final <= 1, 'a factor from 0 to 1, such as 0.01');
  requireWarmup('cosine', warmup);
  return {kind: 'cosine', final, warmup};
}

/** One cycle with PyTorch's defaults (0.3, 25, 1e4). Throws a LabError for values out of range. */
export function oneCycle({
  pctStart = 0.3,
  divFactor = 25,
  finalDivFactor = 1e4,
  warmup = 0,
}: Partial<Omit<OneCycleSchedule, 'kind'>> = {}): OneCycleSchedule {
  requireValue(
    'oneCycle',
    'pctStart',
    pctStart,
    pctStart >= 0 && pctStart < 1,
    'a share from 0 to below 1, such as 0.3',
  );
  requireValue('oneCycle', 'divFactor', divFactor, divFactor >= 1, 'a divisor of at least 1, such as 25');
  requireValue(
    'oneCycle',
    'finalDivFactor',
    finalDivFactor,
    finalDivFactor > 0,
    'a divisor above 0, such as 1e4',
  );
  requireWarmup('oneCycle', warmup);
  return {kind: 'oneCycle', pctStart, divFactor, finalDivFactor, warmup};
}

/**
 * The factor on the base learning rate at an optimizer step (from 0) of a run of `stepsPerEpoch * epochs` steps.
 * Throws a LabError when the warm-up leaves no step for the schedule or the step lies outside the run.
 */
export function learningRateFactor(
  schedule: Schedule,
  step: number,
  stepsPerEpoch: number,
  epochs: number,
): number {
  const steps = stepsPerEpoch * epochs;
  if (!Number.isInteger(step) || step < 0 || step >= steps) {
    throw new LabError(`Step ${step} lies outside a run of ${epochs} epochs of ${stepsPerEpoch} steps.`);
  }
  const warmupSteps = Math.round(schedule.warmup * stepsPerEpoch);
  if (warmupSteps >= steps) {
    throw new LabError(
      `${schedule.kind} schedule: a warm-up of ${schedule.warmup} epochs leaves nothing of the run's ${epochs}. ` +
        'Shorten the warm-up or train for longer.',
    );
  }
  if (step < warmupSteps) {
    return (
      (factorAfterWarmup(schedule, 0, steps - warmupSteps, stepsPerEpoch) * (step + 1)) / (warmupSteps + 1)
    );
  }
  return factorAfterWarmup(schedule, step - warmupSteps, steps - warmupSteps, stepsPerEpoch);
}

function factorAfterWarmup(schedule: Schedule, step: number, steps: number, stepsPerEpoch: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'stepDecay':
      return schedule.gamma ** Math.floor(step / (schedule.every * stepsPerEpoch));
    case 'cosine':
      return halfCosine(1, schedule.final, step / steps);
    case 'oneCycle':
      return oneCycleFactor(schedule, step, steps);
  }
}

function oneCycleFactor(
  {pctStart, divFactor, finalDivFactor}: OneCycleSchedule,
  step: number,
  steps: number,
): number {
  const start = 1 / divFactor;
  const peakStep = pctStart * steps - 1;
  return step < peakStep
    ? halfCosine(start, 1, step / peakStep)
    : halfCosine(1, start / finalDivFactor, (step - peakStep) / (steps - 1 - peakStep));
}

/** From `start` to `end` along half a cosine; `share` of the way, 0 to 1. */
function halfCosine(start: number, end: number, share: number): number {
  return end + ((start - end) * (1 + Math.cos(Math.PI * share))) / 2;
}

function requireWarmup(kind: Schedule['kind'], warmup: number): void {
  requireValue(kind, 'warmup', warmup, warmup >= 0, 'a number of epochs from 0 up, such as 1');
}

function requireValue(
  kind: Schedule['kind'],
  name: string,
  value: number,
  fits: boolean,
  wanted: string,
): void {
  if (fits && Number.isFinite(value)) return;
  throw new LabError(`${kind} schedule: ${name} is ${value}; give ${wanted}.`);
}
