/**
 * Labels of photos, apart from the photos: a file of JSON lines that only grows, so that people, kernels and models may
 * label at once and nothing is ever lost. A line gives a photo, known by its content, a label, or takes one back; of
 * those that stand the last one wins.
 */
import {LabError} from '../errors';
import {nearest} from '../nearest';
import {type ForeignLine, JsonLines} from '../storage';

/** What somebody says of a photo. */
export interface Label {
  /** The photo's key (Picture.key): the SHA-256 of its bytes. */
  photo: string;
  label: string;
  /** Who or what gave it: 'person', 'Anna', 'model deit_tiny'. */
  by: string;
  /** From 0 to 1; null where it is not known. */
  confidence: number | null;
  /** ISO 8601. */
  time: string;
}

/** A line that takes back the last label of this name that its giver gave this photo and that still stands. */
interface Undo {
  photo: string;
  undo: string;
  by: string;
  time: string;
}

export interface NewLabel {
  photo: string;
  label: string;
  by: string;
  /** Default: not known. */
  confidence?: number | null;
}

/** What givers of a model's kind are called: 'model deit_tiny'. */
export const modelGiver = (name: string): string => `model ${name}`;

/** Whether a label was given by a model, not by a person. */
export const isByModel = ({by}: Pick<Label, 'by'>): boolean => by.startsWith('model ');

/** The labels in a file, those included that others add meanwhile. Nothing is written before the first label. */
export class Labels {
  private readonly lines: JsonLines<Label | Undo>;

  /** Without `classes` any label is one. */
  constructor(
    readonly file: string,
    readonly classes?: readonly string[],
  ) {
    this.lines = new JsonLines(file, (value) => lineOf(value, classes));
  }

  /**
   * Adds labels, all or none; they are on the disk when this returns. Throws a LabError for a label that is no class or a
   * confidence that is none, and where the disk does not take them.
   */
  add(...labels: readonly NewLabel[]): void {
    const time = new Date().toISOString();
    this.lines.append(
      labels.map(({photo, label, by, confidence = null}) => {
        this.check({photo, label, by, confidence});
        return {photo, label, by, confidence, time};
      }),
    );
  }

  /** Takes back what this giver last said of a photo, and returns it. Throws a LabError when nothing of it stands. */
  undo(photo: string, by: string): Label {
    const last = this.given().findLast((label) => label.photo === photo && label.by === by);
    if (!last) {
      throw new LabError(
        `${this.file} has no label of the photo ${photo} by ${by} that could be taken back.`,
      );
    }
    this.lines.append([{photo, undo: last.label, by, time: new Date().toISOString()}]);
    return last;
  }

  /**
   * The label of each photo: the last one that stands. Where givers are named only theirs count, and one that is named
   * before another goes before it, whoever came last.
   */
  standing(givers?: readonly string[]): Map<string, Label> {
    const rank = ({by}: Label) => (givers ? givers.indexOf(by) : 0);
    const standing = new Map<string, Label>();
    for (const label of this.given()) {
      if (rank(label) < 0) continue;
      const before = standing.get(label.photo);
      if (!before || rank(label) <= rank(before)) standing.set(label.photo, label);
    }
    return standing;
  }

  /** What each giver last said of a photo, the latest last. */
  of(photo: string): Label[] {
    return latestOfEach(this.given().filter((label) => label.photo === photo));
  }

  /** The photos of which givers say different things, with what each said last. */
  disagreements(): {photo: string; labels: Label[]}[] {
    const byPhoto = new Map<string, Label[]>();
    for (const label of this.given()) byPhoto.set(label.photo, [...(byPhoto.get(label.photo) ?? []), label]);
    return [...byPhoto]
      .map(([photo, labels]) => ({photo, labels: latestOfEach(labels)}))
      .filter(({labels}) => labels.some(({label}) => label !== labels[0].label));
  }

  /** Labels of photos that are not among these: photos that are gone, or of another set. */
  gone(photos: Iterable<string>): Label[] {
    const there = new Set(photos);
    return [...this.standing().values()].filter(({photo}) => !there.has(photo));
  }

  /** Lines of the file that are no labels: cut off, foreign, of a class that is none. They stay in it. */
  unread(): readonly ForeignLine[] {
    return this.lines.read().foreign;
  }

  /** All labels that stand, in the file's order. */
  private given(): Label[] {
    const given: Label[] = [];
    for (const line of this.lines.read().values) {
      if ('label' in line) given.push(line);
      else {
        const {photo, by, undo} = line;
        const index = given.findLastIndex(
          (label) => label.photo === photo && label.by === by && label.label === undo,
        );
        if (index >= 0) given.splice(index, 1);
      }
    }
    return given;
  }

  private check({photo, label, by, confidence}: Required<NewLabel>): void {
    if (photo === '') throw new LabError("A label's photo is empty. Give its key (picture.key).");
    if (by.trim() === '') {
      throw new LabError(
        `Nobody is named who gave the label '${label}'. Give by: 'person', a name, or 'model ...'.`,
      );
    }
    if (confidence !== null && !(confidence >= 0 && confidence <= 1)) {
      throw new LabError(
        `The confidence of the label '${label}' is ${confidence}. Give 0 to 1, or leave it out.`,
      );
    }
    if (label.trim() === '') throw new LabError(`The label of ${photo} is empty. Give the name of a class.`);
    if (!this.classes || this.classes.includes(label)) return;
    const meant = nearest(label, this.classes);
    throw new LabError(
      `'${label}' is no class of ${this.file}.${meant.length > 0 ? ` Did you mean ${meant.join(', ')}?` : ''} ` +
        `Its classes: ${this.classes.join(', ')}.`,
    );
  }
}

/** What each giver said last, the latest last. */
function latestOfEach(labels: readonly Label[]): Label[] {
  const byGiver = new Map<string, Label>();
  for (const label of labels) {
    byGiver.delete(label.by);
    byGiver.set(label.by, label);
  }
  return [...byGiver.values()];
}

function lineOf(value: unknown, classes: readonly string[] | undefined): Label | Undo {
  const {photo, label, undo, by, confidence = null, time} = (value ?? {}) as Record<string, unknown>;
  const isText = (each: unknown) => typeof each === 'string' && each !== '';
  if (![photo, by, time].every(isText) || isText(label) === isText(undo)) {
    throw new Error('neither a label nor one taken back');
  }
  if (confidence !== null && typeof confidence !== 'number') throw new Error('its confidence is no number');
  const named = String(label ?? undo);
  if (classes && !classes.includes(named)) throw new Error(`'${named}' is no class`);
  return undo === undefined
    ? ({photo, label, by, confidence, time} as Label)
    : ({photo, undo, by, time} as Undo);
}
