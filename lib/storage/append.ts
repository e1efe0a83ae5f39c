import * as fs from 'node:fs';
import {dirname} from 'node:path';
import {writing} from './disk';
import {writeFully} from './replace';

/**
 * Appends a text to a file, making it and its folder, and brings it to the disk; the file is unchanged when that fails.
 * Throws a LabError when the disk is full or the folder forbidden.
 */
export function appendText(file: string, text: string): void {
  writing(file, () => {
    fs.mkdirSync(dirname(file), {recursive: true});
    const descriptor = fs.openSync(file, 'a');
    const {size} = fs.fstatSync(descriptor);
    try {
      writeFully(descriptor, Buffer.from(text));
      fs.fsyncSync(descriptor);
    } catch (error) {
      fs.ftruncateSync(descriptor, size); // what a full disk took of it
      throw error;
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** Appends a line. What a kill cuts off is the last line, which then lacks its line break. */
export const appendLine = (file: string, line: string): void => appendText(file, `${line}\n`);
