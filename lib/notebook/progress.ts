/** Progress of long work as one line with a thin bar, changed in place in the cell's output. */
import {escapeHtml, liveDisplay, type LiveDisplay} from './display';

/** How far a piece of work has come. */
export interface Progress {
  /** What is being done: 'mobilenet_v2, last 3 stages', 'Features of deit_tiny', a file's name. */
  title: string;
  unit: 'images' | 'bytes';
  /** Units done, what an earlier session did included; of training: images over all epochs. */
  done: number;
  /** Units in all, null where that is unknown. */
  total: number | null;
  training?: TrainingPosition;
}

/** Where a training run stands; epochs and batches count from 1. */
export interface TrainingPosition {
  epoch: number;
  epochs: number;
  batch: number;
  batches: number;
  /** Of the last validation, null before the first. */
  valMacroF1: number | null;
}

/** How fast the work goes on. */
export interface Pace {
  unitsPerSecond: number;
  secondsLeft: number | null;
}

const updateEveryMs = 250;
const paceOverMs = 10_000;

/** A duration in the one or two units that matter: '42 s', '7 min', '1 h 20 min'. */
export function duration(seconds: number): string {
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The line of text: title, position, pace, time left, last validation macro-F1; unknown parts are left out. */
export function progressText(progress: Progress, pace: Pace | null): string {
  const {title, training} = progress;
  const left = pace?.secondsLeft ?? null;
  return [
    title,
    training ? positionText(training) : amountText(progress),
    pace && paceText(progress, pace.unitsPerSecond),
    left !== null && `${duration(left)} left`,
    typeof training?.valMacroF1 === 'number' && `val macro-F1 ${training.valMacroF1.toFixed(3)}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The line of text over a thin bar; without a bar where the total is unknown. */
export function progressHtml(progress: Progress, pace: Pace | null): string {
  const line = lineHtml(progressText(progress, pace));
  if (progress.total === null) return line;
  const percent = (100 * Math.min(1, progress.done / Math.max(1, progress.total))).toFixed(1);
  return (
    `${line}<div style="height:3px;max-width:40em;background:var(--jp-border-color2,#ddd)">` +
    `<div style="height:3px;width:${percent}%;background:var(--jp-brand-color1,#1976d2)"></div></div>`
  );
}

function lineHtml(text: string): string {
  return `<div style="font-variant-numeric:tabular-nums">${escapeHtml(text)}</div>`;
}

function positionText({epoch, epochs, batch, batches}: TrainingPosition): string {
  return `epoch ${epoch}/${epochs} · batch ${batch}/${batches}`;
}

function amountText({unit, done, total}: Progress): string {
  const amount = (units: number) => (unit === 'bytes' ? megabytes(units) : units.toLocaleString('en-US'));
  return `${amount(done)}${total === null ? '' : `/${amount(total)}`} ${unit === 'bytes' ? 'MB' : unit}`;
}

function paceText({unit}: Progress, unitsPerSecond: number): string {
  return unit === 'bytes' ? `${megabytes(unitsPerSecond)} MB/s` : `${unitsPerSecond.toFixed(1)} images/s`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/**
 * Shows the progress of one piece of work, at most four times a second. The pace is that of the last ten seconds, the
 * time left follows from the pace since the first report, so that what an earlier session did does not flatter it.
 */
export class ProgressLine {
  private shown: {time: number; done: number}[] = [];
  private first: {time: number; done: number} | null = null;
  private last: Progress | null = null;

  /** `clock` tells the time in milliseconds. */
  constructor(
    private readonly display: LiveDisplay = liveDisplay(),
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Takes note of the progress and shows it, unless the last update is less than 250 ms old. */
  report(progress: Progress): void {
    const now = {time: this.clock(), done: progress.done};
    this.first ??= now;
    this.last = progress;
    const latest = this.shown.at(-1);
    if (latest && now.time - latest.time < updateEveryMs) return;
    this.shown = [...this.shown.filter(({time}) => now.time - time <= paceOverMs), now];
    this.display.update(progressHtml(progress, this.pace(progress, now)));
  }

  /** Leaves one tidy line: the summary given, else what was done in which time. */
  finish(summary = this.summary()): void {
    this.display.finish(lineHtml(summary));
  }

  private pace({total}: Progress, now: {time: number; done: number}): Pace | null {
    const unitsPerSecond = rate(this.shown[0], now);
    const overall = rate(this.first ?? now, now);
    if (!(unitsPerSecond > 0) || !(overall > 0)) return null;
    return {unitsPerSecond, secondsLeft: total === null ? null : (total - now.done) / overall};
  }

  private summary(): string {
    if (!this.first || !this.last) return 'Nothing to do';
    const {first, last} = this;
    const now = {time: this.clock(), done: last.done};
    const seconds = (now.time - first.time) / 1000;
    const overall = rate(first, now);
    return [
      last.title,
      `${amountText({...last, total: null})} in ${duration(seconds)}`,
      overall > 0 && paceText(last, overall),
    ]
      .filter(Boolean)
      .join(' · ');
  }
}

/** Units per second between two moments, 0 when no time has passed. */
function rate(from: {time: number; done: number}, to: {time: number; done: number}): number {
  return to.time > from.time ? (1000 * (to.done - from.done)) / (to.time - from.time) : 0;
}
