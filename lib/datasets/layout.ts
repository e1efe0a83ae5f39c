import type {Dirent} from 'node:fs';
import {readdir, stat} from 'node:fs/promises';
import * as path from 'node:path';

import {LabError} from '../errors';

const photoEnding = /\.(jpe?g|png|webp|gif|tiff?|avif|heic|heif|bmp)$/i;
const deepestLevel = 4;

/** Files and folders that operating systems leave about: hidden ones, `__MACOSX`, `Thumbs.db`, `desktop.ini`. */
export function isLitter(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX' || /^(thumbs\.db|desktop\.ini)$/i.test(name);
}

/** What a folder holds, litter left out, sorted by name. */
export interface Listing {
  folders: string[];
  files: string[];
}

/** Lists a folder; links are followed. Throws LabError naming the folder when it cannot be read. */
export async function list(folder: string): Promise<Listing> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, {withFileTypes: true});
  } catch (error) {
    throw listingError(folder, (error as NodeJS.ErrnoException).code);
  }
  const listing: Listing = {folders: [], files: []};
  for (const entry of entries.filter(({name}) => !isLitter(name))) {
    const target = entry.isSymbolicLink() ? await linked(path.join(folder, entry.name)) : entry;
    if (target?.isDirectory()) listing.folders.push(entry.name);
    else if (target?.isFile()) listing.files.push(entry.name);
  }
  listing.folders.sort();
  listing.files.sort();
  return listing;
}

/**
 * The folder at or below `folder` whose sub-folders hold the photos, one class each: the first of the known `layouts`
 * (relative paths) that exists, otherwise the uppermost such folder. Throws LabError when there is none or no single one.
 */
export async function findClassesFolder(folder: string, layouts: readonly string[] = []): Promise<string> {
  for (const layout of layouts) {
    const candidate = path.join(folder, layout);
    if (await holdsClasses(candidate).catch(() => false)) return candidate;
  }
  let level = [folder];
  for (let depth = 0; depth < deepestLevel && level.length > 0; depth++) {
    const found: string[] = [];
    const below: string[] = [];
    for (const candidate of level) {
      if (await holdsClasses(candidate)) found.push(candidate);
      else below.push(...(await list(candidate)).folders.map((name) => path.join(candidate, name)));
    }
    if (found.length > 1) {
      throw new LabError(
        `${folder} holds several folders of class folders: ${found.map((name) => path.relative(folder, name)).join(', ')}. ` +
          `Name the one that is meant.`,
      );
    }
    if (found.length === 1) return found[0];
    level = below;
  }
  const loose = (await list(folder)).files.filter((name) => photoEnding.test(name)).length;
  throw new LabError(
    `${folder} holds no class folders with photos${loose > 0 ? ` (${loose} photos lie in it directly)` : ''}. ` +
      `Put the photos of each class into a sub-folder named after the class.`,
  );
}

async function holdsClasses(folder: string): Promise<boolean> {
  for (const name of (await list(folder)).folders) {
    const {files} = await list(path.join(folder, name));
    if (files.some((file) => photoEnding.test(file))) return true;
  }
  return false;
}

async function linked(file: string) {
  return stat(file).catch(() => undefined);
}

function listingError(folder: string, code: string | undefined): LabError {
  if (code === 'ENOENT') return new LabError(`The folder ${folder} does not exist. Check its name.`);
  if (code === 'ENOTDIR')
    return new LabError(`${folder} is not a folder. Name the folder of the class folders.`);
  if (code === 'EACCES' || code === 'EPERM') {
    return new LabError(
      `No permission to read the folder ${folder}. Give yourself read and search permission (chmod u+rx).`,
    );
  }
  return new LabError(`The folder ${folder} cannot be read (${code}).`);
}
