import * as fs from 'node:fs';
import {writing, writingError} from './disk';

/**
 * Renames a damaged file or folder to `<path>.damaged-<n>`, with the first number that is free, and returns that path;
 * null when another process was quicker or nothing is there. Throws a LabError when the folder forbids it.
 */
export function setAside(path: string): string | null {
  for (let number = 1; ; number++) {
    const entry = fs.lstatSync(path, {throwIfNoEntry: false});
    if (!entry) return null;
    const aside = `${path}.damaged-${number}`;
    if (!writing(aside, () => claim(aside, entry.isDirectory()))) continue;
    try {
      fs.renameSync(path, aside);
      return aside;
    } catch (error) {
      if (entry.isDirectory()) fs.rmdirSync(aside);
      else fs.rmSync(aside, {force: true});
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw writingError(error, path);
    }
  }
}

/** Lays an empty file or folder, which the rename replaces, so that nobody else takes the name; false when it is taken. */
function claim(path: string, folder: boolean): boolean {
  try {
    if (folder) fs.mkdirSync(path);
    else fs.writeFileSync(path, '', {flag: 'wx'});
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
