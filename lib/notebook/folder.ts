import {existsSync} from 'node:fs';
import {dirname, isAbsolute, join, resolve} from 'node:path';
import {LabError} from '../errors';

/** Where `data/` and `models/` lie: the environment's `LAB_HOME`, else the nearest folder above with a package.json. */
export function projectFolder(start = process.cwd()): string {
  if (process.env.LAB_HOME) return process.env.LAB_HOME;
  let folder = resolve(start);
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) {
      throw new LabError(`${start}: no project folder above it. Give openLab({folder: '...'}).`);
    }
    folder = dirname(folder);
  }
  return folder;
}

/** A path as a cell gives it: a relative one begins in the folder of `data/` and `models/`, wherever the notebook lies. */
export const inProject = (path: string): string => (isAbsolute(path) ? path : resolve(projectFolder(), path));
