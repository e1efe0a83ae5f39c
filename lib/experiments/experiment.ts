/** One experiment from configuration to stored result: weights, frozen features, training, a single look at the test part. */
import type {BatchItem, View} from '../batches';
import type {Part} from '../datasets';
import {type FeatureStore, frozenFeatures} from '../features';
import {openCheckpoint} from '../checkpoints';
import {Classifier, Head} from '../heads';
import {fnv1a} from '../random';
import {type Run, type RunRecord, type RunResult, runTitle} from '../runs';
import {type BatchProgress, type Epoch, evaluate, isOptimizerState, type Source, train} from '../training';
import {completeExperiment, type Experiment, type ExperimentOptions, trainingOptions} from './configuration';
import {findNetwork, type NetworkHooks} from './networks';
import {keptStages} from './regimes';
import {featureSource, photoSource} from './sources';
import type {Workspace} from './workspace';

export interface ExperimentHooks extends NetworkHooks {
  /** The run's title, once its configuration is complete. */
  onStart?: (title: string) => void;
  /** Photos whose frozen features are at hand, of all that are needed. */
  onFeatures?: (done: number, total: number) => void;
  onBatch?: (progress: BatchProgress) => void;
  onEpoch?: (epoch: Epoch, improved: boolean) => void;
}

/**
 * Runs an experiment, or gives its stored result at once. An interrupted one goes on after its last epoch. The test
 * part is looked at once, with the weights of the epoch that was best on the validation part.
 */
export async function runExperiment(
  options: ExperimentOptions,
  workspace: Workspace,
  hooks: ExperimentHooks = {},
): Promise<RunRecord> {
  const network = await findNetwork(options.backbone, options.size, workspace, hooks);
  const {architecture, load} = network;
  const experiment = completeExperiment(options, network, workspace);
  const kept = keptStages(options.regime, architecture.stages.length);
  const {name = null} = options;
  hooks.onStart?.(name ?? runTitle(experiment));
  const stored = workspace.runs.find(experiment);
  if (stored?.status === 'complete' && !options.force) {
    return stored.name === name ? stored : (workspace.runs.rename(stored.id, name) ?? stored);
  }

  const head = new Head(architecture.features, experiment.classes.length, experiment.head, experiment.seed);
  const classifier = new Classifier(load(), head, experiment.frozen);
  try {
    const run = workspace.runs.open(experiment, {redo: options.force});
    try {
      run.rename(name);
      await trainAndTest(classifier, experiment, kept, run, workspace, hooks);
    } catch (error) {
      if (!hooks.signal?.aborted) throw error;
    } finally {
      run.release();
    }
    return run.record();
  } finally {
    classifier.dispose();
  }
}

async function trainAndTest(
  classifier: Classifier,
  experiment: Experiment,
  kept: number[],
  run: Run,
  workspace: Workspace,
  hooks: ExperimentHooks,
): Promise<void> {
  const {sources, close} = await openNotedSources(classifier, experiment, kept, run, workspace, hooks);
  try {
    const resumed = resumePoint(run);
    if (resumed) classifier.restore(resumed.weights);
    const outcome = await train(classifier, sources, trainingOptions(experiment, workspace), {
      signal: hooks.signal,
      onBatch: hooks.onBatch,
      onEpoch: (epoch, improved, state, optimizer) => {
        const weights = classifier.state();
        run.appendEpoch(epoch);
        if (improved) run.saveBest(weights, epoch.epoch);
        run.saveLast([...weights, ...optimizer()], state);
        hooks.onEpoch?.(epoch, improved);
      },
      resume: resumed,
    });
    hooks.signal?.throwIfAborted();
    const best = outcome.state.best!;
    restoreFile(classifier, run.bestWeights());
    const {parts} = workspace.split;
    const part = parts.test.length > 0 ? 'test' : 'val';
    const {scores, confusion, truth, predicted, probabilities} = await evaluate(classifier, sources[part]);
    const result: RunResult = {
      bestEpoch: best.epoch,
      val: run.record().history[best.epoch - 1].val,
      test: part === 'test' ? scores : null,
      confusion,
      predictions: parts[part].map(({path}, i) => ({
        path,
        truth: truth[i],
        predicted: predicted[i],
        probability: probabilities[i * confusion.length + predicted[i]],
      })),
    };
    run.finish(result, probabilities);
  } finally {
    close();
  }
}

