/**
 * Precision, recall and F1 as scikit-learn defines them with `zero_division=0`: a ratio whose denominator is zero
 * (the precision of a class never predicted, the recall of a class without items) counts as 0.
 */
import {LabError} from '../errors';
import {checkConfusion, type Confusion} from './confusion';

/** Scores of one class; `support` is its number of items. */
export interface ClassScores {
  name: string;
  precision: number;
  recall: number;
  f1: number;
  support: number;
}

export interface Averages {
  precision: number;
  recall: number;
  f1: number;
}

export interface ClassificationReport {
  /** Every class, in order, those without items included. */
  classes: ClassScores[];
  /** Unweighted mean over the classes. */
  macro: Averages;
  /** Over the pooled items; with one label per item all three equal the accuracy. */
  micro: Averages;
  /** Mean over the classes, weighted by support. */
  weighted: Averages;
  accuracy: number;
  support: number;
}

/**
 * The classes a macro average runs over. 'present': those that occur among the truth or the predictions, as
 * scikit-learn does when `labels` is not given. 'all': every class, one that occurs in neither counting as 0, as
 * scikit-learn does with `labels=range(classCount)`. The two differ only if a class occurs in neither.
 */
export type AveragedClasses = 'present' | 'all';

/** Scores per class and their averages. Throws LabError when names and matrix differ in size, or nothing is counted. */
export function classificationReport(
  confusion: Confusion,
  classNames: readonly string[],
  over: AveragedClasses = 'present',
): ClassificationReport {
  checkConfusion(confusion);
  if (classNames.length !== confusion.length) {
    throw new LabError(
      `${classNames.length} class names were given for a confusion matrix of ${confusion.length} classes.`,
    );
  }
  const classes = classNames.map((name, label) => ({name, ...classScores(confusion, label)}));
  const support = sum(classes.map((scores) => scores.support));
  const right = accuracy(confusion);
  const averaged = classes.filter((_, label) => over === 'all' || occurs(confusion, label));
  return {
    classes,
    macro: average(averaged, () => 1 / averaged.length),
    micro: {precision: right, recall: right, f1: right},
    weighted: average(classes, (scores) => scores.support / support),
    accuracy: right,
    support,
  };
}

/** The unweighted mean of the classes' F1. Throws LabError when the matrix is not square or counts nothing. */
export function macroF1(confusion: Confusion, over: AveragedClasses = 'present'): number {
  const names = confusion.map((_, label) => String(label));
  return classificationReport(confusion, names, over).macro.f1;
}

/** The share of the items on the diagonal. Throws LabError when the matrix is not square or counts nothing. */
export function accuracy(confusion: Confusion): number {
  checkConfusion(confusion);
  return sum(confusion.map((row, label) => row[label])) / sum(confusion.map(sum));
}

function classScores(confusion: Confusion, label: number): Omit<ClassScores, 'name'> {
  const hits = confusion[label][label];
  const support = sum(confusion[label]);
  const predicted = sum(confusion.map((row) => row[label]));
  return {
    precision: ratio(hits, predicted),
    recall: ratio(hits, support),
    f1: ratio(2 * hits, predicted + support),
    support,
  };
}

function occurs(confusion: Confusion, label: number): boolean {
  return confusion.some(
    (row, truth) => row[label] > 0 || (truth === label && row.some((count) => count > 0)),
  );
}

function average(classes: readonly ClassScores[], weight: (scores: ClassScores) => number): Averages {
  const mean = (pick: (scores: ClassScores) => number) =>
    sum(classes.map((scores) => weight(scores) * pick(scores)));
  return {
    precision: mean((scores) => scores.precision),
    recall: mean((scores) => scores.recall),
    f1: mean((scores) => scores.f1),
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
