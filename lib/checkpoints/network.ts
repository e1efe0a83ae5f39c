/**
 * The network that a checkpoint holds: its names may stand under a prefix that training has put before them (`module.`,
 * `_orig_mod.`, `backbone.`), in a nested dictionary (`model_state_dict`), or under both. The prefix is found by the
 * names that are looked for, so no list of usual ones is kept.
 */
import {LabError} from '../errors';
import {type Checkpoint, under} from './checkpoint';
import {isWeight, mismatches, type MatchOptions} from './match';

export interface Network extends Checkpoint {
  /** What was taken off its names beyond the dictionary that it stands in: `module.`; '' for nothing. */
  readonly prefix: string;
  /** Weights of that dictionary whose names do not begin with the prefix; they are not among the tensors. */
  readonly outside: readonly string[];
}

/** Prefixes that are compared with the expected tensors, those of the most names first. */
const compared = 20;

/**
 * The tensors of the expected ones' network (name -> PyTorch shape), named as expected; where none fits, those that come
 * nearest, for `matchTensors` to tell why. Throws a LabError when several fit under different prefixes and none as it
 * stands.
 */
export function findNetwork(
  checkpoint: Checkpoint,
  expected: ReadonlyMap<string, readonly number[]>,
  options: MatchOptions = {},
): Network {
  const prefixes = likelyPrefixes(checkpoint, expected);
  const fits = (prefix: string) => mismatches(under(checkpoint, prefix), expected, options).length === 0;
  const fitting = fits('') ? [''] : prefixes.filter(fits);
  if (fitting.length > 1) {
    const names = fitting.map((prefix) => prefix.slice(0, -1));
    throw new LabError(
      `${checkpoint.file} holds ${fitting.length} networks that fit: ${names.join(', ')}. ` +
        `Say which is meant by # and its name after the path: ${checkpoint.file}#${names[0]}.`,
    );
  }
  const [whole = ''] = [...fitting, ...prefixes];
  const dictionary = checkpoint.dictionaries.filter((name) => whole.startsWith(name)).at(-1) ?? '';
  const beside = [...under(checkpoint, dictionary).tensors.values()].filter(isWeight).map(({name}) => name);
  const prefix = whole.slice(dictionary.length);
  return {...under(checkpoint, whole), prefix, outside: beside.filter((name) => !name.startsWith(prefix))};
}

/** Prefixes that leave a tenth of the names there are or are expected (fewer are chance), those that leave most first. */
function likelyPrefixes({tensors}: Checkpoint, expected: ReadonlyMap<string, unknown>): string[] {
  const longest = Math.max(0, ...[...expected.keys()].map(({length}) => length));
  const counts = new Map<string, number>();
  for (const name of tensors.keys()) {
    for (const length of beginnings(name, longest)) {
      if (!expected.has(name.slice(length))) continue;
      const prefix = name.slice(0, length);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts]
    .filter(([, count]) => 10 * count >= Math.min(expected.size, tensors.size))
    .sort(([, a], [, b]) => b - a)
    .slice(0, compared)
    .map(([prefix]) => prefix);
}

/** How long the beginnings of a name are, whole parts of it, that leave at most `longest` characters. */
function* beginnings(name: string, longest: number): Generator<number> {
  if (name.length <= longest) yield 0;
  let dot = name.lastIndexOf('.');
  for (; dot > 0 && name.length - dot - 1 <= longest; dot = name.lastIndexOf('.', dot - 1)) yield dot + 1;
}
