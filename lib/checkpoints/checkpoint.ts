import type {StoredTensor} from './tensor';

/** An open checkpoint: what it holds is known, each tensor's values are read when asked for. */
export interface Checkpoint {
  readonly file: string;
  /** In the file's order. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The texts a safetensors file carries about itself; empty for a .pth file. */
  readonly metadata: Record<string, string>;
  /** Releases the file; no values can be read afterwards. */
  close(): void;
}
