import {LabError} from '../errors';
import type {Checkpoint} from './checkpoint';

export interface MatchOptions {
  /** Names that are neither looked for nor complained about, such as those of the original head. */
  ignore?: (name: string) => boolean;
  /** Names that may be absent but, where present, must have the expected shape. */
  optional?: (name: string) => boolean;
}

/** Names shown of each kind. */
const shown = 10;

/**
 * Compares a checkpoint's tensors with the expected ones (name -> PyTorch shape). Throws one LabError that names all
 * missing, unexpected and misshapen tensors, at most ten of each. Unexpected integers never matter: they are counters and
 * index tables (`num_batches_tracked`, `relative_position_index`), not weights.
 */
export function matchTensors(
  checkpoint: Checkpoint,
  expected: ReadonlyMap<string, readonly number[]>,
  {ignore = () => false, optional = () => false}: MatchOptions = {},
): void {
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, shape] of expected) {
    if (ignore(name)) continue;
    const tensor = checkpoint.tensors.get(name);
    if (!tensor) {
      if (!optional(name)) missing.push(`${name} [${shape.join(', ')}]`);
    } else if (tensor.shape.join() !== shape.join()) {
      misshapen.push(`${name} [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]`);
    }
  }
  const extra = [...checkpoint.tensors.values()]
    .filter(({name, dtype}) => dtype.includes('float') && !expected.has(name) && !ignore(name))
    .map(({name}) => name);
  const problems = [
    list('missing', missing),
    list('unexpected', extra),
    list('of another shape', misshapen),
  ].filter((text) => text !== '');
  if (problems.length === 0) return;
  throw new LabError(
    `${checkpoint.file} does not fit the architecture: ${problems.join('; ')}. ` +
      `Use the checkpoint of this architecture, or the architecture of this checkpoint.`,
  );
}

function list(kind: string, names: string[]): string {
  if (names.length === 0) return '';
  const more = names.length > shown ? `, and ${names.length - shown} more` : '';
  return `${names.length} tensor${names.length === 1 ? '' : 's'} ${kind} (${names.slice(0, shown).join(', ')}${more})`;
}
