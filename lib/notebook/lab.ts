/** What a notebook's cells call: runs experiments with progress in place, and shows what the store holds. */
import type {Architecture} from '../backbones';
import * as charts from '../charts';
import {type Part, partNames} from '../datasets';
import type {Embeddings} from '../embeddings';
import {peakMemory, tf} from '../engine';
import {
  architectureAt,
  architectureIn,
  type BackboneChoice,
  backboneName,
  type ExperimentOptions,
  type ExperimentParts,
  experimentParts,
  type NetworkParts,
  type Gathered,
  observers,
  type randomInstead,
  runExperiment,
  type RunObserver,
  startOf,
  testedByHand,
  trainedParts,
  trainingPhotos,
  type Workspace,
} from '../experiments';
import {LabError} from '../errors';
import {classificationReport, type LearningCurve, metricNames} from '../metrics';
import {regimeName, runName, type RunRecord, stateOf, type Tested} from '../runs';
import type {ActiveLearning, Agreement, FrozenParts, FrozenPartsOptions} from '../labelling';
import {thumbnail} from '../pictures';
import {type BoardObserver, type BoardOptions, projector, tensorBoard} from '../tensorboard';
import {
  compareWithProgress,
  type CompareOptions,
  frozenWithProgress,
  learnWithProgress,
  type LearnOptions,
} from './activeLearning';
import {boardFolder} from './board';
import {type Figure, showFigure, showHtml, showTable} from './display';
import {
  type EmbedOptions,
  embedPhotos,
  neighbourGrids,
  separationTable,
  showEmbeddings,
  type ShowEmbeddingsOptions,
} from './embeddings';
import {
  augmentedBatchGrid,
  disagreementGrid,
  mistakeGrid,
  photosInstead,
  predictionGrid,
  sampleGrid,
} from './grids';
import {
  batchNormHistograms,
  featureMapGrids,
  kernelGrid,
  kernelOverChannels,
  type Looked,
  type PhotoChoice,
  photoMatrices,
} from './inside';
import {interruptible} from './interrupt';
import {
  agreementsHtml,
  type LabelledOffline,
  labelPhotosOffline,
  type LabelOfflineOptions,
} from './offlineLabels';
import {overviewTable} from './overview';
import {preparation} from './preparation';
import {ProgressLine} from './progress';
import {predictedBatchGrid, preprocessingGrid} from './views';

export class Lab {
  /** Identifiers of the runs stored before, the earliest first, and of those that this session ran, in its order. */
  private readonly before: readonly string[];
  private readonly session: string[] = [];

  constructor(readonly workspace: Workspace) {
    const splits = new Set([workspace.split, ...workspace.split.earlier].map(({id}) => id));
    const time = ({began, ended}: RunRecord) => Date.parse(ended ?? began ?? '') || 0;
    this.before = workspace.runs
      .list(({configuration}) => splits.has(String(configuration.split)))
      .sort((a, b) => time(a) - time(b))
      .map(({id}) => id);
  }

  /** Whether other pictures stand in for the photos that were asked for. */
  get hasStandIn(): boolean {
    return this.workspace.dataset.standIn !== null;
  }

  /**
   * What to give a run as `weights` for a backbone of this name: undefined for the published ones where they can be had,
   * else 'random instead', with a line that tells why. Names may end at a stage ('inception_v3:Mixed_7a').
   */
  async weightsOf(backbone: string): Promise<typeof randomInstead | undefined> {
    const line = new ProgressLine();
    const found = await interruptible(
      `The search for ${backbone}'s weights was interrupted. Run the cell again to go on.`,
      (signal) =>
        startOf(backbone, this.workspace, {
          ...preparation(line, () => backbone),
          signal,
        }),
    );
    line.finish(`${backbone}: ${found ? 'random weights' : 'published weights'}`);
    return found;
  }

  /**
   * Runs one experiment, or shows its stored result at once (`force: true` trains again). JupyterLab's stop button ends
   * it at the next batch and keeps the best weights; running the cell again goes on after the last epoch. Observers,
   * such as `tensorBoard()`, look on.
   */
  async run(
    options: ExperimentOptions,
    {observers: others = []}: {observers?: readonly RunObserver[]} = {},
  ): Promise<RunRecord> {
    const line = new ProgressLine();
    let [title, valMacroF1, trained]: [string, number | null, boolean] = [
      backboneName(options.backbone),
      null,
      false,
    ];
    const progress: RunObserver = {
      onStart: (run) => {
        title = run.title;
      },
      onBatch: (batch) => {
        trained = true;
        line.report({...batch, title, valMacroF1});
      },
      onEpoch: (epoch) => {
        valMacroF1 = epoch.val.macroF1;
      },
    };
    const stopped = `${title} was interrupted before its training began. Run the cell again to go on.`;
    const record = await interruptible(stopped, (signal) =>
      runExperiment(options, this.workspace, {
        ...observers([progress, ...others]),
        ...preparation(line, () => title),
        signal,
      }),
    );
    this.session.push(record.id);
    line.finish(outcome(record, trained));
    return record;
  }

