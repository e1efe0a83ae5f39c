/** What a notebook's cells call: opens the photos, runs experiments with progress in place, and shows what the store holds. */
import {existsSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import type {Architecture} from '../backbones';
import * as charts from '../charts';
import {type NearDuplicates, partNames, type Split} from '../datasets';
import {engineReport, peakMemory, tf} from '../engine';
import {
  architectureAt,
  architectureIn,
  type BackboneChoice,
  backboneName,
  type ExperimentOptions,
  type ExperimentParts,
  experimentParts,
  foreseeStandIns,
  type Gathered,
  observers,
  openWorkspace,
  type randomInstead,
  runExperiment,
  type RunObserver,
  standInsInWords,
  startOf,
  testedByHand,
  type Workspace,
} from '../experiments';
import {LabError} from '../errors';
import {escapeHtml} from '../html';
import {classificationReport, metricNames} from '../metrics';
import {runName, type RunRecord, type Tested} from '../runs';
import {type BoardObserver, type BoardOptions, type Embedding, projector, tensorBoard} from '../tensorboard';
import {boardFolder} from './board';
import {type Figure, showFigure, showHtml} from './display';
import {augmentedBatchGrid, mistakeGrid, photosInstead, predictionGrid, sampleGrid} from './grids';
import {interruptible} from './interrupt';
import {type Progress, ProgressLine} from './progress';
import {predictedBatchGrid, preprocessingGrid} from './views';

export type Profile = 'smoke' | 'quick' | 'full';

/** The profile that `LAB_PROFILE` names; 'quick' unless it is set. */
export function profile(): Profile {
  const name = process.env.LAB_PROFILE ?? 'quick';
  if (name === 'smoke' || name === 'quick' || name === 'full') return name;
  throw new LabError(`LAB_PROFILE is "${name}". Give smoke, quick or full.`);
}

export interface LabOptions {
  /** A data set of the catalogue ('garbage'), or a folder of class folders. */
  dataset: string;
  /** Of the split. Default: 42. */
  seed?: number;
  /** At most so many photos of each class take part. Default: all. */
  photosPerClass?: number;
  /** Share of the training photos that validate, where the data set has parts but none for this. Default: 0.1. */
  validation?: number;
  /** 'ignore' where colour or light tells the classes apart: pictures that look alike may then be in any part. Default: 'together'. */
  nearDuplicates?: NearDuplicates;
  /** The largest share of pictures that may be unreadable; one may be in any case. Default: 0.01. */
  skippedLimit?: number;
  /** Where `data/` and `models/` lie. Default: the environment's `LAB_HOME`, else the project: the nearest folder above with a package.json. */
  folder?: string;
  /** A folder or base URL laid out like a mirror; the environment's `LAB_MIRROR` unless given. */
  mirror?: string;
}

/** Opens the photos and their split. Where others stand in for them, the overview and every chart's title say so. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const {folder = process.env.LAB_HOME || projectFolder(), seed = 42, ...rest} = options;
  const lines = new Map<string, ProgressLine>();
  const stopped = `Opening ${options.dataset} was interrupted. Run the cell again to go on.`;
  const workspace = await interruptible(stopped, (signal) =>
    openWorkspace({
      ...rest,
      seed,
      folder,
      signal,
      onWarning: showWarning,
      onProgress: ({step, unit, done, total}) => {
        const line = lines.get(step) ?? new ProgressLine();
        lines.set(step, line);
        line.report(amount(`${step} ${options.dataset}`, unit === 'bytes' ? 'bytes' : 'images', done, total));
      },
    }),
  );
  for (const line of lines.values()) line.finish();
  return new Lab(workspace);
}

/** Prints what will stand in for a data set and pretrained networks that cannot be had, why, and the remedy. */
export async function tellStandIns(dataset: string): Promise<void> {
  const standIns = await foreseeStandIns(dataset, {folder: process.env.LAB_HOME || projectFolder()});
  for (const line of standInsInWords(standIns)) console.log(line);
}

function projectFolder(start = process.cwd()): string {
  let folder = resolve(start);
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) {
      throw new LabError(`${start}: no project folder above it. Give openLab({folder: '...'}).`);
    }
    folder = dirname(folder);
  }
  return folder;
}

function showWarning(message: string): void {
  showHtml(`<div style="white-space:pre-line">⚠ ${escapeHtml(message)}</div>`);
}

export class Lab {
  /** Identifiers of the runs stored before, the earliest first, and of those that this session ran, in its order. */
  private readonly before: readonly string[];
  private readonly session: string[] = [];

  constructor(readonly workspace: Workspace) {
    const time = ({began, ended}: RunRecord) => Date.parse(ended ?? began ?? '') || 0;
    this.before = workspace.runs
      .list(({configuration}) => configuration.split === workspace.split.id)
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
          signal,
          onWarning: showWarning,
          onDownload: (file, {received, total}) => line.report(amount(file, 'bytes', received, total)),
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
        signal,
        onWarning: showWarning,
        onDownload: (file, {received, total}) => line.report(amount(file, 'bytes', received, total)),
        onFeatures: (done, total) => line.report(amount(`${title} · frozen features`, 'images', done, total)),
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
    const line = new ProgressLine();
    const title = backboneName(options.backbone);
    const parts = await interruptible(`${title} was interrupted. Run the cell again to go on.`, (signal) =>
      experimentParts(options, this.workspace, {
        signal,
        onWarning: showWarning,
        onDownload: (file, {received, total}) => line.report(amount(file, 'bytes', received, total)),
        onFeatures: (done, total) => line.report(amount(`${title} · frozen features`, 'images', done, total)),
      }),
    );
    line.finish(`${title} · ready`);
    return parts;
  }

