/**
 * A person who labels photo after photo. Every label is in the file before the next photo comes; the session itself only
 * knows what was shown, so that undo leads back.
 */
import {LabError} from '../errors';
import {boundedJpeg, type Picture} from '../pictures';
import {isByModel, type Label, type Labels} from './labels';

export interface SessionOptions {
  /** What may be shown. */
  photos: Iterable<Picture>;
  classes: readonly string[];
  labels: Labels;
  /** Who labels. Default: 'person'. */
  by?: string;
  /** Photos are shown when they are asked for (`ask`), not all of them at once. */
  onDemand?: boolean;
  /** Photos that a person has labelled before are shown, too. */
  again?: boolean;
  /** Default: 'Which class?'. */
  title?: string;
}

/** What a person is shown. */
export interface SessionState {
  title: string;
  classes: {name: string; keys: string[]}[];
  /** null where none is left, or none asked for; `others` is what other people say of it. */
  photo: {number: number; name: string; others: {by: string; label: string}[]} | null;
  /** Of `total` photos those that were labelled or skipped here, labelled by others meanwhile, or cannot be shown. */
  done: number;
  total: number;
  labelled: number;
  skipped: number;
  others: number;
  canUndo: boolean;
  /** Whether further photos may be asked for. */
  waits: boolean;
  ended: Ending | null;
}

/** Finished by the person, closed by the caller, or stopped by the signal. */
export type Ending = 'finished' | 'closed' | 'stopped';

export interface SessionOutcome {
  ended: Ending;
  /** What this person labelled here, by the photo's key. */
  labelled: Map<string, string>;
  skipped: Picture[];
  /** Photos that could not be shown, and why. */
  unreadable: {photo: Picture; reason: string}[];
}

const shownSide = 1024;

type Fate = 'labelled' | 'skipped' | 'by others' | 'unreadable';

/** A press on a photo that is no longer the one shown. */
export class StalePhoto extends Error {}

export class LabellingSession {
  readonly ended: Promise<Ending>;
  private readonly pool: Map<string, Picture>;
  private readonly queue: Picture[] = [];
  private readonly fates = new Map<number, Fate>();
  private readonly given = new Map<number, string>();
  private readonly unreadable: SessionOutcome['unreadable'] = [];
  private readonly history: number[] = [];
  private readonly questions: {numbers: number[]; answer: (answer: Map<string, string> | null) => void}[] =
    [];
  private current: {number: number; jpeg: Buffer} | null = null;
  private ending: Ending | null = null;
  private settle!: (ending: Ending) => void;
  /** What is done one after another. */
  private last: Promise<unknown>;

  /** Throws a LabError for classes that are no classes of the labels, or fewer than two. */
  constructor(private readonly options: SessionOptions) {
    checkClasses(options);
    this.pool = new Map([...options.photos].map((photo) => [photo.key, photo]));
    if (!options.onDemand) this.queue.push(...this.pool.values());
    this.ended = new Promise((settle) => (this.settle = settle));
    this.last = this.advance();
    this.last.catch(() => undefined);
  }

  private get by(): string {
    return this.options.by ?? 'person';
  }

  /** Runs an action after those before it, and gives the state it leaves. */
  private async then(action: () => void | Promise<void>): Promise<SessionState> {
    const mine = this.last.catch(() => undefined).then(action);
    this.last = mine;
    await mine;
    return this.state();
  }

  /** Labels the photo shown. Throws StalePhoto when another is shown by now, and as `Labels.add`. */
  label(number: number | null, label: string): Promise<SessionState> {
    return this.then(async () => {
      const photo = this.shown(number);
      this.options.labels.add({photo: photo.key, label, by: this.by});
      this.given.set(number!, label);
      await this.passOn(number!, 'labelled');
    });
  }

  /** Passes over the photo shown; nothing is written. */
  skip(number: number | null): Promise<SessionState> {
    return this.then(async () => {
      this.shown(number);
      await this.passOn(number!, 'skipped');
    });
  }

  /** Goes back to the photo before; its label is taken back. Nothing where there is none. */
  undo(): Promise<SessionState> {
    return this.then(async () => {
      const number = this.history.at(-1);
      if (number === undefined || this.ending) return;
      if (this.given.has(number)) this.options.labels.undo(this.queue[number].key, this.by);
      this.history.pop();
      this.given.delete(number);
      this.fates.delete(number);
      await this.show(number);
    });
  }

  /** Looks after what others have labelled meanwhile. */
  look(): Promise<SessionState> {
    return this.then(async () => {
      if (!this.current && !this.ending) await this.advance();
    });
  }

