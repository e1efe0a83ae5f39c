import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {openCheckpoint, writeSafetensors, type NamedValues} from '../checkpoints';
import {LabError} from '../errors';
import {type Lock, writeJson} from '../storage';
import type {TrainingState} from '../training';
import {appendHistory, files, keepOnly, readState, weightsOf, writeHistory, type StoredRun} from './folder';
import {asEpoch, asResult, parseJson} from './guards';
import {runTitle, type RunIdentity} from './identity';
import {NO_NOTES, type RunNotes, SCHEMA} from './notes';
import type {EpochRecord, RunRecord, RunResult, RunSeconds} from './record';

/** What training goes on from: the tensors are those given to `saveLast`, by name. */
export interface ResumePoint {
  state: TrainingState;
  tensors: Map<string, {shape: number[]; values: Float32Array}>;
}

/**
 * A run open for training, locked against other kernels until `finish` or `release`; made by `RunStore.open`.
 * After each epoch: `appendEpoch`, then `saveBest` if it is the best so far, then `saveLast`, with which it counts.
 * Throws a LabError, and stays at the last epoch that counts, when the disk is full, the folder forbidden or the lock lost.
 */
export class Run {
  private readonly configuration: RunIdentity;
  private notes: RunNotes;
  private history: EpochRecord[];
  private result: RunResult | null;
  private state: TrainingState | null = null;
  private locked = true;

  /** `settle` is called when the run has finished; `lock` is released when it is let go. */
  constructor(
    readonly id: string,
    private readonly folder: string,
    stored: StoredRun,
    private readonly settle: () => void,
    private readonly lock: Lock,
  ) {
    ({
      configuration: this.configuration,
      notes: this.notes,
      history: this.history,
      result: this.result,
    } = stored);
    if (this.result) this.dropResumeFiles(this.result);
    else this.backToLastState();
  }

  record(): RunRecord {
    const {id, configuration, notes, history, result} = this;
    return toRecord(id, {configuration, notes, history, result}, this.locked);
  }

  /** The state and the tensors of the last epoch that counts, null when training starts from the beginning. */
  resumeState(): ResumePoint | null {
    if (!this.state) return null;
    return {state: this.state, tensors: readTensors(join(this.folder, files.last(this.state.epoch)))};
  }

  /** Gives the run another name, or takes its name away. */
  rename(name: string | null): void {
    this.note({name});
  }

  /** Takes note of what the frozen features it uses cost when they were computed, and what of it was spent just now. */
  noteFeatures({cost, spent}: {cost: number | null; spent: number}): void {
    this.note({features: {cost, spent: spent + (this.notes.features?.spent ?? 0)}});
  }

  /** Adds the next epoch to the history. */
  appendEpoch(epoch: EpochRecord): void {
    this.requireOpen();
    if (epoch.epoch !== this.history.length + 1) {
      throw new LabError(`Run ${this.id}: epoch ${epoch.epoch} cannot follow epoch ${this.history.length}.`);
    }
    const readBack = asEpoch(
      parseJson(JSON.stringify(epoch), 'epoch'),
      `Run ${this.id}: epoch ${epoch.epoch}`,
    );
    this.writing(() => appendHistory(this.folder, epoch));
    this.history = [...this.history, readBack];
  }

  /** Stores the weights of the best epoch so far, which stay after the run is complete. */
  saveBest(tensors: Iterable<NamedValues>, epoch: number): void {
    this.requireOpen();
    this.writing(() => writeSafetensors(join(this.folder, files.best(epoch)), tensors, {run: this.id}));
  }

  /** Stores all that the next epoch needs, weights and the optimizer's state; from then on the epoch counts. */
  saveLast(tensors: Iterable<NamedValues>, state: TrainingState): void {
    this.requireOpen();
    if (state.epoch !== this.history.length) {
      throw new LabError(
        `Run ${this.id}: the state of epoch ${state.epoch} cannot go with ${this.history.length} epochs.`,
      );
    }
    this.writing(() => {
      writeSafetensors(join(this.folder, files.last(state.epoch)), tensors, {run: this.id});
      writeJson(join(this.folder, files.state), state);
    });
    this.state = state;
    keepOnly(this.folder, weightsOf(state));
  }

  /** The file of the best weights so far. Throws a LabError when there are none yet. */
  bestWeights(): string {
    const epoch = this.result?.bestEpoch ?? this.state?.best?.epoch;
    if (epoch === undefined) throw new LabError(`Run ${this.id} has no weights yet: train an epoch first.`);
    return join(this.folder, files.best(epoch));
  }

