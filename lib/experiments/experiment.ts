/** One experiment from configuration to stored result: weights, frozen features, training, a single look at the test part. */
import {
  type Architecture,
  Backbone,
  demonstrationArchitecture,
  findArchitecture,
  pretrainedWeights,
} from '../backbones';
import type {BatchItem, View} from '../batches';
import type {Part} from '../datasets';
import {type DownloadProgress, FileUnavailable, mirrorOf} from '../downloads';
import {type FeatureStore, frozenFeatures} from '../features';
import {openCheckpoint} from '../checkpoints';
import {Classifier, Head} from '../heads';
import {macroF1} from '../metrics';
import {fnv1a} from '../random';
import {type Run, type RunRecord, runTitle} from '../runs';
import {type BatchProgress, type Epoch, evaluate, isOptimizerState, type Source, train} from '../training';
import {completeExperiment, type Experiment, type ExperimentOptions, trainingOptions} from './configuration';
import {keptStages} from './regimes';
import {featureSource, photoSource} from './sources';
import type {Workspace} from './workspace';

export interface ExperimentHooks {
  /** The run's title, once its configuration is complete. */
  onStart?: (title: string) => void;
  onDownload?: (file: string, progress: DownloadProgress) => void;
  /** Photos whose frozen features are at hand, of all that are needed. */
  onFeatures?: (done: number, total: number) => void;
  onBatch?: (progress: BatchProgress) => void;
  onEpoch?: (epoch: Epoch, improved: boolean) => void;
  /** Told that the weights cannot be had and what stands in for them, and what another kernel is waited for. */
  onWarning?: (message: string) => void;
  signal?: AbortSignal;
}

/** An architecture and the weights that fill it. */
interface Pretrained {
  architecture: Architecture;
  load: () => Backbone;
  /** The SHA-256 of the weights' file, or 'random'. */
  weights: string;
}

/** The architecture that a name stands for: in a demonstration a small relative. */
export function architectureIn({demonstration}: Workspace, name: string): Architecture {
  return demonstration === null ? findArchitecture(name) : demonstrationArchitecture(name);
}

/**
 * Pretrained weights; in a demonstration, or where no mirror is named and no network is there, a small relative with
 * random ones.
 */
async function findPretrained(
  name: string,
  workspace: Workspace,
  {onDownload, onWarning, signal}: ExperimentHooks,
): Promise<Pretrained> {
  const {weightsFolder, mirror, demonstration} = workspace;
  const architecture = architectureIn(workspace, name);
  const random = (): Pretrained => {
    const relative = demonstrationArchitecture(name);
    return {architecture: relative, load: () => Backbone.random(relative, 1), weights: 'random'};
  };
  if (demonstration !== null || !architecture.weights) return random();
  try {
    const {path, sha256} = await pretrainedWeights(architecture, {
      folder: weightsFolder,
      mirror,
      signal,
      onWait: onWarning,
      onProgress: (progress) => onDownload?.(`weights of ${name}`, progress),
    });
    return {architecture, load: () => Backbone.load(architecture, path), weights: sha256};
  } catch (error) {
    if (!(error instanceof FileUnavailable) || mirrorOf({mirror})) throw error;
    onWarning?.(`${error.message}\nA small network with random weights stands in for ${name}.`);
    return random();
  }
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
  const {architecture, load, weights} = await findPretrained(options.backbone, workspace, hooks);
  const experiment = completeExperiment(options, architecture, weights, workspace);
  const kept = keptStages(options.regime, architecture.stages.length);
  hooks.onStart?.(runTitle(experiment));
  const stored = workspace.runs.find(experiment);
  if (stored?.status === 'complete' && !options.force) return stored;

  const head = new Head(architecture.features, experiment.classes.length, experiment.head, experiment.seed);
  const classifier = new Classifier(load(), head, experiment.frozen);
  try {
    const run = workspace.runs.open(experiment, {redo: options.force});
    try {
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
  const {sources, close} = await openSources(classifier, experiment, kept, workspace, hooks);
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
    const {confusion, truth, predicted, probabilities} = await evaluate(classifier, sources.test);
    const correct = confusion.reduce((sum, row, label) => sum + row[label], 0);
    run.finish({
      bestEpoch: best.epoch,
      valMacroF1: best.macroF1,
      testMacroF1: macroF1(confusion),
      testAccuracy: correct / truth.length,
      confusion,
      predictions: workspace.split.parts.test.map(({path}, i) => ({
        path,
        truth: truth[i],
        predicted: predicted[i],
        probability: probabilities[i],
      })),
    });
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

/** The three parts as sources: photos when nothing is frozen, else frozen features, computed where they are missing. */
async function openSources(
  {backbone}: Classifier,
  experiment: Experiment,
  kept: number[],
  workspace: Workspace,
  hooks: ExperimentHooks,
): Promise<{sources: Record<Part, Source>; close: () => void}> {
  const {preprocessing, augmentation, batchSize, seed, frozen, weights, views} = experiment;
  const items = {
    train: batchItems(workspace, 'train'),
    val: batchItems(workspace, 'val'),
    test: batchItems(workspace, 'test'),
  };
  if (frozen === 0) {
    const source = (part: Part) => photoSource(items[part], {preprocessing, augmentation, batchSize, seed});
    return {sources: {train: source('train'), val: source('val'), test: source('test')}, close: () => {}};
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
  let before = 0;
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
        signal: hooks.signal,
        onWait: hooks.onWarning,
      });
      before += photos.length;
      stores.push(opened.pop()!);
      opened.forEach((store) => store.close());
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
    close,
  };
}
