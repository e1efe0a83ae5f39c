/** Active learning as a cell runs it: with progress, and to be stopped. */
import type {Workspace} from '../experiments';
import {
  type ActiveLearning,
  type ActiveLearningOptions,
  compareStrategies,
  type ComparisonOptions,
  type FrozenParts,
  frozenParts,
  type FrozenPartsOptions,
  learnActively,
} from '../labelling';
import {backboneName} from '../experiments';
import type {LearningCurve} from '../metrics';
import {interruptible} from './interrupt';
import {preparation} from './preparation';
import {ProgressLine} from './progress';

/** The photos of a workspace as frozen features, computed where they are missing. */
export function frozenWithProgress(workspace: Workspace, options: FrozenPartsOptions): Promise<FrozenParts> {
  const line = new ProgressLine();
  const name = backboneName(options.backbone);
  return interruptible(`${name} was interrupted. Run the cell again to go on.`, async (signal) => {
    const parts = await frozenParts(options, workspace, {
      ...preparation(line, () => name),
      signal,
    });
    line.finish(`${parts.title} · features of ${parts.train.keys.length} photos to choose from`);
    return parts;
  });
}

export type LearnOptions = Omit<ActiveLearningOptions, 'pool' | 'scored' | 'classes' | 'signal'>;

/** A session on the training photos, scored on the validation part; the stop button ends it between two rounds. */
export function learnWithProgress(
  {train, val, classes}: FrozenParts,
  options: LearnOptions,
): Promise<ActiveLearning> {
  const line = new ProgressLine();
  const total = Math.min(options.budget ?? Infinity, train.keys.length);
  const stopped =
    'Active learning was interrupted; the labels that were kept stay. Run the cell again to go on.';
  return interruptible(stopped, async (signal) => {
    const learnt = await learnActively({
      ...options,
      pool: train,
      scored: val,
      classes,
      signal,
      onRound: (round) => {
        line.report({title: 'labelled', unit: 'images', done: round.labelled, total});
        options.onRound?.(round);
      },
    });
    const last = learnt.rounds.at(-1);
    const reached = last ? ` · validation accuracy ${last.accuracy.toFixed(3)}` : '';
    line.finish(`${learnt.labels.size} photos labelled${reached}`);
    return learnt;
  });
}

export interface CompareOptions extends Omit<ComparisonOptions, 'pool' | 'scored' | 'classes' | 'signal'> {
  /** Which part the networks are scored on. Default: 'val'. */
  part?: 'val' | 'test';
}

/** Strategies on the training photos, the truth held back. */
export function compareWithProgress(
  frozen: FrozenParts,
  {part = 'val', ...options}: CompareOptions,
): Promise<LearningCurve[]> {
  const line = new ProgressLine();
  return interruptible('The comparison was interrupted. Run the cell again.', async (signal) => {
    const curves = await compareStrategies({
      ...options,
      pool: frozen.train,
      scored: frozen[part],
      classes: frozen.classes,
      signal,
      onProgress: (done, total) => {
        line.report({title: 'active learning', unit: 'sessions', done, total});
        options.onProgress?.(done, total);
      },
    });
    line.finish();
    return curves;
  });
}
