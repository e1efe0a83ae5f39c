/** Files that only grow. */
import * as fs from 'node:fs';
import {writing} from './disk';
import {writeFully} from './replace';

/**
 * Appends to a file, making it where it is missing, and brings that to the disk; the file is unchanged when that fails.
 * Throws a LabError when the disk is full or the file forbidden.
 */
export function appendWhole(file: string, content: Uint8Array): void {
  writing(file, () => {
    const descriptor = fs.openSync(file, 'a');
    const {size} = fs.fstatSync(descriptor);
    try {
      writeFully(descriptor, content);
      fs.fsyncSync(descriptor);
    } catch (error) {
      fs.ftruncateSync(descriptor, size);
      throw error;
    } finally {
      fs.closeSync(descriptor);
    }
  });
}
