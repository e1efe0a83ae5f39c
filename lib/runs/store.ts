/**
 * The store of runs, a folder per run: see folder.ts for its files. Beside `<id>` there may lie
 *
 *     <id>.lock         a kernel is training it
 *     <id>.repair.lock  for a moment: a kernel finishes a redo or sets a damaged run aside
 *     <id>.redo         it is being trained anew; takes the place of <id> once complete
 *     <id>.previous     what <id> was before it was trained anew, until the next time
 *     <id>.damaged-1    it could not be read and was set aside
 */
import * as fs from 'node:fs';
import {basename, join} from 'node:path';
import {openCheckpoint} from '../checkpoints';
import {LabError} from '../errors';
import {lockHolder, setAside, takeLock, tryLock, writeJson, writing} from '../storage';
import {files, readRun, readState, type StoredRun} from './folder';
import {DamagedRun} from './guards';
import {runId, type RunIdentity} from './identity';
import type {RunRecord} from './record';
import {createRun, Run, toRecord} from './run';

/** How long is waited for another kernel that looks a run through, which takes it moments. */
const patienceMs = 10_000;
/** How often a run is looked at that is being replaced, which takes two renames. */
const mostLooks = 100;

/** The probability of every class, [pictures, classes], row by row. */
export interface Probabilities {
  shape: [number, number];
  values: Float32Array;
}

/** Every run ever trained, kept in one folder. Nothing in it is fatal: a damaged run is set aside with a warning. */
export class RunStore {
  /** `folder` is made when missing; `warn` is told of every run that is set aside. */
  constructor(
    readonly folder: string,
    private readonly warn: (message: string) => void = console.warn,
  ) {}

  /** The stored run of a configuration, null when there is none. */
  find(configuration: RunIdentity): RunRecord | null {
    this.makeFolder();
    return this.load(runId(configuration));
  }

  /** All stored runs that `filter` lets through, in the order of their identifiers. */
  list(filter: (record: RunRecord) => boolean = () => true): RunRecord[] {
    this.makeFolder();
    const ids = fs.readdirSync(this.folder).map((name) => name.replace(/\.redo$/, ''));
    return [...new Set(ids)]
      .filter((id) => /^[a-z0-9_-]+-[0-9a-f]{8}$/.test(id))
      .sort()
      .flatMap((id) => this.load(id) ?? [])
      .filter(filter);
  }

