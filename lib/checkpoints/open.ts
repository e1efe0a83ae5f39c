import {createHash} from 'node:crypto';
import * as fs from 'node:fs';

import {sha256File} from '../downloads';
import {LabError} from '../errors';
import {type Checkpoint, under} from './checkpoint';
import {beginningLength, foreignFile} from './foreign';
import {isPickle, readLegacy, readZip} from './pth';
import {readSafetensors} from './safetensors';
import {readIndex, readShards, refuseLoneShard, shardFiles} from './shards';
import {Source} from './source';

/**
 * Opens a checkpoint by its content: safetensors, the index of a sharded one, or a .pth file in either of torch.save's
 * formats. `file#ema` means what it holds under `ema`: a nested dictionary, or the tensors whose names begin with `ema.`.
 * Only the list of tensors is read; each tensor's values are read when asked for, so close it when done.
 * Throws a LabError that names the file when it cannot be opened, is damaged or something else, or asks for more than
 * tensors.
 */
export function openCheckpoint(file: string): Checkpoint {
  const {path, part} = split(file);
  refuseLoneShard(path);
  const whole = openFile(path);
  if (part === undefined) return whole;
  const checkpoint = {...under(whole, `${part}.`), file};
  if (checkpoint.tensors.size > 0) return checkpoint;
  whole.close();
  const parts = new Set([...whole.tensors.keys()].map((name) => name.split('.', 1)[0]));
  throw new LabError(
    `${path}: holds no tensors under "${part}". It holds some under ${[...parts].slice(0, 10).join(', ')}.`,
  );
}

/**
 * What tells the weights of a checkpoint from others, wherever it lies: the SHA-256 of its file, for a sharded one of its
 * index and all shards, and after it the part that a # names. Throws a LabError when it cannot be opened.
 */
export async function checkpointDigest(file: string): Promise<string> {
  const {path, part} = split(file);
  const digests: string[] = [];
  for (const each of filesOf(path)) digests.push(await sha256File(each));
  const [first, ...others] = digests;
  const whole = others.length === 0 ? first : createHash('sha256').update(digests.join('\n')).digest('hex');
  return part === undefined ? whole : `${whole}#${part}`;
}

/** The file itself and, where it is an index, its shards. */
function filesOf(path: string): string[] {
  const source = new Source(path);
  try {
    const start = source.bytes(0, Math.min(source.size, beginningLength), 'the beginning');
    const index = isJson(start) ? readIndex(source) : undefined;
    return index ? [path, ...shardFiles(path, index)] : [path];
  } finally {
    source.close();
  }
}

/** What follows a # is no part of the path, unless a file has that very name. `a#b#c` is `a#b.c`. */
function split(file: string): {path: string; part?: string} {
  if (fs.existsSync(file)) return {path: file};
  for (let at = file.lastIndexOf('#'); at > 0; at = file.lastIndexOf('#', at - 1)) {
    const [path, part] = [file.slice(0, at), file.slice(at + 1)];
    if (part !== '' && !/[/\\]/.test(part) && fs.existsSync(path))
      return {path, part: part.replaceAll('#', '.')};
  }
  return {path: file};
}

function openFile(file: string): Checkpoint {
  const source = new Source(file);
  try {
    return read(source);
  } catch (error) {
    source.close();
    throw error;
  }
}

function read(source: Source): Checkpoint {
  const start = source.bytes(0, Math.min(source.size, beginningLength), 'the beginning');
  if (start[8] === 0x7b && !isText(start.subarray(0, 8))) return readSafetensors(source); // 8 bytes of length, then {
  if (start.toString('latin1', 0, 4) === 'PK\x03\x04') return readZip(source);
  if (isPickle(start)) return readLegacy(source);
  if (isJson(start)) {
    const index = readIndex(source);
    if (index) {
      source.close();
      return readShards(source.file, index, openFile);
    }
  }
  const foreign = foreignFile(start);
  if (foreign) throw source.refused(`it is ${foreign.what}`, foreign.remedy);
  const text = JSON.stringify(start.toString('latin1', 0, 16));
  throw source.refused(
    `neither safetensors nor a file of torch.save: it starts with ${text}`,
    'Give a safetensors or .pth file; if it was one, it is damaged: fetch it again from where it came.',
  );
}

/** Whether a text of JSON begins so, a byte order mark before it or not. */
const isJson = (start: Buffer) => new TextDecoder().decode(start).trimStart().startsWith('{');

/** Whether all bytes are printable: as the length of a header they would be beyond any file. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || [0x09, 0x0a, 0x0d].includes(byte));
}