  /**
   * The parts that `run` gives to the training loop, for a loop written out in a cell: what trains, the sources of the
   * three parts, and the loop's options. Dispose them in the end.
   */
  async parts(options: ExperimentOptions): Promise<ExperimentParts> {
    return this.prepared(experimentParts, options);
  }

  /**
   * The same parts with the best weights of the experiment's run: `lab.trained(options)` after `lab.run(options)`. Dispose
   * them in the end.
   */
  async trained(options: ExperimentOptions): Promise<ExperimentParts> {
    return this.prepared(trainedParts, options);
  }

  private async prepared(prepare: typeof experimentParts, options: ExperimentOptions) {
    const line = new ProgressLine();
    const title = backboneName(options.backbone);
    const parts = await interruptible(`${title} was interrupted. Run the cell again to go on.`, (signal) =>
      prepare(options, this.workspace, {
        ...preparation(line, () => title),
        signal,
      }),
    );
    line.finish(`${title} · ready`);
    return parts;
  }

  /** An observer that writes runs where `npm run tensorboard` finds them; for a loop of one's own, too (`onStart(parts)`). */
  tensorBoard(options: BoardOptions = {}): BoardObserver {
    return tensorBoard(boardFolder(this.workspace), options);
  }

  /** Writes embeddings, with their photos, where the projector of `npm run tensorboard` finds them. */
  async projector({title, vectors, width, photos, classes}: Embeddings, name = title): Promise<void> {
    const labels = photos.map(({label}) => classes[label]);
    const thumbnails = await Promise.all(photos.map(({picture}) => thumbnail(picture)));
    await projector(boardFolder(this.workspace), {name, vectors, width, labels, thumbnails});
    console.log(`${name} is in TensorBoard's projector: npm run tensorboard`);
  }

  /** What a testing loop of one's own gathered of the test part, for `showConfusion` and the like. */
  tested(parts: Pick<ExperimentParts, 'title' | 'experiment'>, gathered: Gathered): Tested {
    return testedByHand(parts, this.workspace, gathered);
  }

  /**
   * The stored runs that the charts show: the latest of each name (unless one was given, backbone and kind of regime) on
   * this split, in the order in which this session first ran them, then those of earlier sessions. Where the set has
   * grown, runs on earlier states with the same test part are among them, and every name ends with its state.
   */
  runs(): RunRecord[] {
    const byId = new Map(this.workspace.runs.list().map((record) => [record.id, record]));
    const called = (run: RunRecord) => `${runName(run)} ${stateOf(run)}`;
    const latest = (ids: readonly string[]) =>
      new Map(ids.flatMap((id) => byId.get(id) ?? []).map((run) => [called(run), run]));
    const session = latest(this.session);
    const earlier = [...latest(this.before)].filter(([name]) => !session.has(name));
    const shown = [...session.values(), ...earlier.map(([, run]) => run)];
    return new Set(shown.map(stateOf)).size > 1 ? shown.map(withState) : shown;
  }

  /** The run that is best on the validation part. */
  best(): RunRecord {
    const best = charts.bestOnValidation(this.runs());
    if (!best) throw new LabError('No experiment has been completed yet. Run an experiment cell first.');
    return best;
  }

  /** Versions, device, and what the photos are and how they were split. */
  showOverview(): void {
    showHtml(overviewTable(this.workspace));
  }

  showClassBalance(): void {
    const {classes, parts} = this.workspace.split;
    const present = partNames.filter((part) => parts[part].length > 0);
    const counts = Object.fromEntries(
      present.map((part) => [
        part,
        classes.map((_, label) => parts[part].filter((photo) => photo.label === label).length),
      ]),
    );
    showFigure(charts.classBalance(classes, counts, {standIns: photosInstead(this.workspace.dataset)}));
  }

  /** Photos of every class with their labels. */
  async showSamples(perClass = 4): Promise<void> {
    showHtml(await sampleGrid(this.workspace, perClass));
  }

  /** A batch as the backbone sees it in training, with its shape and range of values. */
  async showAugmentedBatch(
    backbone: BackboneChoice,
    options: Pick<ExperimentOptions, 'augmentation' | 'size' | 'seed'> = {},
  ): Promise<void> {
    const {preprocessing} =
      typeof backbone !== 'string' && 'kind' in backbone
        ? backbone
        : this.architecture(backbone, options.size);
    showHtml(await augmentedBatchGrid(this.workspace, preprocessing, options));
  }