  /** An observer that writes runs where `npm run tensorboard` finds them; for a loop of one's own, too (`onStart(parts)`). */
  tensorBoard(options: BoardOptions = {}): BoardObserver {
    return tensorBoard(boardFolder(this.workspace), options);
  }

  /** Writes an embedding where the projector of `npm run tensorboard` finds it. */
  async projector(embedding: Embedding): Promise<void> {
    await projector(boardFolder(this.workspace), embedding);
    console.log(`${embedding.name} is in TensorBoard's projector: npm run tensorboard`);
  }

  /** What a testing loop of one's own gathered of the test part, for `showConfusion` and the like. */
  tested(parts: Pick<ExperimentParts, 'title' | 'experiment'>, gathered: Gathered): Tested {
    return testedByHand(parts, this.workspace, gathered);
  }

  /**
   * The stored runs that the charts show: the latest of each name (unless one was given, backbone and kind of regime) on
   * this split, in the order in which this session first ran them, then those of earlier sessions.
   */
  runs(): RunRecord[] {
    const byId = new Map(this.workspace.runs.list().map((record) => [record.id, record]));
    const latest = (ids: readonly string[]) =>
      new Map(ids.flatMap((id) => byId.get(id) ?? []).map((run) => [runName(run), run]));
    const session = latest(this.session);
    const earlier = [...latest(this.before)].filter(([name]) => !session.has(name));
    return [...session.values(), ...earlier.map(([, run]) => run)];
  }

  /** The run that is best on the validation part. */
  best(): RunRecord {
    const best = charts.bestOnValidation(this.runs());
    if (!best) throw new LabError('No experiment has been completed yet. Run an experiment cell first.');
    return best;
  }

  /** Versions, device, and what the photos are and how they were split. */
  showOverview(): void {
    const {dataset, split, standIns} = this.workspace;
    const engine = engineReport();
    const conflicts = dataset.conflicts.map(({paths}) => paths.join(' = '));
    const rows: [string, string][] = [
      [
        'Engine',
        `TensorFlow ${engine.tensorflow}, ${engine.device}, ${engine.threads} threads, oneDNN ${engine.oneDNN ? 'on' : 'off'}`,
      ],
      [
        'Photos',
        `${dataset.name}: ${dataset.photos.length} in ${dataset.classes.length} classes (${dataset.source}; ${dataset.licence})`,
      ],
      ['Split', splitInWords(split)],
      ['Skipped files', firstOf(dataset.skipped.map(({path, reason}) => `${path} (${reason})`))],
      ['One picture, two labels', firstOf(conflicts)],
    ];
    if (dataset.leftAside.length > 0) rows.push(['Left aside', firstOf(dataset.leftAside)]);
    if (dataset.notes.length > 0) rows.push(['Notes', dataset.notes.join('\n')]);
    if (split.crossing.count > 0) {
      const pairs = split.crossing.examples.map((pair) => pair.join(' = ')).join('; ');
      const count = `${split.crossing.count} pictures also stand, nearly the same, in a part before theirs`;
      rows.push(['Near-duplicates across parts', `${count}: ${pairs}`]);
    }
    if (standIns.length > 0) rows.push(['Stand-ins', standInsInWords(standIns).join('\n')]);
    const cells = ([name, value]: [string, string]) =>
      `<tr><th style="text-align:left;vertical-align:top">${escapeHtml(name)}</th><td${name === 'Stand-ins' ? ' class="stand-ins"' : ''} style="text-align:left;white-space:pre-line">${escapeHtml(value)}</td></tr>`;
    showHtml(`<table>${rows.map(cells).join('')}</table>`);
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

/** 'seed 42: train 10, val 5, test 5'; 'as its authors made it: ...'. */
function splitInWords({seed, given, parts}: Split): string {
  const present = partNames.filter((part) => parts[part].length > 0);
  const sizes = present.map((part) => `${part} ${parts[part].length}`).join(', ');
  if (given.length === 0) return `seed ${seed}: ${sizes}`;
  const drawn = given.includes('val')
    ? ''
    : `, the validation part drawn from the training part with seed ${seed}`;
  const absent = parts.test.length === 0 ? '; there is no test part' : '';
  return `as its authors made it${drawn}: ${sizes}${absent}`;
}

/** A list in words, its end left out where it is long. */
function firstOf(items: readonly string[], most = 20): string {
  if (items.length === 0) return 'none';
  const more = items.length > most ? `; and ${items.length - most} more` : '';
  return items.slice(0, most).join('; ') + more;
}

function amount(title: string, unit: 'bytes' | 'images', done: number, total?: number | null): Progress {
  return {title, unit, done, total: total ?? null};
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
  return [title, `best epoch ${bestEpoch}`, reached, ...tested, source].join(' · ');
}
