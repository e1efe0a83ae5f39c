/**
 * Locks between kernels: of one host, of containers on one volume, of hosts on one network share.
 *
 * A lock is a file that says who holds it, what for and since when. It appears whole or not at all, and only where there
 * is none (a hard link), so of many that take it at once one has it; also within one process. Its holder renews its date
 * every few seconds.
 *
 * A lock whose holder is gone is abandoned. Of a holder of this host and this PID namespace the system tells, by its id
 * and the moment it started, so its lock is taken over at once, and never while it lives. Any other can only be heard:
 * its lock is abandoned after a minute without a sign. That is long, because training keeps a kernel from its timers
 * for seconds. The clock that counts is the disk's own.
 *
 * An abandoned lock is removed under a lock of its own, `<lock>.takeover`, after a second look, so that nobody removes
 * what another has taken since. After that all are equal again.
 */
import {randomUUID} from 'node:crypto';
import * as fs from 'node:fs';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {LabError} from '../errors';
import {writing} from './disk';
import {lifeOf, thisProcess, type Owner} from './owner';
import {moveUnlessThere, partOf} from './replace';

const renewEveryMs = 5_000;
const silenceLimitMs = 60_000;
/** Between looks at a lock that is waited for: soon at first, for most are held for a moment only. */
const pollMs = {first: 10, most: 250};
const tellAfterMs = 500;

export interface LockHolder extends Owner {
  /** What it is held for, as the beginning of a sentence: 'Run x is being trained'. */
  purpose: string;
  /** When it was taken: ISO 8601. */
  since: string;
  /** Tells it from every other lock that was ever taken. */
  token: string;
}

/** A lock as it was found. */
interface Found {
  holder: LockHolder;
  renewedMs: number;
}

/** A lock that is held by another, or by this process already. */
export class LockHeld extends LabError {
  override name = 'LockHeld';
  constructor(
    message: string,
    readonly holder: LockHolder,
  ) {
    super(message);
  }
}

/** A lock that this process holds, until `release`. */
export class Lock {
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly file: string,
    private readonly holder: LockHolder,
  ) {
    this.timer = setInterval(() => this.renew(), renewEveryMs).unref();
  }

  /**
   * Throws a LabError when the lock is no longer this process's: it was deleted, or taken over because this process
   * gave no sign for a minute (a computer asleep). To be called before what only the holder may do.
   */
  requireHeld(): void {
    const found = read(this.file);
    if (found?.holder.token === this.holder.token) return;
    const reason = found
      ? `${nameOf(found.holder)} has taken it over, because this kernel gave no sign of life for ${silenceLimitMs / 1000} s`
      : 'its file is gone';
    throw new LabError(
      `${this.holder.purpose}, but no longer by this kernel: the lock ${this.file} is lost (${reason}). Run again.`,
    );
  }

  release(): void {
    clearInterval(this.timer);
    quietly(() => {
      if (read(this.file)?.holder.token === this.holder.token) fs.rmSync(this.file, {force: true});
    });
  }

  private renew(): void {
    quietly(() => {
      const descriptor = fs.openSync(this.file, 'r+');
      try {
        const mine = readDescriptor(descriptor).holder.token === this.holder.token;
        if (mine)
          fs.writeSync(descriptor, '{', 0); // what stands there: the disk dates it by its own clock
        else clearInterval(this.timer);
      } finally {
        fs.closeSync(descriptor);
      }
    });
  }
}

/**
 * Takes a lock, making its folder. `purpose` begins the sentence that tells another what it is held for: 'Run x is being
 * trained'. Throws LockHeld, at once or after `patienceMs` during which this thread stands still, when it is held, and
 * a LabError when it cannot be written.
 */
export function takeLock(file: string, purpose: string, {patienceMs = 0} = {}): Lock {
  for (const start = performance.now(); ; standStill(20)) {
    const lock = attempt(file, purpose);
    if (lock instanceof Lock) return lock;
    if (performance.now() - start >= patienceMs) throw heldError(file, lock);
  }
}

/** Takes a lock; null when it is held. */
export function tryLock(file: string, purpose: string): Lock | null {
  const lock = attempt(file, purpose);
  return lock instanceof Lock ? lock : null;
}

export interface WaitOptions {
  /** Ends the waiting with its reason. */
  signal?: AbortSignal;
  /** Told once whom the waiting is for, when it takes longer than half a second. */
  onWait?: (message: string) => void;
}

/** Takes a lock as soon as it is free. Throws the signal's reason, and a LabError when the lock cannot be written. */
export async function waitForLock(file: string, purpose: string, options: WaitOptions = {}): Promise<Lock> {
  const {signal, onWait} = options;
  const start = performance.now();
  for (let [pause, told] = [pollMs.first, false]; ; pause = Math.min(2 * pause, pollMs.most)) {
    signal?.throwIfAborted();
    const lock = attempt(file, purpose);
    if (lock instanceof Lock) return lock;
    if (!told && performance.now() - start > tellAfterMs) {
      told = true;
      onWait?.(`${sentenceOf(lock)}. Waiting for it.`);
    }
    await sleep(pause, undefined, {signal}).catch(() => undefined);
  }
}