  /** One training photo on its way to the backbone: as stored, resized and cropped, as a tensor, normalised. */
  async showPreprocessing(
    backbone: string | Architecture,
    {size, photo = 0}: {size?: number; photo?: number} = {},
  ): Promise<void> {
    const {preprocessing} = this.architecture(backbone, size);
    showHtml(await preprocessingGrid(this.workspace, preprocessing, photo));
  }

  /** Some test photos, as the network is given them, with what it says of each, right and wrong told apart. */
  async showPredictedBatch(parts: ExperimentParts, count = 16): Promise<void> {
    showHtml(await predictedBatchGrid(this.workspace, parts, count));
  }

  /** Stages of a backbone: where it can be cut, shapes, parameters and multiply-adds for a photo of `size` pixels. */
  showBackbone(backbone: string | Architecture, size?: number): void {
    const architecture = this.architecture(backbone, size);
    const {crop} = architecture.preprocessing;
    const title = `${architecture.title} (${architecture.paper.year}), stage by stage for a photo of ${crop} x ${crop} pixels`;
    showHtml(charts.stagesTable(architecture.summary(), {title}));
  }

  /** Shows a chart made from the shown runs: `lab.show(charts.scorePerEpoch, {metric: 'accuracy'})`. */
  show<Options>(chart: (runs: RunRecord[], options?: Options) => Figure, options?: Options): void {
    showFigure(chart(this.runs(), options));
  }

  /** What more photos buy: runs that differ in `trainPhotosPerClass` against how many there were. */
  showScoreAgainstPhotos(runs: readonly RunRecord[], options?: charts.ScoreOptions): void {
    showFigure(charts.scoreAgainstPhotos(runs, (run) => trainingPhotos(run, this.workspace), options));
  }

  /** The table of results, a row for each experiment. */
  showResults(): void {
    showHtml(charts.resultsTable(this.runs()));
  }

  showConfusion(run: RunRecord | Tested = this.best()): void {
    const {confusion, classes, standIns, title} = confusionOf(run);
    showFigure(charts.confusionMatrix(confusion, classes, title, {standIns}));
  }

  /** Precision, recall and F1 of each class. */
  showReport(run: RunRecord | Tested = this.best()): void {
    const {confusion, classes, standIns, title} = confusionOf(run);
    showHtml(charts.reportTable(classificationReport(confusion, classes), {title, standIns}));
  }

  /** The pairs of classes that the run confused most. */
  showConfusedPairs(run: RunRecord | Tested = this.best(), count = 10): void {
    const {confusion, classes, standIns, title} = confusionOf(run);
    showHtml(charts.confusedPairsTable(confusion, classes, {title, standIns, count}));
  }

  /** The mistakes the run was surest of. */
  async showMistakes(run = this.best(), count = 12): Promise<void> {
    showHtml(await mistakeGrid(this.workspace, run, count));
  }

  /** What the run says of some photos, right and wrong told apart; `seed` draws them, the same for every run. */
  async showPredictions(run = this.best(), count = 6, seed = 1): Promise<void> {
    showHtml(await predictionGrid(this.workspace, run, {count, seed}));
  }

  /** Labels every photo by the first network pretrained on ImageNet that can be had; see `labelOffline`. */
  labelOffline(options: LabelOfflineOptions = {}): Promise<LabelledOffline> {
    return labelPhotosOffline(this.workspace, options);
  }

  /** Ways of labelling side by side, each against the hand-checked sample (`agreementWith`). */
  showAgreements(agreements: readonly Agreement[]): void {
    showHtml(agreementsHtml(agreements, this.workspace));
  }

  /** The photos of the hand-checked sample that a way of labelling judges otherwise, the surest first. */
  async showDisagreements(agreement: Agreement, count = 12): Promise<void> {
    showHtml(await disagreementGrid(this.workspace, agreement, count));
  }

  /** All photos as frozen features of a backbone, on which active learning and its comparisons run in seconds. */
  frozenPhotos(options: FrozenPartsOptions): Promise<FrozenParts> {
    return frozenWithProgress(this.workspace, options);
  }

  /** Active learning on the training photos, scored on the validation part; see `learnActively`. */
  learnActively(frozen: FrozenParts, options: LearnOptions): Promise<ActiveLearning> {
    return learnWithProgress(frozen, options);
  }

  /** Ways of choosing photos to label against one another, the truth held back; see `compareStrategies`. */
  compareStrategies(frozen: FrozenParts, options: CompareOptions = {}): Promise<LearningCurve[]> {
    return compareWithProgress(frozen, options);
  }

