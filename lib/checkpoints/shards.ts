/** Checkpoints in several files, as Hugging Face writes them: an index in JSON says which shard beside it holds a tensor. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import {LabError} from '../errors';
import type {Checkpoint} from './checkpoint';
import type {Source} from './source';

/** More than any index takes (a hundred bytes a tensor). */
const indexLimit = 64 * 2 ** 20;

/** Of each tensor's name the shard's file name; undefined when the file is no index. */
export function readIndex(source: Source): ReadonlyMap<string, string> | undefined {
  if (source.size > indexLimit) return undefined;
  let index: unknown;
  try {
    // The decoder leaves a byte order mark out, which JSON.parse refuses.
    index = JSON.parse(new TextDecoder().decode(source.bytes(0, source.size, 'the index')));
  } catch {
    return undefined;
  }
  if (typeof index !== 'object' || index === null || !('weight_map' in index)) return undefined;
  const shards = new Map(Object.entries(index.weight_map ?? {}) as [string, unknown][]);
  for (const [name, shard] of shards) {
    if (typeof shard !== 'string' || shard !== path.basename(shard) || /^\.*$|\\/.test(shard)) {
      const problem = `its weight_map names no file beside it for ${name}: ${JSON.stringify(shard)}`;
      throw source.refused(problem, 'Give the index as it was published, in the folder of its shards.');
    }
  }
  return shards as Map<string, string>;
}

/** The files of an index's shards, in the order of their first tensors. Throws a LabError that names the missing ones. */
export function shardFiles(file: string, index: ReadonlyMap<string, string>): string[] {
  const names = [...new Set(index.values())];
  const beside = (shard: string) => path.join(path.dirname(file), shard);
  const missing = names.filter((shard) => !fs.existsSync(beside(shard)));
  if (missing.length === 0) return names.map(beside);
  throw new LabError(
    `${file}: ${missing.length} of its ${names.length} shards are missing: ${missing.slice(0, 10).join(', ')}. ` +
      `Put them into the folder of the index.`,
  );
}

/** The tensors of an index, each in its shard, which `open` opens. Throws a LabError that names the missing shards. */
export function readShards(
  file: string,
  index: ReadonlyMap<string, string>,
  open: (shard: string) => Checkpoint,
): Checkpoint {
  const shards = new Map<string, Checkpoint>();
  const close = () => shards.forEach((shard) => shard.close());
  try {
    for (const shard of shardFiles(file, index)) shards.set(path.basename(shard), open(shard));
    const tensors = [...index].map(([name, shard]) => {
      const tensor = shards.get(shard)!.tensors.get(name);
      if (tensor) return [name, tensor] as const;
      throw new LabError(
        `${file}: its shard ${shard} does not hold ${name}. Fetch index and shards again, of one version.`,
      );
    });
    return {file, tensors: new Map(tensors), dictionaries: [], metadata: {}, close};
  } catch (error) {
    close();
    throw error;
  }
}

/** Refuses a shard that is given alone, known by its name: `model-00001-of-00002.safetensors`. */
export function refuseLoneShard(file: string): void {
  const {dir, base, ext} = path.parse(file);
  const [, stem, count] = /^(.*)-\d{5}-of-(\d{5})\.\w+$/.exec(base) ?? [];
  if (stem === undefined || Number(count) < 2) return;
  const index = path.join(dir, `${stem}${ext}.index.json`);
  const remedy = fs.existsSync(index)
    ? `Give the index instead: ${index}.`
    : `Put all shards and their index, ${path.basename(index)}, into one folder and give the index.`;
  throw new LabError(`${file}: one shard of ${Number(count)}, which hold the tensors together. ${remedy}`);
}