/** Where an interrupted run stands: its state, the classifier's tensors and the optimizer's. */
function resumePoint(run: Run) {
  const stored = run.resumeState();
  if (!stored) return undefined;
  const tensors = [...stored.tensors].map(([name, tensor]) => ({name, ...tensor}));
  const [optimizer, weights] = [true, false].map((wanted) =>
    tensors.filter(({name}) => isOptimizerState(name) === wanted),
  );
  return {state: stored.state, weights, optimizer};
}

function restoreFile(classifier: Classifier, file: string): void {
  const checkpoint = openCheckpoint(file);
  try {
    classifier.restore(
      [...checkpoint.tensors.values()].map((tensor) => ({name: tensor.name, values: tensor.values()})),
    );
  } finally {
    checkpoint.close();
  }
}

/** The photos of a part as batches take them. */
export function batchItems({dataset, split}: Workspace, part: Part): BatchItem[] {
  return split.parts[part].map(({path, label, sha256}) => ({
    file: `${dataset.folder}/${path}`,
    label,
    key: sha256,
  }));
}

/** The sources, of which the run notes what their frozen features cost and what of it was spent now. */
async function openNotedSources(
  classifier: Classifier,
  experiment: Experiment,
  kept: number[],
  run: Run,
  workspace: Workspace,
  hooks: ExperimentHooks,
) {
  let [cost, spent]: [number | null, number] = [null, 0];
  const onSpent = (seconds: number) => (spent += seconds);
  try {
    const opened = await openSources(classifier, experiment, kept, workspace, {...hooks, onSpent});
    ({cost} = opened);
    return opened;
  } finally {
    run.noteFeatures({cost, spent});
  }
}

/** The three parts as sources: photos when nothing is frozen, else frozen features, computed where they are missing. */
async function openSources(
  {backbone}: Classifier,
  experiment: Experiment,
  kept: number[],
  workspace: Workspace,
  hooks: ExperimentHooks & {onSpent: (seconds: number) => void},
): Promise<{sources: Record<Part, Source>; cost: number | null; close: () => void}> {
  const {preprocessing, augmentation, batchSize, seed, frozen, weights, views} = experiment;
  const items = {
    train: batchItems(workspace, 'train'),
    val: batchItems(workspace, 'val'),
    test: batchItems(workspace, 'test'),
  };
  if (frozen === 0) {
    const source = (part: Part) => photoSource(items[part], {preprocessing, augmentation, batchSize, seed});
    return {
      sources: {train: source('train'), val: source('val'), test: source('test')},
      cost: 0,
      close: () => {},
    };
  }
  const augmented = Array.from({length: views}, (_, view): View => ({
    augmentation,
    seed: fnv1a(`view ${view}`),
  }));
  const passes: {view: View; photos: BatchItem[]}[] = [
    {view: 'evaluation', photos: [...(views === 0 ? items.train : []), ...items.val, ...items.test]},
    ...augmented.map((view) => ({view, photos: items.train})),
  ];
  const total = passes.reduce((sum, {photos}) => sum + photos.length, 0);
  const stores: FeatureStore[] = [];
  const close = () => stores.forEach((store) => store.close());
  let [before, cost]: [number, number | null] = [0, 0];
  try {
    for (const {view, photos} of passes) {
      const opened = await frozenFeatures(photos, {
        backbone,
        weights,
        preprocessing,
        view,
        stages: kept,
        folder: workspace.featuresFolder,
        onProgress: (done) => hooks.onFeatures?.(before + done, total),
        onSpent: hooks.onSpent,
        signal: hooks.signal,
        onWait: hooks.onWarning,
      });
      before += photos.length;
      stores.push(opened.pop()!);
      opened.forEach((store) => store.close());
      const seconds = stores.at(-1)!.secondsOf(photos.map(({key}) => key));
      cost = cost === null || seconds === null ? null : cost + seconds;
    }
  } catch (error) {
    close();
    throw error;
  }
  const [plain, ...augmentedStores] = stores;
  const order = {batchSize, seed};
  return {
    sources: {
      train: featureSource(items.train, views === 0 ? [plain] : augmentedStores, order),
      val: featureSource(items.val, [plain], order),
      test: featureSource(items.test, [plain], order),
    },
    cost,
    close,
  };
}
