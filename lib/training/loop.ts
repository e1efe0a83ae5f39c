/** The training loop: what a deep-learning course draws on the blackboard, plus what makes it survive a killed kernel. */
import {setImmediate} from 'node:timers/promises';
import {LabError} from '../errors';
import type {Learner} from '../heads';
import {macroF1} from '../metrics';
import {fnv1a, mulberry32} from '../random';
import {evaluate} from './evaluate';
import {checkCrossEntropy, divergence} from './losses';
import {baseRate} from './optimizers';
import {learningRateFactor, type Schedule} from './schedules';
import {type Source, spending} from './source';
import {type StateTensor, type StepOptions, Stepper} from './step';

export interface TrainingOptions extends StepOptions {
  epochs: number;
  schedule: Schedule;
  /** Epochs without a better validation macro-F1 after which training ends. Default: never before `epochs`. */
  patience?: number;
  /** Seeds dropout; shuffling and augmentation belong to the source. */
  seed: number;
}

/** What an epoch brought, measured on the validation part. */
export interface Epoch {
  epoch: number;
  learningRate: number;
  trainLoss: number;
  valLoss: number;
  valMacroF1: number;
  valAccuracy: number;
  seconds: number;
  imagesPerSecond: number;
}

export interface BatchProgress {
  epoch: number;
  epochs: number;
  batch: number;
  batches: number;
  imagesPerSecond: number;
  /** Estimated seconds to the end of the last epoch. */
  secondsLeft: number;
}

/** Where training stands between two epochs; with the learner's and the optimizer's tensors it can go on from there. */
export interface TrainingState {
  epoch: number;
  best: {epoch: number; macroF1: number} | null;
}

export interface TrainingHooks {
  onBatch?: (progress: BatchProgress) => void;
  /** After every epoch; `improved` tells that the learner now holds the best weights so far. */
  onEpoch?: (epoch: Epoch, improved: boolean, state: TrainingState, optimizer: () => StateTensor[]) => void;
  /** Ends training at the next batch. */
  signal?: AbortSignal;
  /** Where an earlier training stopped; the learner must hold its weights. */
  resume?: {state: TrainingState; optimizer: StateTensor[]};
}

export interface TrainingOutcome {
  state: TrainingState;
  interrupted: boolean;
}

/** Draws the dropout masks of an epoch (from 1), the same whenever it is run. */
export const dropoutRandom = (seed: number, epoch: number): (() => number) =>
  mulberry32(fnv1a(`dropout ${seed} ${epoch}`));

/** Trains a network and scores every epoch on the validation part. */
export async function train(
  learner: Learner,
  data: {train: Source; val: Source},
  options: TrainingOptions,
  hooks: TrainingHooks = {},
): Promise<TrainingOutcome> {
  const {epochs, schedule, patience = Infinity} = options;
  const {signal, resume} = hooks;
  const stepsPerEpoch = data.train.batchesPerEpoch;
  checkTraining(options, {stepsPerEpoch, classes: learner.classes});
  const stepper = new Stepper(learner, options);
  if (resume) stepper.restore(resume.optimizer);
  let state: TrainingState = resume?.state ?? {epoch: 0, best: null};
  const isDone = () => state.epoch >= epochs || state.epoch - (state.best?.epoch ?? state.epoch) >= patience;
  const began = performance.now();
  const firstStep = state.epoch * stepsPerEpoch;
  try {
    while (!isDone()) {
      const epoch = state.epoch + 1;
      const random = dropoutRandom(options.seed, epoch);
      const epochBegan = performance.now();
      let [loss, seen, factor, step] = [0, 0, 1, state.epoch * stepsPerEpoch];

      for await (const {x, labels} of data.train.batches(epoch, signal)) {
        factor = learningRateFactor(schedule, step, stepsPerEpoch, epochs);
        step++;
        const batch = step - state.epoch * stepsPerEpoch;
        const batchLoss = spending(x, () => stepper.step(x, labels, random, factor, step));
        if (!Number.isFinite(batchLoss)) {
          throw divergence(`The loss became ${batchLoss} in epoch ${epoch}, batch ${batch}`);
        }
        loss += labels.length * batchLoss;
        seen += labels.length;
        const secondsAStep = (performance.now() - began) / 1000 / (step - firstStep);
        hooks.onBatch?.({
          epoch,
          epochs,
          batch,
          batches: stepsPerEpoch,
          imagesPerSecond: seen / ((performance.now() - epochBegan) / 1000),
          secondsLeft: (epochs * stepsPerEpoch - step) * secondsAStep,
        });
        await setImmediate();
        signal?.throwIfAborted();
      }

      const seconds = (performance.now() - epochBegan) / 1000;
      const validation = await evaluate(learner, data.val, {signal});
      const score = macroF1(validation.confusion);
      const correct = validation.confusion.reduce((sum, row, label) => sum + row[label], 0);
      const improved = state.best === null || score > state.best.macroF1;
      state = {epoch, best: improved ? {epoch, macroF1: score} : state.best};
      const record: Epoch = {
        epoch,
        learningRate: baseRate(options.optimizer, 'head') * factor,
        trainLoss: loss / seen,
        valLoss: validation.loss,
        valMacroF1: score,
        valAccuracy: correct / data.val.size,
        seconds,
        imagesPerSecond: seen / seconds,
      };
      hooks.onEpoch?.(record, improved, state, () => stepper.state());
    }
    return {state, interrupted: false};
  } catch (error) {
    if (signal?.aborted) return {state, interrupted: true};
    throw error;
  } finally {
    stepper.dispose();
  }
}

/** Throws a LabError that names the value unless one can train with these options, so that nothing is computed in vain. */
export function checkTraining(
  options: TrainingOptions,
  {stepsPerEpoch, classes}: {stepsPerEpoch: number; classes: number},
): void {
  const {epochs, patience, clipNorm, schedule} = options;
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new LabError(`training: ${epochs} epochs cannot be. Give a whole number of at least 1.`);
  }
  for (const [name, value] of Object.entries({patience, clipNorm})) {
    if (value !== undefined && !(value > 0)) {
      throw new LabError(
        `training: a ${name} of ${value} cannot be. Give a number above 0, or leave it out.`,
      );
    }
  }
  checkCrossEntropy(options, classes);
  learningRateFactor(schedule, 0, stepsPerEpoch, epochs); // Throws when the warm-up is as long as the training.
}
