/** Progress of long work as one line with a thin bar, changed in place in the cell's output. */
import {duration} from '../charts/text';
import {escapeHtml} from '../html';
import type {BatchProgress} from '../training';
import {liveDisplay, type LiveDisplay} from './display';

/** How far a transfer or a pass over photos has come; its pace is measured from report to report. */
export interface AmountProgress {
  /** What is being done: 'Features of deit_tiny', a file's name. */
  title: string;
  unit: 'images' | 'sessions' | 'steps' | 'bytes';
  /** Units done, what an earlier session did included. */
  done: number;
  /** Units in all, null where that is unknown. */
  total: number | null;
}

/** How far a training run has come, with the pace that the training loop measures itself. */
export interface TrainingProgress extends BatchProgress {
  /** 'mobilenet_v2, last 3 stages'. */
  title: string;
  /** Of the last validation, null before the first. */
  valMacroF1: number | null;
}

export type Progress = AmountProgress | TrainingProgress;

/** How fast the work goes on. */
export interface Pace {
  unitsPerSecond: number;
  secondsLeft: number | null;
}

const updateEveryMs = 250;
const paceOverMs = 10_000;

/**
 * The line of text: title, position, pace, time left, last validation macro-F1; unknown parts are left out.
 * `pace` is that of an amount; a training run brings its own.
 */
export function progressText(progress: Progress, pace: Pace | null = null): string {
  return (isTraining(progress) ? trainingParts(progress) : amountParts(progress, pace)).join(' · ');
}

/** The line of text over a thin bar; without a bar where the total is unknown. */
export function progressHtml(progress: Progress, pace: Pace | null = null): string {
  const line = lineHtml(progressText(progress, pace));
  const share = shareDone(progress);
  if (share === null) return line;
  return (
    `${line}<div style="height:3px;max-width:40em;background:var(--jp-border-color2,#ddd)">` +
    `<div style="height:3px;width:${(100 * share).toFixed(1)}%;background:var(--jp-brand-color1,#1976d2)"></div></div>`
  );
}

function lineHtml(text: string): string {
  return `<div style="font-variant-numeric:tabular-nums">${escapeHtml(text)}</div>`;
}

function isTraining(progress: Progress): progress is TrainingProgress {
  return 'epoch' in progress;
}

function shareDone(progress: Progress): number | null {
  if (isTraining(progress)) {
    const {epoch, epochs, batch, batches} = progress;
    return ((epoch - 1) * batches + batch) / (epochs * batches);
  }
  const {done, total} = progress;
  return total === null ? null : Math.min(1, done / Math.max(1, total));
}

function trainingParts({title, epoch, epochs, batch, batches, ...rest}: TrainingProgress): string[] {
  const parts = [
    title,
    `epoch ${epoch}/${epochs}`,
    `batch ${batch}/${batches}`,
    rate('images', rest.imagesPerSecond),
    `${duration(rest.secondsLeft)} left`,
  ];
  return rest.valMacroF1 === null ? parts : [...parts, `val macro-F1 ${rest.valMacroF1.toFixed(3)}`];
}

function amountParts(progress: AmountProgress, pace: Pace | null): string[] {
  const parts = [progress.title, amount(progress)];
  if (pace) parts.push(rate(progress.unit, pace.unitsPerSecond));
  if (pace && pace.secondsLeft !== null) parts.push(`${duration(pace.secondsLeft)} left`);
  return parts;
}

function amount({unit, done, total}: AmountProgress): string {
  const inUnits = (count: number) => (unit === 'bytes' ? megabytes(count) : count.toLocaleString('en-US'));
  return `${inUnits(done)}${total === null ? '' : `/${inUnits(total)}`} ${unit === 'bytes' ? 'MB' : unit}`;
}

function rate(unit: AmountProgress['unit'], perSecond: number): string {
  return unit === 'bytes' ? `${megabytes(perSecond)} MB/s` : `${perSecond.toFixed(1)} ${unit}/s`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** When, in milliseconds, how much was done. */
interface Moment {
  time: number;
  done: number;
}

/** Units per second between two moments, 0 when no time has passed. */
function unitsPerSecond(from: Moment, to: Moment): number {
  return to.time > from.time ? (1000 * (to.done - from.done)) / (to.time - from.time) : 0;
}

/**
 * Shows the progress of one piece of work, at most four times a second. The pace of an amount is that of the last ten
 * seconds; its time left follows from all since the first report, so that what an earlier session did counts in neither.
 */
export class ProgressLine {
  private first: Moment | null = null;
  private recent: Moment[] = [];
  private last: Progress | null = null;

  /** `clock` tells the time in milliseconds. */
  constructor(
    private readonly display: LiveDisplay = liveDisplay(),
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Takes note of the progress and shows it, unless the last update is less than 250 ms old. */
  report(progress: Progress): void {
    const now: Moment = {time: this.clock(), done: isTraining(progress) ? 0 : progress.done};
    this.first ??= now;
    this.last = progress;
    const shown = this.recent.at(-1);
    if (shown && now.time - shown.time < updateEveryMs) return;
    this.recent = [...this.recent.filter(({time}) => now.time - time <= paceOverMs), now];
    this.display.update(progressHtml(progress, this.pace(progress, now)));
  }

  /** Leaves one tidy line: the summary given, else what was done in which time. */
  finish(summary = this.summary()): void {
    this.display.finish(lineHtml(summary));
  }

  private pace(progress: Progress, now: Moment): Pace | null {
    if (isTraining(progress) || !this.first) return null;
    const recently = unitsPerSecond(this.recent[0], now);
    const overall = unitsPerSecond(this.first, now);
    if (!(recently > 0 && overall > 0)) return null;
    const left = progress.total === null ? null : (progress.total - progress.done) / overall;
    return {unitsPerSecond: recently, secondsLeft: left};
  }

  private summary(): string {
    const {first, last} = this;
    if (!first || !last) return 'nothing to do';
    const now = this.clock();
    const time = `in ${duration((now - first.time) / 1000)}`;
    if (isTraining(last)) return `${last.title} · ${last.epoch} of ${last.epochs} epochs ${time}`;
    const overall = unitsPerSecond(first, {time: now, done: last.done});
    const parts = [last.title, `${amount({...last, total: null})} ${time}`];
    return (overall > 0 ? [...parts, rate(last.unit, overall)] : parts).join(' · ');
  }
}
