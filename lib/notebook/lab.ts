/** What a notebook's cells call: opens the photos, runs experiments with progress in place, and shows what the store holds. */
import {existsSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import * as charts from '../charts';
import {partNames} from '../datasets';
import {engineReport, peakMemory, tf} from '../engine';
import {
  type ExperimentOptions,
  findPretrained,
  openWorkspace,
  preprocessingAt,
  runExperiment,
  type Workspace,
} from '../experiments';
import {LabError} from '../errors';
import {classificationReport} from '../metrics';
import type {RunRecord} from '../runs';
import {escapeHtml, type Figure, showFigure, showHtml, showTable} from './display';
import {onInterrupt} from './interrupt';
import {augmentedBatchGrid, mistakeGrid, sampleGrid} from './grids';
import {type Progress, ProgressLine} from './progress';

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
  /** The project's folder. Default: the nearest one above with a package.json. */
  folder?: string;
  /** A folder or base URL laid out like a mirror; the environment's `LAB_MIRROR` unless given. */
  mirror?: string;
}

/** Opens the photos and their split. Only drawings and no weights are at hand: every chart's title says so. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const {folder = projectFolder(), seed = 42, ...rest} = options;
  const lines = new Map<string, ProgressLine>();
  const workspace = await openWorkspace({
    ...rest,
    seed,
    folder,
    onWarning: (message) => showHtml(`<div>⚠ ${escapeHtml(message)}</div>`),
    onProgress: ({step, unit, done, total}) => {
      const line = lines.get(step) ?? new ProgressLine();
      lines.set(step, line);
      const title = `${step} ${options.dataset}`;
      line.report({title, unit: unit === 'bytes' ? 'bytes' : 'images', done, total: total ?? null});
    },
  });
  for (const line of lines.values()) line.finish();
  return new Lab(workspace);
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

/** An experiment's place in the charts: rerunning it with other numbers replaces it. */
const place = (backbone: string, regime: string) =>
  `${backbone}, ${regime.replace(/\d+ /, '').replace(/s$/, '')}`;

export class Lab {
  /** Identifiers of the runs that the charts show, by their place. */
  private readonly shown = new Map<string, string>();

  constructor(readonly workspace: Workspace) {
    const {runs, split} = workspace;
    for (const {id, configuration} of runs.list()) {
      if (configuration.split !== split.id) continue;
      this.shown.set(place(configuration.backbone, configuration.regime), id);
    }
  }

  /** Whether drawings and random weights stand in for photos and pretrained ones. */
  get isDemonstration(): boolean {
    return this.workspace.demonstration !== null;
  }

  /**
   * Runs one experiment, or shows its stored result at once (`force: true` trains again). JupyterLab's stop button ends
   * it at the next batch and keeps the best weights; running the cell again goes on after the last epoch.
   */
  async run(options: ExperimentOptions): Promise<RunRecord> {
    const controller = new AbortController();
    const release = await onInterrupt(() => controller.abort());
    const line = new ProgressLine();
    let [title, valMacroF1, trained]: [string, number | null, boolean] = [options.backbone, null, false];
    try {
      const record = await runExperiment(options, this.workspace, {
        signal: controller.signal,
        onStart: (name) => {
          title = name;
        },
        onDownload: (file, {received, total}) => line.report(amount(file, 'bytes', received, total)),
        onFeatures: (done, total) => line.report(amount(`${title} · frozen features`, 'images', done, total)),
        onBatch: (progress) => {
          trained = true;
          line.report({...progress, title, valMacroF1});
        },
        onEpoch: (epoch) => {
          ({valMacroF1} = epoch);
        },
      });
      this.shown.set(place(record.configuration.backbone, record.configuration.regime), record.id);
      line.finish(outcome(record, trained));
      return record;
    } finally {
      release();
    }
  }

  /** The stored runs that the charts show: the latest of each backbone and kind of regime on this split. */
  runs(): RunRecord[] {
    const byId = new Map(this.workspace.runs.list().map((record) => [record.id, record]));
    return [...this.shown.values()].flatMap((id) => byId.get(id) ?? []);
  }

  /** The run that is best on the validation part. */
  best(): RunRecord {
    const finished = this.runs().filter(({result}) => result !== null);
    if (finished.length === 0)
      throw new LabError('No experiment has been completed yet. Run an experiment cell first.');
    return finished.reduce((best, run) => (run.result!.valMacroF1 > best.result!.valMacroF1 ? run : best));
  }

