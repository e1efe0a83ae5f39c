import type {Dirent} from 'node:fs';
import {readdir, realpath, stat} from 'node:fs/promises';
import * as path from 'node:path';

import {LabError} from '../errors';

/** Files and folders that operating systems leave about: hidden ones, `__MACOSX`, `Thumbs.db`, `desktop.ini`. */
export function isLitter(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX' || /^(thumbs\.db|desktop\.ini)$/i.test(name);
}

/** All that lies in a folder and below it, as paths relative to it, '/' separated and sorted; litter is left out. */
export interface Listing {
  files: string[];
  folders: string[];
  /** What cannot be opened by its name. */
  skipped: {path: string; reason: string}[];
}

/** Walks through a folder and all below it, through links, each folder once. Throws LabError naming what cannot be read. */
export async function walk(root: string, signal?: AbortSignal): Promise<Listing> {
  const listing: Listing = {files: [], folders: [], skipped: []};
  const seen = new Set<string>();
  await enter('');
  for (const list of [listing.files, listing.folders]) list.sort();
  listing.skipped.sort((a, b) => (a.path < b.path ? -1 : 1));
  return listing;

  async function enter(folder: string): Promise<void> {
    signal?.throwIfAborted();
    const entries = await read(path.join(root, folder));
    const real = await realpath(path.join(root, folder));
    if (seen.has(real)) return;
    seen.add(real);
    for (const entry of entries) {
      if (isLitter(entry.name)) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const target = await kindOf(entry, path.join(root, name));
      if (typeof target === 'string') listing.skipped.push({path: name, reason: target});
      else if (target.isFile()) listing.files.push(name);
      else if (target.isDirectory()) {
        listing.folders.push(name);
        await enter(name);
      }
    }
  }
}

/** What an entry is, through links; or why it cannot be opened. */
async function kindOf(entry: Dirent, file: string) {
  // Bytes that are no UTF-8 become this character, and the name then leads nowhere.
  const isForeign = entry.name.includes('\ufffd');
  if (!entry.isSymbolicLink() && !isForeign) return entry;
  try {
    return await stat(file);
  } catch (error) {
    if (isForeign) return 'its name is not UTF-8: rename it to UTF-8';
    const {code} = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? 'a link to a file that is not there'
      : `a link that cannot be followed (${code})`;
  }
}

async function read(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, {withFileTypes: true});
  } catch (error) {
    throw listingError(folder, (error as NodeJS.ErrnoException).code);
  }
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
