/** One experiment from configuration to stored result: weights, frozen features, training, a single look at the test part. */
import type {Part, Photo} from '../datasets';
import {type FeatureStore, frozenFeatures} from '../features';
import type {Architecture} from '../backbones';
import {openCheckpoint} from '../checkpoints';
import {LabError} from '../errors';
import {Classifier, type LayeredLearner, type Learner} from '../heads';
import type {View} from '../pictures';
import {fnv1a} from '../random';
import {type Run, type RunRecord, type RunResult, runTitle} from '../runs';
import {evaluate, isOptimizerState, type Source, train, type TrainingOptions} from '../training';
import {
  completeExperiment,
  type Experiment,
  type ExperimentOptions,
  photosOf,
  trainingOptions,
} from './configuration';
import {findNetwork, type NetworkHooks} from './networks';
import type {RunObserver, RunStart} from './observer';
import {featureExtraction, keptStages} from './regimes';
import {featureSource, photoSource} from './sources';
import type {Workspace} from './workspace';

/** An observer, and what is told of the preparations. */
export interface ExperimentHooks extends NetworkHooks, RunObserver {
  /** Photos whose frozen features are at hand, of all that are needed. */
  onFeatures?: (done: number, total: number) => void;
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
  const {network, experiment, kept} = await prepare(options, workspace, hooks);
  const {name = null} = options;
  const photos = photosOf(experiment, workspace);
  const showStored = async (): Promise<RunRecord | null> => {
    const stored = workspace.runs.find(experiment);
    if (stored?.status !== 'complete' || options.force) return null;
    const named = stored.name === name ? stored : (workspace.runs.rename(stored.id, name) ?? stored);
    await hooks.onFinish?.(named, {photos});
    return named;
  };
  const shown = await showStored();
  if (shown) return shown;

  const learner = network.learner(experiment);
  try {
    const run = workspace.runs.open(experiment, {redo: options.force});
    if (run.record().status === 'complete') {
      run.release();
      return (await showStored()) ?? run.record(); // another kernel has completed it meanwhile
    }
    try {
      run.rename(name);
      const {title, history} = run.record();
      await hooks.onStart?.({title, experiment, learner, photos, history});
      await trainAndTest(learner, experiment, kept, run, workspace, hooks);
    } catch (error) {
      if (!hooks.signal?.aborted) throw error;
    } finally {
      run.release();
    }
    const record = run.record();
    if (record.status === 'complete') await hooks.onFinish?.(record, {photos});
    return record;
  } finally {
    learner.dispose();
  }
}

/** What an experiment is put together from; `dispose` it. */
export interface ExperimentParts extends RunStart {
  /** What it is made of, complete with defaults: classes, preprocessing, what stands in. */
  experiment: Experiment;
  learner: LayeredLearner;
  photos: Record<Part, Photo[]>;
  /** The parts of the split, as photos or as frozen features. */
  sources: Record<Part, Source>;
  /** What the training loop is told. */
  training: TrainingOptions;
  dispose: () => void;
}

/** The parts that `runExperiment` gives to the training loop, for a loop written out by hand. Nothing is stored but features. */
export async function experimentParts(
  options: ExperimentOptions,
  workspace: Workspace,
  hooks: ExperimentHooks = {},
): Promise<ExperimentParts> {
  return partsOf(await prepare(options, workspace, hooks), workspace, hooks);
}

/**
 * The same of an experiment that has run, what trains holding the best weights of its run. Throws a LabError where none are
 * stored.
 */
export async function trainedParts(
  options: ExperimentOptions,
  workspace: Workspace,
  hooks: ExperimentHooks = {},
): Promise<ExperimentParts> {
  const prepared = await prepare(options, workspace, hooks);
  const run = workspace.runs.find(prepared.experiment);
  const weights = run && workspace.runs.bestWeights(run.id);
  if (!weights) {
    const why = run?.status === 'running' ? 'is still being trained by a kernel' : 'has not been trained yet';
    const remedy = run?.status === 'running' ? 'Wait for it.' : 'Call lab.run with these options first.';
    throw new LabError(`${prepared.title} ${why}, so there are no weights of it. ${remedy}`);
  }
  const parts = await partsOf(prepared, workspace, hooks);
  try {
    restoreFile(parts.learner, weights);
    return parts;
  } catch (error) {
    parts.dispose();
    throw error;
  }
}

/** A network to be looked into, without photos or frozen features; `dispose` it. */
export type NetworkParts = Pick<ExperimentParts, 'title' | 'experiment' | 'learner' | 'dispose'>;

/** A backbone with the weights that an experiment would start from, and an untrained head. */
export async function untrainedParts(
  backbone: string | Architecture,
  options: Pick<ExperimentOptions, 'weights' | 'size' | 'seed'>,
  workspace: Workspace,
  hooks: NetworkHooks = {},
): Promise<NetworkParts> {
  const whole: ExperimentOptions = {...options, backbone, regime: featureExtraction(), epochs: 1};
  const {network, experiment} = await prepare(whole, workspace, hooks);
  const learner = network.learner(experiment);
  return {title: experiment.network, experiment, learner, dispose: () => learner.dispose()};
}

