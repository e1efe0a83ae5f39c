import {mkdirSync, renameSync, writeFileSync} from 'node:fs';
import path from 'node:path';

/**
 * Gives a file its content in one step, so that who reads it meanwhile finds the old one or the new.
 * @param {string} file
 * @param {string} content
 */
export function replaceFile(file, content) {
  const partial = `${file}.partial`;
  mkdirSync(path.dirname(file), {recursive: true});
  writeFileSync(partial, content);
  renameSync(partial, file);
}
