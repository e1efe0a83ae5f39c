/**
 * The files of one run, and how they stay consistent when the kernel is killed at any moment:
 *
 *     configuration.json           written first; the run's identifier derives from it
 *     notes.json                   its name, when it began and ended, the time of frozen features
 *     history.jsonl                one epoch a line, appended
 *     best-<epoch>.safetensors     the weights of the best epoch
 *     last-<epoch>.safetensors     the weights and the optimizer's state after the last epoch
 *     state.json                   where training stands
 *     probabilities.safetensors    of every class, [pictures, classes], in the order of the result's predictions
 *     result.json                  written last: with it the run is complete
 *
 * Every file but the history is replaced as a whole. An epoch counts once state.json tells of it: that names, by their
 * epochs, the two files of weights it goes with, and only then are older ones removed. Whatever a kill leaves beyond
 * it, a longer history or newer weights, is dropped when training goes on, and that epoch is trained again.
 */
import * as fs from 'node:fs';
import {join} from 'node:path';
import {openCheckpoint} from '../checkpoints';
import {appendWhole, replaceFile, writing} from '../storage';
import type {TrainingState} from '../training';
import {asConfiguration, asEpoch, asNotes, asResult, asState, DamagedRun, parseJson} from './guards';
import {runId, type RunIdentity} from './identity';
import {NO_NOTES, type RunNotes} from './notes';
import type {EpochRecord, RunResult} from './record';

export const files = {
  configuration: 'configuration.json',
  notes: 'notes.json',
  history: 'history.jsonl',
  state: 'state.json',
  result: 'result.json',
  probabilities: 'probabilities.safetensors',
  best: (epoch: number) => `best-${epoch}.safetensors`,
  last: (epoch: number) => `last-${epoch}.safetensors`,
} as const;

/** What a run folder tells without its weights. */
export interface StoredRun {
  configuration: RunIdentity;
  notes: RunNotes;
  history: EpochRecord[];
  result: RunResult | null;
}

/**
 * Reads a run folder; null when no run ever began in it. A last line of the history that was cut off is left out.
 * Throws DamagedRun when it does not hold what the store writes, or lacks the best weights of a complete run.
 */
export function readRun(folder: string, id: string): StoredRun | null {
  const text = readText(folder, files.configuration);
  if (text === null) {
    const begun = fs.existsSync(folder) && fs.readdirSync(folder).some((name) => !name.endsWith('.part'));
    if (!begun) return null;
    throw new DamagedRun(`${files.configuration} is missing`);
  }
  const stored = parseJson(text, files.configuration);
  const configuration = asConfiguration(stored, files.configuration);
  const owner = runId(configuration, stored);
  if (owner !== id) throw new DamagedRun(`${files.configuration} belongs to the run ${owner}`);
  const history = readHistory(folder);
  const notes = readText(folder, files.notes);
  const result = readResult(folder, {classes: configuration.classes.length, history});
  if (result) {
    requireEpochs(history, result.bestEpoch, files.result);
    requireWhole(folder, files.best(result.bestEpoch));
  }
  return {
    configuration,
    notes: notes === null ? NO_NOTES : asNotes(parseJson(notes, files.notes), files.notes),
    history,
    result,
  };
}

/** Reads where training stands, null before the first epoch's end. Throws DamagedRun when a file it goes with is not whole. */
export function readState(folder: string, history: readonly EpochRecord[]): TrainingState | null {
  const text = readText(folder, files.state);
  if (text === null) return null;
  const state = asState(parseJson(text, files.state), files.state);
  requireEpochs(history, Math.max(state.epoch, state.best?.epoch ?? 0), files.state);
  for (const name of weightsOf(state)) requireWhole(folder, name);
  return state;
}

/** The names of the files of weights that go with a state. */
export function weightsOf(state: TrainingState | null): string[] {
  if (!state) return [];
  return state.best ? [files.last(state.epoch), files.best(state.best.epoch)] : [files.last(state.epoch)];
}

/** Removes the files of weights that are not named, and what an interrupted write left. */
export function keepOnly(folder: string, weights: readonly string[]): void {
  for (const name of fs.readdirSync(folder)) {
    const isWeights = /^(best|last)-\d+\.safetensors$/.test(name);
    if ((isWeights && !weights.includes(name)) || name.endsWith('.part')) {
      writing(join(folder, name), () => fs.rmSync(join(folder, name)));
    }
  }
}

/** Replaces the history. Throws a LabError when the disk is full or the folder forbidden. */
export function writeHistory(folder: string, history: readonly EpochRecord[]): void {
  replaceFile(join(folder, files.history), history.map(epochLine).join(''));
}

/** Appends an epoch; the history is unchanged when that fails. Throws as `writeHistory`. */
export function appendHistory(folder: string, epoch: EpochRecord): void {
  appendWhole(join(folder, files.history), Buffer.from(epochLine(epoch)));
}

/** One line of the history. JSON writes a loss that is not finite as null, and it is read as NaN. */
function epochLine(epoch: EpochRecord): string {
  return JSON.stringify(epoch) + '\n';
}

function readText(folder: string, name: string): string | null {
  try {
    return fs.readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function readHistory(folder: string): EpochRecord[] {
  const lines = (readText(folder, files.history) ?? '').split('\n');
  lines.pop(); // what follows the last line break was cut off, or is nothing
  return lines.map((line, index) => {
    const where = `${files.history}, line ${index + 1}`;
    const epoch = asEpoch(parseJson(line, where), where);
    if (epoch.epoch === index + 1) return epoch;
    throw new DamagedRun(`${where} is of epoch ${epoch.epoch}`);
  });
}

function readResult(
  folder: string,
  described: {classes: number; history: readonly EpochRecord[]},
): RunResult | null {
  const text = readText(folder, files.result);
  return text === null ? null : asResult(parseJson(text, files.result), files.result, described);
}

function requireEpochs(history: readonly EpochRecord[], epochs: number, who: string): void {
  if (history.length < epochs) {
    throw new DamagedRun(
      `${files.history} ends at epoch ${history.length}, but ${who} tells of epoch ${epochs}`,
    );
  }
}

function requireWhole(folder: string, name: string): void {
  const file = join(folder, name);
  if (!fs.existsSync(file)) throw new DamagedRun(`${name} is missing`);
  try {
    openCheckpoint(file).close();
  } catch {
    throw new DamagedRun(`${name} is not whole`);
  }
}