  /**
   * What the layer before the last makes of photos: of what `trained` or `parts` gave, or of a backbone as it comes, by its
   * name. Of the validation part, at most 600, unless something else is asked for.
   */
  async embed(
    network: Omit<NetworkParts, 'dispose'> | string | Architecture,
    options: EmbedOptions = {},
  ): Promise<Embeddings> {
    return embedPhotos(network, options, this.workspace);
  }

  /** Embeddings of the same photos in two dimensions, by t-SNE and UMAP, coloured by class, the photo on hover. */
  async showEmbeddings(
    embeddings: readonly Embeddings[],
    options: ShowEmbeddingsOptions = {},
  ): Promise<void> {
    await showEmbeddings(embeddings, options);
  }

  /** How well each of the spaces tells the classes apart: k-NN accuracy (cosine, leave one out) and silhouette. */
  showSeparation(embeddings: readonly Embeddings[], k = 5): void {
    showTable(separationTable(embeddings, k));
  }

  /** The photos that lie nearest to photo number `photo` of the embeddings. */
  async showNeighbours(
    embeddings: readonly Embeddings[],
    options: {photo?: number; count?: number} = {},
  ): Promise<void> {
    showHtml(await neighbourGrids(embeddings, options));
  }

  /** Feature maps of one photo at several depths; `layers` are names of stages or layers. */
  async showFeatureMaps(
    parts: Looked,
    options: PhotoChoice & {layers?: readonly string[]; maps?: number} = {},
  ): Promise<void> {
    showHtml(await featureMapGrids(this.workspace, parts, options));
  }

  /** The kernels of a convolution as pictures, by default of the first. */
  async showKernels(parts: Looked, options: {layer?: string; kernels?: number} = {}): Promise<void> {
    showHtml(await kernelGrid(parts, options));
  }

  /** How one kernel makes one feature map of several channels, on one photo. */
  async showKernelOverChannels(
    parts: Looked,
    options: PhotoChoice & {layer?: string; kernel?: number; channels?: number} = {},
  ): Promise<void> {
    showHtml(await kernelOverChannels(this.workspace, parts, options));
  }

  /** What a BatchNorm makes of its input, in inference and in training, as histograms. */
  async showBatchNorm(parts: Looked, options: {layer?: string; photos?: number} = {}): Promise<void> {
    showFigure(await batchNormHistograms(this.workspace, parts, options));
  }

  /** One photo as matrices [size, size] of numbers from 0 to 1, to convolve and pool. */
  async photoMatrices(
    options: {photo?: number; part?: Part; size?: number} = {},
  ): Promise<Record<'grey' | 'red' | 'green' | 'blue', number[][]>> {
    return photoMatrices(this.workspace, options);
  }

  private architecture(backbone: string | Architecture, size?: number) {
    return architectureAt(architectureIn(this.workspace, backbone), this.workspace, size);
  }

  /** Tensors alive in the engine and the peak memory of this kernel. */
  showMemory(): void {
    const {numTensors} = tf.memory();
    showHtml(
      `<div>${numTensors} tensors alive, peak memory ${(peakMemory() / 2 ** 30).toFixed(2)} GiB</div>`,
    );
  }
}

/** A run, named with the state of the set that it was trained on. */
function withState(run: RunRecord): RunRecord {
  const state = `state ${stateOf(run)}`;
  const name = `${run.name ?? regimeName(run.configuration.regime)} (${state})`;
  return {...run, name, title: `${run.title} (${state})`};
}

/** What a run confused, on which photos, as charts and tables take it. */
function confusionOf(run: RunRecord | Tested) {
  const {result} = run;
  if (result === null) throw new LabError(`${run.title} has no result yet. Run its cell to the end first.`);
  const {classes, standIns} = run.configuration;
  const title = `${run.title}: ${charts.partOf({result})} photos`;
  return {confusion: result.confusion, classes, standIns, title};
}

function outcome(run: RunRecord, trained: boolean): string {
  const {title, history, configuration} = run;
  const {select} = configuration;
  const best = charts.bestEpoch(run);
  const reached = best ? `val ${metricNames[select]} ${best.val[select].toFixed(3)}` : '';
  if (!charts.isFinished(run)) {
    const when = best
      ? `after epoch ${history.length}; the best weights are kept (${reached})`
      : 'before its first epoch has ended';
    return `${title} · interrupted ${when}. Run the cell again to go on.`;
  }
  const {bestEpoch, test} = run.result;
  const tested = test ? [`test macro-F1 ${test.macroF1.toFixed(3)}`] : [];
  const source = trained
    ? `trained in ${charts.timeInWords(run)}`
    : 'stored result (force: true trains again)';
  const precision = configuration.precision === 'bfloat16' ? ['bfloat16'] : [];
  return [title, `best epoch ${bestEpoch}`, reached, ...tested, ...precision, source].join(' · ');
}