/** Runs an action under a lock, as soon as that is free. Throws as `waitForLock`. */
export async function withLock<T>(
  file: string,
  purpose: string,
  options: WaitOptions,
  action: () => Promise<T>,
): Promise<T> {
  const lock = await waitForLock(file, purpose, options);
  try {
    return await action();
  } finally {
    lock.release();
  }
}

/** Who holds a lock; null when nobody does or it is abandoned. */
export function lockHolder(file: string): LockHolder | null {
  const found = writing(file, () => read(file));
  return found && !isAbandoned(file, found) ? found.holder : null;
}

/** The lock, or what stands in its way. */
function attempt(file: string, purpose: string): Lock | Found {
  return writing(file, () => {
    fs.mkdirSync(dirname(file), {recursive: true});
    for (let tries = 0; ; tries++) {
      const lock = create(file, purpose);
      if (lock) return lock;
      const found = read(file);
      if (!found) continue; // released just now
      if (tries === 100 || !isAbandoned(file, found)) return found;
      if (!removeAbandoned(file, found)) standStill(10);
    }
  });
}

function create(file: string, purpose: string): Lock | null {
  const holder: LockHolder = {
    ...thisProcess(),
    purpose,
    since: new Date().toISOString(),
    token: randomUUID(),
  };
  const part = partOf(file);
  try {
    fs.writeFileSync(part, JSON.stringify(holder), {flag: 'wx'});
    // A network share may answer a link twice, the second time that the file is there.
    const mine = moveUnlessThere(part, file) || read(file)?.holder.token === holder.token;
    return mine ? new Lock(file, holder) : null;
  } finally {
    fs.rmSync(part, {force: true});
  }
}

/** False, and nothing done, while another is at it. */
function removeAbandoned(file: string, {holder}: Found): boolean {
  const takeover = attempt(`${file}.takeover`, `The abandoned lock ${file} is being removed`);
  if (!(takeover instanceof Lock)) return false;
  try {
    const found = read(file);
    if (found?.holder.token === holder.token && isAbandoned(file, found)) fs.rmSync(file, {force: true});
    return true;
  } finally {
    takeover.release();
  }
}

function isAbandoned(file: string, {holder, renewedMs}: Found): boolean {
  const life = lifeOf(holder);
  return life === 'unknown' ? diskClock(dirname(file)) - renewedMs > silenceLimitMs : life === 'gone';
}

/** The time of the disk that holds a folder, which on a network share need not be this host's: the date of a new file. */
function diskClock(folder: string): number {
  const probe = partOf(join(folder, 'clock'));
  try {
    fs.writeFileSync(probe, '', {flag: 'wx'});
    return fs.statSync(probe).mtimeMs;
  } catch {
    return Date.now();
  } finally {
    quietly(() => fs.rmSync(probe, {force: true}));
  }
}

/** The lock as it stands; null when there is none. */
function read(file: string): Found | null {
  try {
    const descriptor = fs.openSync(file, 'r'); // opening makes a network share look again
    try {
      return readDescriptor(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function readDescriptor(descriptor: number): Found {
  const {mtimeMs, ino} = fs.fstatSync(descriptor);
  return {holder: parseHolder(fs.readFileSync(descriptor, 'utf8'), `file ${ino}`), renewedMs: mtimeMs};
}

/** A text that is no holder's (it is still being copied, or was spoilt) is of somebody unknown. */
function parseHolder(text: string, token: string): LockHolder {
  try {
    const holder = JSON.parse(text) as LockHolder;
    if (typeof holder.token === 'string' && typeof holder.process === 'number') return holder;
  } catch {
    // As below.
  }
  const unknown = {host: 'unknown', numbering: null, process: 0, started: 'unknown', birth: null};
  return {...unknown, purpose: 'This is in use', since: 'unknown', token};
}

function heldError(file: string, found: Found): LockHeld {
  return new LockHeld(`${sentenceOf(found)}. ${remedyOf(file, found)}`, found.holder);
}

function remedyOf(file: string, {holder, renewedMs}: Found): string {
  if (isThisProcess(holder)) return 'Wait for it, press the stop button or restart the kernel.';
  const remedy = 'Wait for it or shut that kernel down, then run again.';
  if (lifeOf(holder) === 'alive') return remedy;
  const silent = Math.max(0, Math.round((diskClock(dirname(file)) - renewedMs) / 1000));
  return (
    `${remedy} Its last sign of life is ${silent} s old; should it be gone, ` +
    `run again in ${Math.max(1, silenceLimitMs / 1000 + 1 - silent)} s, when its lock no longer counts.`
  );
}

function sentenceOf({holder}: Found): string {
  return `${holder.purpose} by ${nameOf(holder)}, since ${forPeople(holder.since)}`;
}

function nameOf(holder: LockHolder): string {
  if (isThisProcess(holder)) return 'this very kernel';
  return `process ${holder.process} on host ${holder.host} (started ${forPeople(holder.started)})`;
}

function isThisProcess(holder: LockHolder): boolean {
  const {numbering, process, birth, started} = thisProcess();
  return [numbering, process, birth, started].every(
    (value, i) => value === [holder.numbering, holder.process, holder.birth, holder.started][i],
  );
}

function forPeople(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}

function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** A lock that cannot be renewed or removed falls by itself, once this process is gone. */
function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // As said.
  }
}
