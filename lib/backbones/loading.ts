/** From a checkpoint file to an architecture's weights. */
import {
  type Checkpoint,
  findNetwork,
  isWeight,
  matchTensors,
  type Network,
  openCheckpoint,
} from '../checkpoints';
import {LabError} from '../errors';
import type {Architecture, Extent} from './architecture';
import {Weights} from './weights';

export interface LoadOptions {
  /** Which tensors are wanted, and must be there. Default: those of the stages. */
  extent?: Extent;
  /** Told what was taken off the checkpoint's names and what of it was left out, if it is more than its original head. */
  onNote?: (note: string) => void;
}

/** A checkpoint that ends with a stage before the architecture's last one; the message tells the remedy. */
export class CutWeights extends LabError {
  override name = 'CutWeights';
}

/** Throws a LabError that names every missing, extra and misshapen tensor, and numbers that are no weights. */
export function loadWeights(
  architecture: Architecture,
  file: string,
  {extent = 'stages', onNote}: LoadOptions,
): Weights {
  const specs = architecture.parameters(extent);
  const shapes = new Map([...specs].map(([name, {shape}]) => [name, shape]));
  const whole = architecture.whole.parameters('whole');
  const ofHead = extent === 'whole' ? () => false : heads(architecture);
  const ignore = (name: string) => !specs.has(name) && (whole.has(name) || ofHead(name));
  const stored = openCheckpoint(file);
  try {
    const network = findNetwork(renamed(stored, architecture), shapes, {ignore});
    explainCut(network, architecture);
    if (extent === 'stages and auxiliary') requireAuxiliary(network, architecture);
    matchTensors(network, shapes, {ignore});
    const weights = new Weights(specs, ({name}) => network.tensors.get(name)!.values());
    const note = noteOf(network, architecture, (name) => specs.has(name));
    if (note) onNote?.(note);
    return weights;
  } finally {
    stored.close();
  }
}

/** The checkpoint with today's names. */
function renamed(checkpoint: Checkpoint, {rename}: Architecture): Checkpoint {
  if (!rename) return checkpoint;
  const tensors = [...checkpoint.tensors.values()].map((tensor) => ({...tensor, name: rename(tensor.name)}));
  return {...checkpoint, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor]))};
}

/**
 * What tells a head's tensors, under whatever names: they stand in none of the modules that hold stages alone. What does,
 * such as a further block, is of another architecture.
 */
function heads({whole}: Architecture): (name: string) => boolean {
  const moduleOf = (name: string) => name.split('.', 1)[0];
  const ofStages = whole.parameters();
  const ofHeads = [...whole.parameters('whole').keys()].filter((name) => !ofStages.has(name));
  const modules = new Set([...ofStages.keys()].map(moduleOf));
  for (const name of ofHeads) modules.delete(moduleOf(name));
  return (name) => !modules.has(moduleOf(name));
}

/** Tensors that a note names. */
const named = 10;

/** Says what is not read as it stands; null where that is nothing but the original head. */
function noteOf(
  network: Network,
  {name, whole}: Architecture,
  used: (name: string) => boolean,
): string | null {
  const {file, prefix, outside, tensors} = network;
  const original = whole.parameters('whole');
  const unused = [...tensors.values()].filter(
    (tensor) =>
      isWeight(tensor) &&
      !used(tensor.name) &&
      original.get(tensor.name)?.shape.join() !== tensor.shape.join(),
  );
  const leftOut = [...unused.map((tensor) => prefix + tensor.name), ...outside];
  const more = leftOut.length > named ? ` and ${leftOut.length - named} more` : '';
  const notes = [
    prefix !== '' && `"${prefix}" was taken off its names`,
    leftOut.length > 0 &&
      `left out, as no stage of ${name} has them: ${leftOut.slice(0, named).join(', ')}${more}`,
  ].filter(Boolean);
  return notes.length > 0 ? `${file}: ${notes.join('; ')}.` : null;
}

/** Many a checkpoint is saved without the auxiliary classifier, which inference does not need. */
function requireAuxiliary({file, tensors}: Checkpoint, architecture: Architecture): void {
  const stages = architecture.parameters('stages');
  const names = [...architecture.parameters('stages and auxiliary').keys()].filter(
    (name) => !stages.has(name),
  );
  if (names.some((name) => tensors.has(name))) return;
  throw new LabError(
    `${file} holds nothing of the auxiliary classifier of ${architecture.name} (${names[0]}, ...). ` +
      `Train without it: auxiliary: false.`,
  );
}

/** Where a checkpoint holds nothing of the last stages, the remedy is to cut the architecture as its author did. */
function explainCut({file, tensors}: Checkpoint, architecture: Architecture): void {
  const present = architecture.summary().map((stage) => stage.tensors.some((name) => tensors.has(name)));
  const last = present.lastIndexOf(true);
  if (last === -1 || last === present.length - 1 || present.slice(0, last).includes(false)) return;
  const {name} = architecture.stages[last];
  const {name: whole, stages} = architecture.whole;
  const remedy =
    name === stages.at(-1)?.name
      ? `Put the head on 'pooled' or on 'map'.`
      : `Use the backbone "${whole}:${name}", which ends there.`;
  throw new CutWeights(`${file} holds ${whole} up to ${name} and nothing after it. ${remedy}`);
}
