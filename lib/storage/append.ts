/** Files that only grow. */
import * as fs from 'node:fs';
import {dirname} from 'node:path';
import {writing} from './disk';
import {writeFully} from './replace';

/**
 * Appends to a file, making it and its folder where they are missing, and brings that to the disk; the file is unchanged
 * when that fails. Throws a LabError when the disk is full or the file forbidden.
 */
export function appendWhole(file: string, content: Uint8Array): void {
  writing(file, () => {
    fs.mkdirSync(dirname(file), {recursive: true});
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

/** Appends a line. What a kill cuts off is the last line, which then lacks its line break. */
export const appendLine = (file: string, line: string): void => appendWhole(file, Buffer.from(`${line}\n`));
