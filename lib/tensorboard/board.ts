/**
 * Runs in TensorBoard. A run's folder holds its hyperparameters and pictures, and the folders `train`, `validation` and
 * `test`, in which the same tags are the same quantities, so that TensorBoard lays their curves over one another.
 */
import * as fs from 'node:fs';
import {join} from 'node:path';
import {tf, type Tensor} from '../engine';
import {LabError} from '../errors';
import type {FinishedRun, RunObserver, RunStart} from '../experiments';
import type {Learner} from '../heads';
import {metricNames, type Scores} from '../metrics';
import {type EpochRecord, runId} from '../runs';
import {writing} from '../storage';
import {eventsIn, EventWriter, scalarsIn} from './eventFile';
import {
  histogram,
  type Hyperparameters,
  image,
  type PngImage,
  scalar,
  sessionEnd,
  sessionEndTag,
  sessionStart,
  type Value,
} from './events';
import {bucketsOf, someOf} from './histogram';
import {folderName} from './names';
import {augmentedBatch, predictedPhotos} from './photos';

export interface BoardOptions {
  /** At most so many tensors have histograms of their weights and gradients. Default: 24. */
  histograms?: number;
}

/** What a loop of one's own calls, too. */
export type BoardObserver = Required<Omit<RunObserver, 'onBatch'>>;

/** Of a larger tensor's values so many, evenly spaced, are counted. */
const valuesCounted = 2 ** 18;

/**
 * An observer that writes each run into a folder of its own in `folder`, for TensorBoard: per epoch the scores of
 * training and validation, learning rate, speed, and histograms of weights and of the last step's gradients; at the
 * beginning an augmented batch and the hyperparameters; in the end the test scores and some predictions. A stored run
 * that is shown again is written from its record, as far as it is not there yet.
 */
export function tensorBoard(folder: string, {histograms = 24}: BoardOptions = {}): BoardObserver {
  const runs = new Map<string, RunFolder>();
  const learners = new WeakMap<Learner, RunFolder>();
  const observed = (learner: Learner) => {
    const run = learners.get(learner);
    if (run) return run;
    throw new LabError(
      'tensorBoard: it does not know which run this network is of. Call onStart({title, learner}) before training.',
    );
  };
  return {
    async onStart(start) {
      const run = new RunFolder(pathOf(folder, start.title, start.experiment && runId(start.experiment)));
      runs.set(start.title, run);
      learners.set(start.learner, run);
      await run.begin(start);
    },
    onGradients: (gradients, {learner}) =>
      observed(learner).histograms('gradients', someOf(gradients, histograms)),
    onEpoch(epoch, {learner}) {
      const run = observed(learner);
      const weights = new Map([...learner.trainable()].map(([name, {variable}]) => [name, variable]));
      run.histograms('weights', someOf(weights, histograms));
      run.epoch(epoch);
    },
    async onFinish(finished, {photos} = {}) {
      const {title, id} = finished;
      const path = pathOf(folder, title, id);
      const begun = runs.get(title);
      const run = begun && (id === undefined || begun.path === path) ? begun : new RunFolder(path);
      await run.finish(finished, photos);
    },
  };
}

/**
 * A run's folder: its title, and the digits of its identifier, which tell runs of one title apart. The folder that it
 * has under an earlier title takes the new name.
 */
function pathOf(folder: string, title: string, id?: string): string {
  if (id === undefined) return join(folder, folderName(title));
  const digits = ` ${id.slice(-8)}`;
  const path = join(folder, folderName(title) + digits);
  const [earlier] = fs.existsSync(folder)
    ? fs.readdirSync(folder).filter((name) => name.endsWith(digits))
    : [];
  if (earlier !== undefined && !fs.existsSync(path)) {
    writing(path, () => fs.renameSync(join(folder, earlier), path));
  }
  return path;
}

class RunFolder {
  private readonly writers = new Map<string, EventWriter>();
  /** Steps from here on are this session's. */
  private from = 1;
  private lastEpoch = 0;
  private readonly pending: Value[] = [];

  constructor(readonly path: string) {}

  /** Brings what earlier sessions logged into line with the history, and notes what the run is asked to do. */
  async begin({experiment, photos, history = []}: RunStart): Promise<void> {
    this.catchUp(history);
    this.from = history.length + 1;
    const now = Date.now() / 1000;
    this.write('.', 0, [sessionStart(hyperparametersOf(experiment ?? {}), now)]);
    if (experiment && photos) this.picture('augmented batch', await augmentedBatch(photos.train, experiment));
  }

  /** Histograms of some tensors, which are written with their epoch. */
  histograms(group: string, tensors: readonly [string, Tensor][]): void {
    for (const [name, tensor] of tensors) {
      const buckets = bucketsOf(sampled(tensor));
      if (buckets.length > 0) this.pending.push(histogram(`${group}/${name}`, buckets));
    }
  }

