import type {Checkpoint} from './checkpoint';
import {isPickle, readLegacy, readZip} from './pth';
import {readSafetensors} from './safetensors';
import {Source} from './source';

/**
 * Opens a checkpoint by its content: safetensors, or a .pth file in either of torch.save's formats. Only the list of
 * tensors is read; each tensor's values are read when asked for, so close it when done.
 * Throws a LabError that names the file when it cannot be opened, is damaged, or asks for more than tensors.
 */
export function openCheckpoint(file: string): Checkpoint {
  const source = new Source(file);
  try {
    return read(source);
  } catch (error) {
    source.close();
    throw error;
  }
}

function read(source: Source): Checkpoint {
  const start = source.bytes(0, Math.min(source.size, 16), 'the beginning');
  if (start[8] === 0x7b) return readSafetensors(source); // its header, after 8 bytes of length, starts with {
  if (start.toString('latin1', 0, 4) === 'PK\x03\x04') return readZip(source);
  if (isPickle(start)) return readLegacy(source);
  const text = JSON.stringify(start.toString('latin1'));
  const page = start[0] === 0x3c ? ', which looks like a web page saved in its place' : '';
  throw source.damaged(`neither safetensors nor a file of torch.save: it starts with ${text}${page}`);
}
