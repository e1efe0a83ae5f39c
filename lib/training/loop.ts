/** The training loop: what a deep-learning course draws on the blackboard, plus what makes it survive a killed kernel. */
import {setImmediate} from 'node:timers/promises';
import {LabError} from '../errors';
import type {Learner} from '../heads';
import {accuracy, confusionMatrix, isBetter, type Metric, metrics} from '../metrics';
import {fnv1a, mulberry32} from '../random';
import {evaluate} from './evaluate';
import {checkCrossEntropy, divergence} from './losses';
import type {Epoch, TrainingObserver, TrainingState} from './observer';
import type {StateTensor} from './optimizer';
import {baseRate} from './optimizers';
import {learningRateFactor, type Schedule} from './schedules';
import {type Source, spending} from './source';
import {type LookAtGradients, type StepOptions, Stepper} from './step';

export interface TrainingOptions extends StepOptions {
  epochs: number;
  schedule: Schedule;
  /** What of the validation part chooses the best weights. Default: macro-F1. */
  select?: Metric;
  /** Epochs without a better one after which training ends. Default: never before `epochs`. */
  patience?: number;
  /** Seeds dropout; shuffling and augmentation belong to the source. */
  seed: number;
}

/** An observer, and what steers the training. */
export interface TrainingHooks extends TrainingObserver {
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
  const {epochs, schedule, patience = Infinity, select = 'macroF1'} = options;
  const {signal, resume, onGradients} = hooks;
  const stepsPerEpoch = data.train.batchesPerEpoch;
  const {classes} = learner;
  checkTraining(options, {stepsPerEpoch, classes});
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
      const [truth, predicted]: [number[], number[]] = [[], []];
      let [loss, factor, step] = [0, 1, state.epoch * stepsPerEpoch];

      for await (const {x, labels} of data.train.batches(epoch, signal)) {
        factor = learningRateFactor(schedule, step, stepsPerEpoch, epochs);
        step++;
        const batch = step - state.epoch * stepsPerEpoch;
        const look: LookAtGradients | undefined =
          onGradients && batch === stepsPerEpoch
            ? (found) => onGradients(found, {epoch, learner})
            : undefined;
        const done = spending(x, () => stepper.step(x, labels, random, factor, step, look));
        if (!Number.isFinite(done.loss)) {
          throw divergence(`The loss became ${done.loss} in epoch ${epoch}, batch ${batch}`);
        }
        loss += labels.length * done.loss;
        truth.push(...labels);
        predicted.push(...done.predicted);
        const secondsAStep = (performance.now() - began) / 1000 / (step - firstStep);
        hooks.onBatch?.({
          epoch,
          epochs,
          batch,
          batches: stepsPerEpoch,
          imagesPerSecond: truth.length / ((performance.now() - epochBegan) / 1000),
          secondsLeft: (epochs * stepsPerEpoch - step) * secondsAStep,
        });
        await setImmediate();
        signal?.throwIfAborted();
      }

      const seconds = (performance.now() - epochBegan) / 1000;
      const {scores: val} = await evaluate(learner, data.val, {signal});
      const valSeconds = (performance.now() - epochBegan) / 1000 - seconds;
      const value = val[select];
      const improved = isBetter(select, value, state.best?.value ?? null);
      state = {epoch, best: improved ? {epoch, metric: select, value} : state.best};
      const record: Epoch = {
        epoch,
        learningRate: baseRate(options.optimizer, 'head') * factor,
        train: {
          loss: loss / truth.length,
          accuracy: accuracy(confusionMatrix(truth, predicted, classes)),
        },
        val,
        seconds,
        valSeconds,
        imagesPerSecond: truth.length / seconds,
      };
      hooks.onEpoch?.(record, {learner, improved, state, optimizer: () => stepper.state()});
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
  const {epochs, patience, clipNorm, schedule, select = 'macroF1'} = options;
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new LabError(`training: ${epochs} epochs cannot be. Give a whole number of at least 1.`);
  }
  if (!metrics.includes(select)) {
    throw new LabError(`training: select is "${String(select)}". Give ${metrics.join(', ')}.`);
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