  /** The validation comes first: an epoch is there once its training loss is. */
  epoch({epoch, learningRate, train, val, imagesPerSecond}: EpochRecord): void {
    this.write('validation', epoch, scoresInWords(val));
    this.write('train', epoch, [
      ...scoresInWords(train),
      scalar('learning rate', learningRate),
      scalar('images per second', imagesPerSecond),
      ...this.pending.splice(0),
    ]);
    this.lastEpoch = epoch;
  }

  async finish(run: FinishedRun, photos: RunStart['photos']): Promise<void> {
    const {configuration, result, history} = run;
    const isShownAgain = this.writers.size === 0;
    const wasBehind = history !== undefined && this.catchUp(history);
    if (result === null) return;
    const step = result.bestEpoch ?? this.lastEpoch;
    if (isShownAgain && !wasBehind && this.isFinished(result.test, step)) return;
    const now = Date.now() / 1000;
    if (isShownAgain) this.write('.', 0, [sessionStart(hyperparametersOf(configuration), now)]);
    if (result.test) this.write('test', step, scoresInWords(result.test));
    const {classes} = configuration;
    if (photos && Array.isArray(classes)) {
      const names = classes.map(String);
      this.picture('predictions', await predictedPhotos(result.predictions, photos, names));
    }
    this.write('.', 0, [sessionEnd(now)]);
  }

  /** Writes the epochs of a history that are not there, or are there otherwise; whether there were any. */
  private catchUp(history: readonly EpochRecord[]): boolean {
    const logged = scalarsIn(join(this.path, 'train'), metricNames.loss);
    const differing = history.find(
      ({epoch, train}) => !Object.is(logged.get(epoch), Math.fround(train.loss)),
    );
    if (!differing) return false;
    this.from = differing.epoch;
    this.writers.delete('train');
    this.writers.delete('validation');
    for (const epoch of history.slice(differing.epoch - 1)) this.epoch(epoch);
    return true;
  }

  private isFinished(test: Scores | null, step: number): boolean {
    const hasEnd = [...eventsIn(this.path)].some(({values}) => values.has(sessionEndTag));
    if (!hasEnd || test === null) return hasEnd;
    const logged = scalarsIn(join(this.path, 'test'), metricNames.accuracy);
    return logged.size === 1 && logged.get(step) === Math.fround(test.accuracy);
  }

  private picture(tag: string, picture: PngImage | null): void {
    if (picture) this.write('.', 0, [image(tag, picture)]);
  }

  private write(part: string, step: number, values: readonly Value[]): void {
    const isPerEpoch = part === 'train' || part === 'validation';
    const made = () => new EventWriter(join(this.path, part), isPerEpoch ? this.from : 0);
    const writer = this.writers.get(part) ?? made();
    this.writers.set(part, writer);
    writer.append(step, values);
  }
}

/** Scores under the tags that all parts share; what is not known is left out. */
function scoresInWords(scores: Partial<Record<keyof Scores, number | null>>): Value[] {
  const named: [string, number | null | undefined][] = [
    [metricNames.loss, scores.loss],
    [metricNames.accuracy, scores.accuracy],
    [metricNames.macroF1, scores.macroF1],
    ['top-5 accuracy', scores.top5],
  ];
  return named.flatMap(([tag, value]) => (value === null || value === undefined ? [] : [scalar(tag, value)]));
}

/** Classes and identifiers are no choices to compare runs by. */
const noChoices = ['classes', 'split', 'definition', 'preprocessing'];

/** A configuration as one table row: 'optimizer.learningRate', 'regime.kind'. */
export function hyperparametersOf(configuration: object, prefix = ''): Hyperparameters {
  const entries = Object.entries(configuration).flatMap(
    ([key, value]: [string, unknown]): [string, string | number | boolean][] => {
      if (prefix === '' && noChoices.includes(key)) return [];
      const name = prefix + key;
      if (value === null || value === undefined) return [];
      if (typeof value === 'number' || typeof value === 'boolean') return [[name, value]];
      if (typeof value === 'string') return [[name, value]];
      if (Array.isArray(value)) return [[name, value.join(', ')]];
      return Object.entries(hyperparametersOf(value, `${name}.`));
    },
  );
  return Object.fromEntries(entries);
}

/** A tensor's values, or some of them. */
function sampled(tensor: Tensor): Float32Array {
  if (tensor.size <= valuesCounted) return tensor.dataSync() as Float32Array;
  const stride = Math.ceil(tensor.size / valuesCounted);
  const some = tf.tidy(() => tf.stridedSlice(tf.reshape(tensor, [-1]), [0], [tensor.size], [stride]));
  const values = some.dataSync() as Float32Array;
  some.dispose();
  return values;
}
