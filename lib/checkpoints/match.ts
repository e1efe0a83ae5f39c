import {LabError} from '../errors';
import type {Checkpoint} from './checkpoint';
import type {DType} from './dtypes';
import type {StoredTensor} from './tensor';

export interface MatchOptions {
  /** Names that are neither looked for nor complained about, such as those of the original head. */
  ignore?: (name: string) => boolean;
  /** Names that may be absent but, where present, must have the expected shape. */
  optional?: (name: string) => boolean;
}

/** Names shown of each kind. */
const shown = 10;

/** The number types of weights. */
const weightTypes: readonly DType[] = ['float32', 'float16', 'bfloat16', 'float64'];

const isFloat = ({dtype}: StoredTensor) => weightTypes.includes(dtype);

/**
 * Whether a tensor holds weights: integers do not, and counters and index tables do not even where a whole state dict was
 * converted to another float type.
 */
export function isWeight(tensor: StoredTensor): boolean {
  return isFloat(tensor) && !/(^|\.)(num_batches_tracked|relative_position_index)$/.test(tensor.name);
}

/**
 * What of a checkpoint's tensors does not fit the expected ones (name -> PyTorch shape), a text for each kind: missing,
 * unexpected and misshapen tensors, at most ten of each named. What is unexpected but no weight never matters.
 */
export function mismatches(
  {tensors}: Checkpoint,
  expected: ReadonlyMap<string, readonly number[]>,
  {ignore = () => false, optional = () => false}: MatchOptions = {},
): string[] {
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, shape] of expected) {
    if (ignore(name)) continue;
    const tensor = tensors.get(name);
    if (!tensor) {
      if (!optional(name)) missing.push(`${name} [${shape.join(', ')}]`);
    } else if (tensor.shape.join() !== shape.join()) {
      misshapen.push(`${name} [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]`);
    }
  }
  const extra = [...tensors.values()]
    .filter((tensor) => isWeight(tensor) && !expected.has(tensor.name) && !ignore(tensor.name))
    .map(({name}) => name);
  const texts = [list('missing', missing), list('unexpected', extra), list('of another shape', misshapen)];
  return texts.filter((text) => text !== '');
}

/**
 * Throws one LabError that tells all `mismatches` between a checkpoint and the expected tensors, or that expected ones
 * are integers.
 */
export function matchTensors(
  checkpoint: Checkpoint,
  expected: ReadonlyMap<string, readonly number[]>,
  options: MatchOptions = {},
): void {
  requireWeights(checkpoint, [...expected.keys()]);
  const problems = mismatches(checkpoint, expected, options);
  if (problems.length === 0) return;
  throw new LabError(
    `${checkpoint.file} does not fit the architecture: ${problems.join('; ')}. ` +
      `Use the checkpoint of this architecture, or the architecture of this checkpoint.`,
  );
}

function requireWeights({file, tensors}: Checkpoint, names: string[]): void {
  const present = names.flatMap((name) => tensors.get(name) ?? []);
  const [first, ...others] = present.filter((tensor) => !isFloat(tensor));
  if (!first) return;
  const many = others.length > 0 ? ` (nor are ${others.length} more of ${present.length} tensors)` : '';
  throw new LabError(
    `${file}: ${first.name} is ${first.dtype}; weights must be float32, float16, bfloat16 or float64${many}. ` +
      `Take the checkpoint from before it was quantised or, if its integers are the weights themselves, save them ` +
      `as such, in Python: torch.save({name: tensor.float() for name, tensor in weights.items()}, 'float.pth').`,
  );
}

function list(kind: string, names: string[]): string {
  if (names.length === 0) return '';
  const more = names.length > shown ? `, and ${names.length - shown} more` : '';
  return `${names.length} tensor${names.length === 1 ? '' : 's'} ${kind} (${names.slice(0, shown).join(', ')}${more})`;
}
