/**
 * Active learning on frozen features (Settles 2009, Active Learning Literature Survey): a head is trained on what is
 * labelled, chooses the photos it would learn most from, and somebody labels these. Labels live outside: whoever calls
 * gives those there are and keeps what the oracle answers, so that a session that was broken off goes on where it stood.
 */
import {setImmediate} from 'node:timers/promises';
import {LabError} from '../errors';
import {accuracy, confusionMatrix} from '../metrics';
import {fnv1a, mulberry32} from '../random';
import type {FrozenPhotos} from './frozenPhotos';
import type {Judgement} from './judgement';
import {defaultTraining, type HeadTraining, probabilitiesOf, trainedHead} from './photoHead';
import {choosePhotos, defaultStrategy, type Rows, rowOf, type Strategy} from './select';

const [defaultStart, defaultStep] = [20, 20];

/** What is asked of the oracle. */
export interface Question {
  /** Keys of the photos, in the order in which they were chosen. */
  photos: readonly string[];
  /** What the network says of them; empty before there is one. */
  judgements: ReadonlyMap<string, Judgement>;
  /** How many photos are labelled so far. */
  labelled: number;
}

/** Labels by the photo's key; a photo may be left out, which is then not asked for again. null ends the session. */
export type Answer = ReadonlyMap<string, string> | null;

/** Who labels: a person before a page, or in a simulation the truth that was held back. */
export type Oracle = (question: Question) => Answer | Promise<Answer>;

/** The oracle of a simulation: it knows what every photo shows. */
export function truthOf({keys, labels}: Pick<FrozenPhotos, 'keys' | 'labels'>): Oracle {
  const truth = new Map(keys.map((key, row) => [key, labels[row]]));
  return ({photos}) => new Map(photos.map((key) => [key, truth.get(key)!]));
}

/** How the network stands with so many labels. */
export interface Round {
  labelled: number;
  /** On the scored part. */
  accuracy: number;
  /** Of training, scoring and choosing, without the oracle's time. */
  seconds: number;
}

export interface ActiveLearningOptions {
  /** The photos that may be asked for. */
  pool: Pick<FrozenPhotos, 'keys' | 'features'>;
  /** The photos that every round is scored on. */
  scored: Pick<FrozenPhotos, 'features' | 'labels'>;
  classes: readonly string[];
  oracle: Oracle;
  /** Labels given before, by the photo's key; those of other photos are left aside. */
  labels?: ReadonlyMap<string, string>;
  /** Default: 'margin and spread'. */
  strategy?: Strategy;
  /** How many photos are asked for before the first training. Default: 20. */
  start?: number;
  /** How many photos a round asks for. Default: 20. */
  step?: number;
  /** With how many labels it ends. Default: with all. */
  budget?: number;
  head?: Partial<HeadTraining>;
  /** Of the start, of what chance draws, and of the head. Default: 1. */
  seed?: number;
  onRound?: (round: Round) => void;
  signal?: AbortSignal;
}

/** What a session of active learning leaves. */
export interface ActiveLearning {
  rounds: Round[];
  /** All labels, those given before included. */
  labels: Map<string, string>;
  /** What the network of the last round says of the photos without a label; empty where there was none. */
  judgements: Map<string, Judgement>;
}

/**
 * Asks, trains and scores in rounds until the oracle ends it, the budget is reached or no photo is left. The same seed and
 * labels ask for the same photos, so a session that goes on from stored labels goes as it would have gone. Throws a LabError
 * on a label that is no class and on numbers that cannot be, and the signal's reason between two rounds.
 */
export async function learnActively(options: ActiveLearningOptions): Promise<ActiveLearning> {
  const session = new Session(options);
  const rounds: Round[] = [];
  while (true) {
    options.signal?.throwIfAborted();
    const began = performance.now();
    const accuracy = session.train();
    const photos = session.choose();
    if (accuracy !== null) {
      const seconds = (performance.now() - began) / 1000;
      rounds.push({labelled: session.labels.size, accuracy, seconds});
      options.onRound?.(rounds.at(-1)!);
    }
    if (photos.length === 0) break;
    await setImmediate();
    const labelled = session.labels.size;
    const answer = await options.oracle({photos, judgements: session.judgements(photos), labelled});
    if (answer === null) break;
    session.take(photos, answer);
  }
  const {pool} = options;
  const without = pool.keys.filter((key) => !session.labels.has(key));
  return {rounds, labels: session.labels, judgements: session.judgements(without)};
}