  /**
   * Stores the result, with which the run is complete, and the `probabilities` of all classes, a row for each of its
   * predictions; drops what only resuming needed, and lets the run go.
   */
  finish(result: RunResult, probabilities: Float32Array): void {
    this.requireOpen();
    const {classes} = this.configuration;
    const readBack = asResult(parseJson(JSON.stringify(result), 'result'), `Run ${this.id}: result`, {
      classes: classes.length,
      history: this.history,
    });
    if (result.bestEpoch !== this.state?.best?.epoch) {
      throw new LabError(
        `Run ${this.id}: no weights are stored of the result's best epoch, ${result.bestEpoch}.`,
      );
    }
    const rows = {name: 'probabilities', shape: [result.predictions.length, classes.length]};
    this.note({ended: new Date().toISOString()});
    this.writing(() => {
      writeSafetensors(join(this.folder, files.probabilities), [{...rows, values: probabilities}]);
      writeJson(join(this.folder, files.result), result);
    });
    this.result = readBack;
    this.dropResumeFiles(result);
    this.settle();
    this.release();
  }

  /** Lets the run go, to be called in a `finally`: unless it is complete it is then interrupted and can be resumed. */
  release(): void {
    if (this.locked) this.lock.release();
    this.locked = false;
  }

  private note(changes: Partial<RunNotes>): void {
    this.requireOpen();
    this.notes = {...this.notes, ...changes};
    this.writing(() => writeJson(join(this.folder, files.notes), this.notes));
  }

  private requireOpen(): void {
    if (this.result)
      throw new LabError(`Run ${this.id} is complete. Open it with {redo: true} to train it again.`);
    if (!this.locked) throw new LabError(`Run ${this.id} has been released. Open it again to train on.`);
    this.lock.requireHeld();
  }

  /** Drops what the last session left beyond its last epoch that counts. */
  private backToLastState(): void {
    this.state = readState(this.folder, this.history);
    this.history = this.history.slice(0, this.state?.epoch ?? 0);
    writeHistory(this.folder, this.history);
    keepOnly(this.folder, weightsOf(this.state));
  }

  private dropResumeFiles({bestEpoch}: RunResult): void {
    rmSync(join(this.folder, files.state), {force: true});
    keepOnly(this.folder, [files.best(bestEpoch)]);
  }

  private writing(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      const kept = this.state
        ? `Epochs 1 to ${this.state.epoch} are kept; run again to go on from there.`
        : '';
      throw new LabError(`${error.message} ${kept}`.trimEnd());
    }
  }
}

/** Lays the folder of a new run. */
export function createRun(folder: string, configuration: RunIdentity): StoredRun {
  const notes: RunNotes = {...NO_NOTES, schema: SCHEMA, began: new Date().toISOString()};
  writeJson(join(folder, files.configuration), configuration);
  writeJson(join(folder, files.notes), notes);
  return {configuration, notes, history: [], result: null};
}

/** `locked` tells whether a kernel is at it. */
export function toRecord(
  id: string,
  {configuration, notes, history, result}: StoredRun,
  locked: boolean,
): RunRecord {
  return {
    id,
    name: notes.name,
    title: notes.name ?? runTitle(configuration),
    configuration,
    status: result ? 'complete' : locked ? 'running' : 'interrupted',
    history,
    result,
    schema: notes.schema,
    began: notes.began,
    ended: result ? notes.ended : null,
    seconds: secondsOf(notes, history),
  };
}

function secondsOf({features}: RunNotes, history: readonly EpochRecord[]): RunSeconds {
  const validations = history.map(({valSeconds}) => valSeconds).filter((seconds) => seconds !== null);
  const sum = (seconds: number[]) => seconds.reduce((total, each) => total + each, 0);
  const cost = features?.cost ?? null;
  return {
    features: cost,
    reused: cost === null ? null : Math.max(0, cost - (features?.spent ?? 0)),
    training: sum(history.map(({seconds}) => seconds)),
    validation: validations.length === history.length ? sum(validations) : null,
  };
}

function readTensors(file: string): ResumePoint['tensors'] {
  const checkpoint = openCheckpoint(file);
  try {
    const entries = [...checkpoint.tensors].map(
      ([name, tensor]) => [name, {shape: tensor.shape, values: tensor.values()}] as const,
    );
    return new Map(entries);
  } finally {
    checkpoint.close();
  }
}