  /**
   * Opens the run of a configuration for training: the stored one, to go on where it stopped, else a new one.
   * With `redo` it is trained anew: the stored one stays in force until the new one is complete, and a redo that was
   * interrupted goes on. Throws LockHeld when a kernel is training it, wherever, and a LabError when the folder cannot be
   * written.
   */
  open(configuration: RunIdentity, {redo = false} = {}): Run {
    const id = runId(configuration);
    this.makeFolder();
    const lock = takeLock(this.lockFile(id), `Run ${id} is being trained`);
    try {
      const repair = takeLock(...this.repairLock(id), {patienceMs});
      try {
        this.settleRedo(id);
        const name = redo && fs.existsSync(this.path(id)) ? `${id}.redo` : id;
        const open = () => {
          const stored = readRun(this.path(name), id) ?? createRun(this.path(name), configuration);
          return new Run(id, this.path(name), stored, () => this.settleRedo(id), lock);
        };
        return this.orSetAside(name, open) ?? open();
      } finally {
        repair.release();
      }
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Gives a stored run, which stays as it is otherwise, another name, or takes its name away; nothing is done while a
   * kernel trains it. Returns it as it is stored then.
   */
  rename(id: string, name: string | null): RunRecord | null {
    const lock = takeLock(...this.repairLock(id), {patienceMs});
    try {
      const stored = this.isTrained(id) ? null : readRun(this.path(id), id);
      if (stored) writeJson(join(this.path(id), files.notes), {...stored.notes, name});
    } finally {
      lock.release();
    }
    return this.load(id);
  }

  /**
   * The file of a run's best weights so far; null when there is no such run, it has none yet, or a kernel is still
   * training it.
   */
  bestWeights(id: string): string | null {
    const record = this.load(id);
    if (!record) return null;
    const folder = this.path(id);
    const ofState = () => readState(folder, record.history)?.best?.epoch ?? null;
    const epoch = record.result?.bestEpoch ?? this.repair(id, () => this.orSetAside(id, ofState));
    return epoch === null ? null : join(folder, files.best(epoch));
  }

  /**
   * What a complete run says of every class, a row for each of its result's predictions; null where an earlier version
   * stored the run without it, or it is not complete. Throws a LabError when the file is damaged.
   */
  probabilities(id: string): Probabilities | null {
    const record = this.load(id);
    const file = join(this.path(id), files.probabilities);
    if (!record?.result || !fs.existsSync(file)) return null;
    const shape: [number, number] = [record.result.predictions.length, record.configuration.classes.length];
    const checkpoint = openCheckpoint(file);
    try {
      const values = checkpoint.tensors.get('probabilities')?.values();
      if (values?.length === shape[0] * shape[1]) return {shape, values};
    } finally {
      checkpoint.close();
    }
    throw new LabError(
      `${file} does not hold [${shape.join(', ')}] probabilities, as the result asks for. Train the run again with {force: true}.`,
    );
  }

  private makeFolder(): void {
    writing(this.folder, () => fs.mkdirSync(this.folder, {recursive: true}));
  }

  private load(id: string): RunRecord | null {
    if (this.isRedone(id)) this.repair(id, () => this.settleRedo(id));
    const record = (locked: boolean) => {
      const stored = this.read(id);
      return stored && toRecord(id, stored, locked);
    };
    try {
      return record(this.isTrained(id));
    } catch (error) {
      if (!(error instanceof DamagedRun)) throw error;
      // Another kernel may just have been replacing it, so look again before it is set aside.
      return this.repair(id, () => this.orSetAside(id, () => record(false)));
    }
  }

  /** Reads a run, again where another kernel has put a redo in its place meanwhile: some of its files are then of either. */
  private read(id: string): StoredRun | null {
    for (let looks = 1; ; looks++) {
      const folder = this.inode(id);
      const isReplaced = () => this.inode(id) !== folder || (folder === undefined && this.isRedone(id));
      try {
        const stored = readRun(this.path(id), id);
        if (looks === mostLooks || !isReplaced()) return stored;
      } catch (error) {
        if (looks === mostLooks || !isReplaced()) throw error;
      }
    }
  }

  private inode(id: string): number | undefined {
    return fs.statSync(this.path(id), {throwIfNoEntry: false})?.ino;
  }

  /** Runs what changes a run that nobody trains; null, and nothing done, while a kernel is at it. */
  private repair<T>(id: string, action: () => T): T | null {
    const lock = tryLock(...this.repairLock(id));
    if (!lock) return null;
    try {
      return this.isTrained(id) ? null : action();
    } finally {
      lock.release();
    }
  }

  private isTrained(id: string): boolean {
    return lockHolder(this.lockFile(id)) !== null;
  }

  private lockFile(id: string): string {
    return this.path(`${id}.lock`);
  }

  private repairLock(id: string): [file: string, purpose: string] {
    return [this.path(`${id}.repair.lock`), `Run ${id} is being looked through`];
  }

  private isRedone(id: string): boolean {
    return fs.existsSync(join(this.path(`${id}.redo`), files.result));
  }

  /** A redo that is complete takes its place, also when the kernel was killed on the way. */
  private settleRedo(id: string): void {
    if (!this.isRedone(id)) return;
    writing(this.path(id), () => {
      if (fs.existsSync(this.path(id))) {
        fs.rmSync(this.path(`${id}.previous`), {recursive: true, force: true});
        fs.renameSync(this.path(id), this.path(`${id}.previous`));
      }
      fs.renameSync(this.path(`${id}.redo`), this.path(id));
    });
  }

  /** What `read` gives; null when the folder `name` turns out to be damaged, which is then set aside. */
  private orSetAside<T>(name: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DamagedRun)) throw error;
      const aside = setAside(this.path(name));
      if (aside) {
        this.warn(
          `The stored run ${this.path(name)} is damaged: ${error.message}. ` +
            `It was set aside as ${basename(aside)}; running its experiment trains it anew.`,
        );
      }
      return null;
    }
  }

  private path(name: string): string {
    return join(this.folder, name);
  }
}