/** Where a session stands: the labels so far, and what the network trained on them says. */
class Session {
  readonly labels: Map<string, string>;
  private readonly rowOfKey: ReadonlyMap<string, number>;
  private readonly truth: readonly number[];
  private readonly budget: number;
  /** Photos that were asked for and got no label. */
  private readonly passed = new Set<string>();
  private probabilities: Rows | null = null;

  constructor(private readonly options: ActiveLearningOptions) {
    const {pool, scored, budget = Infinity, labels = []} = options;
    checkNumbers(options);
    this.rowOfKey = new Map(pool.keys.map((key, row) => [key, row]));
    this.labels = new Map([...labels].filter(([key]) => this.rowOfKey.has(key)));
    this.truth = scored.labels.map((label) => this.placeOf(label));
    this.budget = Math.min(budget, pool.keys.length);
  }

  /** Trains a head on all labels and gives its accuracy; null while there are too few of them, or all are of one class. */
  train(): number | null {
    const {pool, scored, classes, head, seed = 1} = this.options;
    const labelled = this.labelled();
    const places = labelled.map((row) => this.placeOf(this.labels.get(pool.keys[row])!));
    if (labelled.length < Math.min(this.start, this.budget) || new Set(places).size < 2) return null;
    const training = {...defaultTraining, ...head, seed};
    const learner = trainedHead(pool.features, classes.length, training, labelled, places);
    try {
      this.probabilities = probabilitiesOf(learner, pool.features);
      const said = probabilitiesOf(learner, scored.features);
      const predicted = this.truth.map((_, row) => mostProbable(rowOf(said, row)));
      return accuracy(confusionMatrix(this.truth, predicted, classes.length));
    } finally {
      learner.dispose();
    }
  }

  /** Keys of the photos to ask for next: before there is a network typical ones, then those of the strategy. */
  choose(): string[] {
    const {pool, step = defaultStep, strategy = defaultStrategy, seed = 1} = this.options;
    const {labels, passed, probabilities, budget} = this;
    const candidates = pool.keys.flatMap((key, row) => (labels.has(key) || passed.has(key) ? [] : [row]));
    const wanted = probabilities ? step : Math.max(this.start - labels.size, 1);
    const choice = {
      features: pool.features,
      candidates,
      labelled: this.labelled(),
      count: Math.min(wanted, budget - labels.size),
      random: mulberry32(fnv1a(`choice ${seed} ${labels.size} ${passed.size}`)),
    };
    return choosePhotos(strategy, choice, probabilities).map((row) => pool.keys[row]);
  }

  /** Keeps the answer to a question. */
  take(photos: readonly string[], answer: ReadonlyMap<string, string>): void {
    for (const key of photos) {
      const label = answer.get(key);
      if (label === undefined) this.passed.add(key);
      else this.labels.set(key, this.options.classes[this.placeOf(label)]);
    }
  }

  /** What the network says of photos; nothing before there is one. */
  judgements(keys: readonly string[]): Map<string, Judgement> {
    const {probabilities, rowOfKey} = this;
    if (!probabilities) return new Map();
    return new Map(
      keys.map((key) => {
        const row = rowOf(probabilities, rowOfKey.get(key)!);
        const best = mostProbable(row);
        return [key, {label: this.options.classes[best], confidence: row[best]}];
      }),
    );
  }

  private get start(): number {
    return this.options.start ?? defaultStart;
  }

  /** Rows of the labelled photos, ascending, so that the order of the labels does not matter. */
  private labelled(): number[] {
    return [...this.labels.keys()].map((key) => this.rowOfKey.get(key)!).sort((a, b) => a - b);
  }

  private placeOf(label: string): number {
    const {classes} = this.options;
    const place = classes.indexOf(label);
    if (place !== -1) return place;
    throw new LabError(`active learning: the label "${label}" is none of the classes ${classes.join(', ')}.`);
  }
}

const mostProbable = (row: Float32Array): number => row.indexOf(Math.max(...row));

function checkNumbers({pool, start = 1, step = 1, budget = 1}: ActiveLearningOptions): void {
  for (const [name, value] of Object.entries({start, step, budget})) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new LabError(`active learning: ${name} is ${value}. Give a whole number of at least 1.`);
  }
  if (pool.keys.length === 0) throw new LabError('active learning: there is no photo to ask for.');
}