  /**
   * Shows these photos, too, and gives the labels that people gave them once each is labelled or skipped; null when the
   * session ends before. Throws a LabError for a key that is of none of the photos.
   */
  async ask(keys: readonly string[]): Promise<Map<string, string> | null> {
    const photos = keys.map((key) => {
      const photo = this.pool.get(key);
      if (photo) return photo;
      throw new LabError(
        `There is no photo ${key} to ask for. Give the page all photos that may be asked for.`,
      );
    });
    if (this.ending) return null;
    const numbers = photos.map((photo) => this.queue.push(photo) - 1);
    const answer = new Promise<Map<string, string> | null>((answer) => {
      this.questions.push({numbers, answer});
    });
    await this.look();
    return answer;
  }

  end(ending: Ending): void {
    if (this.ending) return;
    this.ending = ending;
    this.current = null;
    for (const {answer} of this.questions.splice(0)) answer(null);
    this.settle(ending);
  }

  /** The photo shown, as a JPEG; null when it is another by now. */
  jpeg(number: number): Buffer | null {
    return this.current?.number === number ? this.current.jpeg : null;
  }

  outcome(): SessionOutcome {
    const skipped = this.numbersOf('skipped').map((number) => this.queue[number]);
    const labelled = new Map([...this.given].map(([number, label]) => [this.queue[number].key, label]));
    return {ended: this.ending ?? 'closed', labelled, skipped, unreadable: this.unreadable};
  }

  state(): SessionState {
    const {classes, title = 'Which class?', onDemand = false} = this.options;
    const {current, queue, fates, history, ending} = this;
    const photo = current && {
      number: current.number,
      name: queue[current.number].name,
      others: this.others(queue[current.number]).map(({by, label}) => ({by, label})),
    };
    return {
      title,
      classes: classKeys(classes),
      photo,
      done: fates.size,
      total: queue.length,
      labelled: this.numbersOf('labelled').length,
      skipped: this.numbersOf('skipped').length,
      others: this.numbersOf('by others').length,
      canUndo: history.length > 0,
      waits: onDemand,
      ended: ending,
    };
  }

  private numbersOf(fate: Fate): number[] {
    return [...this.fates].filter(([, each]) => each === fate).map(([number]) => number);
  }

  /** What other people say of a photo; what models say is not shown, so that it sways nobody. */
  private others({key}: Picture): Label[] {
    return this.options.labels.of(key).filter((label) => label.by !== this.by && !isByModel(label));
  }

  private shown(number: number | null): Picture {
    if (this.ending || !this.current || this.current.number !== number) throw new StalePhoto();
    return this.queue[number];
  }

  private async passOn(number: number, fate: Fate): Promise<void> {
    this.fates.set(number, fate);
    this.history.push(number);
    this.current = null;
    await this.advance();
  }

  /** Shows the next photo that nobody has labelled. */
  private async advance(): Promise<void> {
    for (const [number, photo] of this.queue.entries()) {
      if (this.fates.has(number)) continue;
      const byPeople = this.options.again
        ? []
        : this.options.labels.of(photo.key).filter((label) => !isByModel(label));
      if (byPeople.length > 0) this.fates.set(number, 'by others');
      else if (await this.show(number)) break;
    }
    this.answerQuestions();
  }

  private async show(number: number): Promise<boolean> {
    const photo = this.queue[number];
    try {
      this.current = {number, jpeg: await boundedJpeg(photo, shownSide)};
      return true;
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.unreadable.push({photo, reason: error.message});
      this.fates.set(number, 'unreadable');
      return false;
    }
  }

  private answerQuestions(): void {
    const open = this.questions.splice(0);
    for (const question of open) {
      if (!question.numbers.every((number) => this.fates.has(number))) {
        this.questions.push(question);
        continue;
      }
      const labels = this.options.labels.standing();
      const answered = question.numbers
        .filter((number) => this.fates.get(number) === 'labelled' || this.fates.get(number) === 'by others')
        .map((number) => this.queue[number].key);
      question.answer(
        new Map(answered.flatMap((key) => labels.get(key) ?? []).map(({photo, label}) => [photo, label])),
      );
    }
  }
}

/** The keys of each class: its number up to 9, and its first letter where no other class begins with it. */
export function classKeys(classes: readonly string[]): SessionState['classes'] {
  const letters = classes.map((name) => name.trim().charAt(0).toLowerCase());
  return classes.map((name, index) => {
    const letter = letters[index];
    const isOwn = /^\p{L}$/u.test(letter) && letters.indexOf(letter) === letters.lastIndexOf(letter);
    return {name, keys: [...(index < 9 ? [String(index + 1)] : []), ...(isOwn ? [letter] : [])]};
  });
}

function checkClasses({classes, labels}: SessionOptions): void {
  if (new Set(classes).size < 2 || new Set(classes).size < classes.length) {
    throw new LabError(`The classes are ${classes.join(', ') || 'none'}. Give two or more, each once.`);
  }
  const strange = classes.find((name) => labels.classes && !labels.classes.includes(name));
  if (strange === undefined) return;
  throw new LabError(
    `'${strange}' is no class of ${labels.file}: ${labels.classes?.join(', ')}. Give the same classes.`,
  );
}
