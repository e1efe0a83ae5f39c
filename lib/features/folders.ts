import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {basename, join, resolve} from 'node:path';
import {LabError} from '../errors';

/** Plain JSON that says what the features are of. Two keys are the same whatever the order of their properties. */
export type FeatureKey = Record<string, unknown>;

/** A folder of frozen features. */
export interface FeatureFolder {
  folder: string;
  /** null when the folder is damaged or was set aside as damaged. */
  key: FeatureKey | null;
  bytes: number;
  lastUsed: Date;
}

const FOLDER_NAME = /^[0-9a-f]{16}(\.damaged-\d+)?$/;

/** The folders that stores of this process have open. */
const claimed = new Set<string>();

/** The folder of a key below `parent`: the first 16 hex digits of the SHA-256 of its JSON. */
export function folderOf(parent: string, key: FeatureKey): string {
  return resolve(parent, createHash('sha256').update(canonicalJson(key)).digest('hex').slice(0, 16));
}

/**
 * Makes a key's folder ready and claims it for one store. Returns null, or a sentence about a damaged folder that was
 * set aside. Throws a LabError when another store has the folder open.
 */
export function claimFolder(folder: string, key: FeatureKey, shape: readonly number[]): string | null {
  const writer = writerOf(folder);
  if (writer !== null) {
    throw new LabError(
      `${folder}: these frozen features are in use by ${writer === process.pid ? 'this process' : `process ${writer}`}. ` +
        `Wait until it is done or restart its kernel; if there is no such process, delete ${join(folder, 'writer.txt')}.`,
    );
  }
  const description = canonicalJson({key, shape});
  const damage = findDamage(folder, description);
  const warning = damage === null ? null : setAside(folder, damage);
  fs.mkdirSync(folder, {recursive: true});
  fs.rmSync(join(folder, 'writer.txt'), {force: true});
  fs.writeFileSync(join(folder, 'writer.txt'), String(process.pid), {flag: 'wx'});
  fs.writeFileSync(join(folder, 'key.json.part'), description);
  fs.renameSync(join(folder, 'key.json.part'), join(folder, 'key.json'));
  claimed.add(folder);
  return warning;
}

/** Gives a claimed folder back. */
export function releaseFolder(folder: string): void {
  fs.rmSync(join(folder, 'writer.txt'), {force: true});
  claimed.delete(folder);
}

/** The stores below `parent`, those set aside as damaged included, the least recently used first. */
export function featureFolders(parent: string): FeatureFolder[] {
  if (!fs.existsSync(parent)) return [];
  return fs
    .readdirSync(parent, {withFileTypes: true})
    .filter((entry) => entry.isDirectory() && FOLDER_NAME.test(entry.name))
    .map((entry) => describeFolder(resolve(parent, entry.name)))
    .sort((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime());
}

/**
 * Removes the least recently used stores below `parent` until the rest take at most `maximumBytes`, and returns those
 * it removed. A store that is open stays.
 */
export function prune(parent: string, maximumBytes: number): FeatureFolder[] {
  const folders = featureFolders(parent);
  let total = folders.reduce((sum, {bytes}) => sum + bytes, 0);
  return folders.filter(({folder, bytes}) => {
    if (total <= maximumBytes || writerOf(folder) !== null) return false;
    fs.rmSync(folder, {recursive: true});
    total -= bytes;
    return true;
  });
}

function describeFolder(folder: string): FeatureFolder {
  const files = fs.readdirSync(folder).map((name) => fs.statSync(join(folder, name)));
  const key = basename(folder).includes('.damaged-') ? null : readKey(folder);
  return {
    folder,
    key,
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    lastUsed: (fs.statSync(join(folder, 'key.json'), {throwIfNoEntry: false}) ?? fs.statSync(folder)).mtime,
  };
}

function readKey(folder: string): FeatureKey | null {
  try {
    return (JSON.parse(fs.readFileSync(join(folder, 'key.json'), 'utf8')) as {key: FeatureKey}).key;
  } catch {
    return null;
  }
}

/** What is wrong with a key's folder, or null if it is whole or yet to be made. */
function findDamage(folder: string, description: string): string | null {
  const entry = fs.statSync(folder, {throwIfNoEntry: false});
  if (entry === undefined) return null;
  if (!entry.isDirectory()) return 'is not a folder';
  const names = fs.readdirSync(folder);
  if (!names.includes('key.json')) return names.includes('features.bin') ? 'has no key.json' : null;
  if (fs.readFileSync(join(folder, 'key.json'), 'utf8') !== description)
    return 'has a key.json of other features';
  const entries = readIndex(folder);
  return entries.includes('') || new Set(entries).size < entries.length ? 'has a spoilt index.txt' : null;
}

/** The entries of a store in the order of its records; a last line that was not finished is left out. */
export function readIndex(folder: string): string[] {
  const file = join(folder, 'index.txt');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

function setAside(folder: string, damage: string): string {
  let number = 1;
  while (fs.existsSync(`${folder}.damaged-${number}`)) number++;
  const aside = `${folder}.damaged-${number}`;
  fs.renameSync(folder, aside);
  return `${folder} ${damage}; it was renamed to ${basename(aside)} and its features are computed anew.`;
}

/** The id of the living process whose store has the folder open, or null. */
function writerOf(folder: string): number | null {
  if (claimed.has(folder)) return process.pid;
  const file = join(folder, 'writer.txt');
  const writer = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0;
  // An earlier process, killed, may have had the id of this one.
  return writer > 0 && writer !== process.pid && isAlive(writer) ? writer : null;
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
