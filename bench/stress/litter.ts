import * as fs from 'node:fs';
import {join, relative} from 'node:path';
import {lockHolder} from '../../lib/storage';

/** The files below a folder, by their relative paths. */
export function filesIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** Locks that somebody seems to hold. */
export const heldLocks = (folder: string): string[] =>
  filesIn(folder).filter((file) => file.endsWith('.lock') && lockHolder(join(folder, file)) !== null);
