import type {StoredTensor} from './tensor';

/** An open checkpoint: what it holds is known, each tensor's values are read when asked for. */
export interface Checkpoint {
  readonly file: string;
  /** In the file's order. A tensor of a nested dictionary has its path in its name: `model.conv1.weight`. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What names of nested dictionaries begin with, such as `model.`; a safetensors file nests none. */
  readonly dictionaries: readonly string[];
  /** The texts a safetensors file carries about itself; empty for a .pth file. */
  readonly metadata: Record<string, string>;
  /** Releases the file; no values can be read afterwards. */
  close(): void;
}

/** The tensors whose names begin with `prefix`, without it; the others are left out. */
export function under(checkpoint: Checkpoint, prefix: string): Checkpoint {
  if (prefix === '') return checkpoint;
  const within = <T>(items: Iterable<T>, nameOf: (item: T) => string) =>
    [...items].filter((item) => nameOf(item).startsWith(prefix) && nameOf(item) !== prefix);
  const tensors = within(checkpoint.tensors.values(), ({name}) => name).map((tensor) => ({
    ...tensor,
    name: tensor.name.slice(prefix.length),
  }));
  return {
    ...checkpoint,
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    dictionaries: within(checkpoint.dictionaries, (name) => name).map((name) => name.slice(prefix.length)),
  };
}