async function partsOf(
  {title, network, experiment, kept}: Awaited<ReturnType<typeof prepare>>,
  workspace: Workspace,
  hooks: ExperimentHooks,
): Promise<ExperimentParts> {
  const learner = network.learner(experiment);
  try {
    const {sources, close} = await openSources(learner, experiment, kept, workspace, hooks);
    const dispose = () => {
      close();
      learner.dispose();
    };
    const training = trainingOptions(experiment, workspace);
    return {title, experiment, learner, photos: photosOf(experiment, workspace), sources, training, dispose};
  } catch (error) {
    learner.dispose();
    throw error;
  }
}

/** The network of an experiment, its complete configuration, and the stages whose output a pass over the photos keeps. */
async function prepare(options: ExperimentOptions, workspace: Workspace, hooks: ExperimentHooks) {
  requireChoices(options);
  const network = await findNetwork(options, workspace, hooks);
  const experiment = completeExperiment(options, network, workspace);
  const title = options.name ?? runTitle(experiment);
  return {title, network, experiment, kept: keptStages(options.regime, network.stages)};
}

/** Cells are compiled without strict null checks, and may take their options from JSON. */
function requireChoices({backbone, regime}: Partial<ExperimentOptions>): void {
  if (typeof backbone !== 'string' && !(backbone && 'name' in backbone)) {
    throw new LabError(
      `backbone is ${String(backbone)}. Give an architecture's name, an architecture, or a network.`,
    );
  }
  if (!regime || typeof regime !== 'object' || !('kind' in regime)) {
    throw new LabError(
      `regime is ${String(regime)}. Give featureExtraction(), lastStages(n) or everything().`,
    );
  }
}

async function trainAndTest(
  learner: Learner,
  experiment: Experiment,
  kept: number[],
  run: Run,
  workspace: Workspace,
  hooks: ExperimentHooks,
): Promise<void> {
  const {sources, close} = await openNotedSources(learner, experiment, kept, run, workspace, hooks);
  try {
    const resumed = resumePoint(run);
    if (resumed) learner.restore(resumed.weights);
    const outcome = await train(learner, sources, trainingOptions(experiment, workspace), {
      signal: hooks.signal,
      onBatch: hooks.onBatch,
      onGradients: hooks.onGradients,
      onEpoch: (epoch, end) => {
        const {improved, state, optimizer} = end;
        const weights = learner.state();
        run.appendEpoch(epoch);
        if (improved) run.saveBest(weights, epoch.epoch);
        run.saveLast([...weights, ...optimizer()], state);
        hooks.onEpoch?.(epoch, end);
      },
      resume: resumed,
    });
    hooks.signal?.throwIfAborted();
    const best = outcome.state.best!;
    restoreFile(learner, run.bestWeights());
    const {parts} = workspace.split;
    const part = parts.test.length > 0 ? 'test' : 'val';
    const {scores, confusion, truth, predicted, probabilities} = await evaluate(learner, sources[part]);
    const result: RunResult = {
      bestEpoch: best.epoch,
      val: run.record().history[best.epoch - 1].val,
      test: part === 'test' ? scores : null,
      confusion,
      predictions: parts[part].map(({picture}, i) => ({
        path: picture.name,
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

/** Where an interrupted run stands: its state, the learner's tensors and the optimizer's. */
function resumePoint(run: Run) {
  const stored = run.resumeState();
  if (!stored) return undefined;
  const tensors = [...stored.tensors].map(([name, tensor]) => ({name, ...tensor}));
  const [optimizer, weights] = [true, false].map((wanted) =>
    tensors.filter(({name}) => isOptimizerState(name) === wanted),
  );
  return {state: stored.state, weights, optimizer};
}

function restoreFile(learner: Learner, file: string): void {
  const checkpoint = openCheckpoint(file);
  try {
    learner.restore(
      [...checkpoint.tensors.values()].map((tensor) => ({name: tensor.name, values: tensor.values()})),
    );
  } finally {
    checkpoint.close();
  }
}

/** The sources, of which the run notes what their frozen features cost and what of it was spent now. */
async function openNotedSources(
  learner: Learner,
  experiment: Experiment,
  kept: number[],
  run: Run,
  workspace: Workspace,
  hooks: ExperimentHooks,
) {
  let [cost, spent]: [number | null, number] = [null, 0];
  const onSpent = (seconds: number) => (spent += seconds);
  try {
    const opened = await openSources(learner, experiment, kept, workspace, {...hooks, onSpent});
    ({cost} = opened);
    return opened;
  } finally {
    run.noteFeatures({cost, spent});
  }
}

/** The three parts as sources: photos when nothing is frozen, else frozen features, computed where they are missing. */
async function openSources(
  learner: Learner,
  experiment: Experiment,
  kept: number[],
  workspace: Workspace,
  hooks: ExperimentHooks & {onSpent?: (seconds: number) => void},
): Promise<{sources: Record<Part, Source>; cost: number | null; close: () => void}> {
  const {preprocessing, augmentation, batchSize, seed, weights, definition, views} = experiment;
  const items = photosOf(experiment, workspace);
  if (!(learner instanceof Classifier) || learner.frozen === 0) {
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
  const passes: {view: View; photos: Photo[]}[] = [
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
        backbone: learner.backbone,
        weights: definition === null ? weights : `${weights}, ${definition}`,
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
      const seconds = stores.at(-1)!.secondsOf(photos.map(({picture}) => picture.key));
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