  /** Versions, device, and what the photos are and how they were split. */
  showOverview(): void {
    const {dataset, split, demonstration} = this.workspace;
    const engine = engineReport();
    const parts = partNames.map((part) => `${part} ${split.parts[part].length}`).join(', ');
    const conflicts = dataset.conflicts.map(({paths}) => paths.join(' = ')).join('; ');
    const rows: [string, string][] = [
      [
        'Engine',
        `TensorFlow ${engine.tensorflow}, ${engine.device}, ${engine.threads} threads, oneDNN ${engine.oneDNN ? 'on' : 'off'}`,
      ],
      [
        'Photos',
        `${dataset.name}: ${dataset.photos.length} in ${dataset.classes.length} classes (${dataset.source}; ${dataset.licence})`,
      ],
      ['Split', `seed ${split.seed}: ${parts}`],
      ['Skipped files', dataset.skipped.map(({path, reason}) => `${path} (${reason})`).join('; ') || 'none'],
      ['One picture, two labels', conflicts || 'none'],
    ];
    if (demonstration) rows.push(['Demonstration without pretrained weights', demonstration]);
    const cells = ([name, value]: [string, string]) =>
      `<tr><th style="text-align:left;vertical-align:top">${escapeHtml(name)}</th><td style="text-align:left">${escapeHtml(value)}</td></tr>`;
    showHtml(`<table>${rows.map(cells).join('')}</table>`);
  }

  showClassBalance(): void {
    const {classes, parts} = this.workspace.split;
    const counts = Object.fromEntries(
      partNames.map((part) => [
        part,
        classes.map((_, label) => parts[part].filter((photo) => photo.label === label).length),
      ]),
    );
    showFigure(charts.classBalance(classes, counts, {demonstration: this.isDemonstration}));
  }

  /** Photos of every class with their labels. */
  async showSamples(perClass = 4): Promise<void> {
    showHtml(await sampleGrid(this.workspace, perClass));
  }

  /** A batch as the backbone sees it in training, with its shape and range of values. */
  async showAugmentedBatch(
    backbone: string,
    options: Pick<ExperimentOptions, 'augmentation' | 'size' | 'seed'> = {},
  ): Promise<void> {
    const {architecture} = await findPretrained(backbone, this.workspace);
    showHtml(await augmentedBatchGrid(this.workspace, preprocessingAt(architecture, options.size), options));
  }

  /** Stages of a backbone: where it can be cut, shapes, parameters and multiply-adds. */
  async showBackbone(name: string, size?: number): Promise<void> {
    const {architecture} = await findPretrained(name, this.workspace);
    const summary = architecture.summary(preprocessingAt(architecture, size).crop);
    const total = (key: 'parameters' | 'multiplyAdds') => summary.reduce((sum, stage) => sum + stage[key], 0);
    const millions = (count: number) => (count / 1e6).toFixed(count < 1e5 ? 3 : 2);
    showTable({
      columns: ['stage', 'output', 'layers', 'parameters (M)', 'multiply-adds (M)'],
      values: [
        ...summary.map(({stage, output, layers, parameters, multiplyAdds}) => [
          stage,
          output.join(' × '),
          layers.length,
          millions(parameters),
          millions(multiplyAdds),
        ]),
        [
          `${architecture.title}, ${architecture.paper.year}`,
          '',
          '',
          millions(total('parameters')),
          millions(total('multiplyAdds')),
        ],
      ],
    });
  }

  /** Shows a chart made from the shown runs: `lab.show(charts.macroF1PerEpoch)`. */
  show(chart: (runs: RunRecord[]) => Figure): void {
    showFigure(chart(this.runs()));
  }

  /** The table of results, a row for each experiment. */
  showResults(): void {
    showHtml(charts.resultsTable(this.runs()));
  }

  showConfusion(run = this.best()): void {
    const {classes, demonstration} = run.configuration;
    showFigure(
      charts.confusionMatrix(finished(run).confusion, classes, `${run.title}: test photos`, {demonstration}),
    );
  }

  /** Precision, recall and F1 of each class. */
  showReport(run = this.best()): void {
    const {classes, demonstration} = run.configuration;
    const report = classificationReport(finished(run).confusion, classes);
    showHtml(charts.reportTable(report, {title: `${run.title}: test photos`, demonstration}));
  }

  /** The mistakes the run was surest of. */
  async showMistakes(run = this.best(), count = 12): Promise<void> {
    showHtml(await mistakeGrid(this.workspace, run, count));
  }

  /** Tensors alive in the engine and the peak memory of this kernel. */
  showMemory(): void {
    const {numTensors} = tf.memory();
    showHtml(
      `<div>${numTensors} tensors alive, peak memory ${(peakMemory() / 2 ** 30).toFixed(2)} GiB</div>`,
    );
  }
}

function amount(title: string, unit: 'bytes' | 'images', done: number, total?: number | null): Progress {
  return {title, unit, done, total: total ?? null};
}

function finished(run: RunRecord) {
  if (!run.result)
    throw new LabError(`${run.title} has no result yet (${run.status}). Run its cell to the end first.`);
  return run.result;
}

function outcome({title, status, history, result, seconds}: RunRecord, trained: boolean): string {
  const best = history.reduce((high, epoch) => Math.max(high, epoch.valMacroF1), 0);
  if (status === 'interrupted') {
    return `${title} · interrupted after epoch ${history.length}; the best weights are kept (val macro-F1 ${best.toFixed(3)}). Run the cell again to go on.`;
  }
  const source = trained ? `trained in ${Math.round(seconds)} s` : 'stored result (force: true trains again)';
  return `${title} · best epoch ${result?.bestEpoch} · val macro-F1 ${best.toFixed(3)} · test macro-F1 ${result?.testMacroF1.toFixed(3)} · ${source}`;
}
