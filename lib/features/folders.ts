import {createHash, randomBytes} from 'node:crypto';
import * as fs from 'node:fs';
import {basename, join, resolve} from 'node:path';
import {canonicalJson} from '../canonical-json';
import {LabError} from '../errors';
import {
  type Lock,
  lockHolder,
  type LockHolder,
  replaceFile,
  setAside,
  takeLock,
  tryLock,
  type WaitOptions,
  waitForLock,
  writing,
} from '../storage';
import {readIndex, segmentFiles, type SegmentFiles, segmentsIn} from './segment';

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

const folderName = /^[0-9a-f]{16}(\.damaged-\d+)*$/;
/** A folder that is being removed, or was when its process was killed. */
const goneName = /\.pruned-\w+$/;

/** The folder of a key below `parent`: the first 16 hex digits of the SHA-256 of its JSON. */
export function folderOf(parent: string, key: FeatureKey): string {
  const hash = createHash('sha256').update(canonicalJson(key, 'key of frozen features')).digest('hex');
  return resolve(parent, hash.slice(0, 16));
}

/** A folder that one store has open. */
export interface OpenedFolder {
  /** Held as long as the store is open, so that nobody removes the folder. */
  use: Lock;
  /** The name of the segment that the store may begin. */
  segment: SegmentFiles;
  /** A sentence about a damaged folder that was set aside, or null. */
  warning: string | null;
}

/**
 * Makes a key's folder ready and marks it as in use. Throws a LabError when it is damaged while others have it open, and
 * as `waitForLock`.
 */
export async function openFolder(
  folder: string,
  key: FeatureKey,
  shape: readonly number[],
  options: WaitOptions,
): Promise<OpenedFolder> {
  const door = await waitForLock(
    doorOf(folder),
    `The frozen features in ${folder} are being opened`,
    options,
  );
  try {
    const description = canonicalJson({key, shape});
    const damage = findDamage(folder, description);
    const warning = damage === null ? null : putAway(folder, damage);
    const file = join(folder, 'key.json');
    if (fs.existsSync(file)) fs.utimesSync(file, new Date(), new Date());
    else replaceFile(file, description);
    const name = randomBytes(6).toString('hex');
    const use = takeLock(join(folder, `${name}.lock`), `The frozen features in ${folder} are in use`);
    return {use, segment: segmentFiles(name), warning};
  } finally {
    door.release();
  }
}

/** The stores below `parent`, those set aside as damaged included, the least recently used first. */
export function featureFolders(parent: string): FeatureFolder[] {
  if (!fs.existsSync(parent)) return [];
  return fs
    .readdirSync(parent, {withFileTypes: true})
    .filter((entry) => entry.isDirectory() && folderName.test(entry.name))
    .map((entry) => describeFolder(resolve(parent, entry.name)))
    .sort((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime());
}

/**
 * Removes the least recently used stores below `parent` until the rest take at most `maximumBytes`, and returns those
 * it removed. A store that any process has open stays. Throws a LabError when the folder forbids it.
 */
export function prune(parent: string, maximumBytes: number): FeatureFolder[] {
  for (const name of namesIn(parent)) {
    if (goneName.test(name)) fs.rmSync(join(parent, name), {recursive: true, force: true});
  }
  const folders = featureFolders(parent);
  let total = folders.reduce((sum, {bytes}) => sum + bytes, 0);
  return folders.filter(({folder, bytes}) => {
    if (total <= maximumBytes || !remove(folder)) return false;
    total -= bytes;
    return true;
  });
}

/** Removes a folder; false when it is in use. What a killed removal leaves has a name that no store has. */
function remove(folder: string): boolean {
  const door = tryLock(doorOf(folder), `The frozen features in ${folder} are being removed`);
  if (!door) return false;
  const gone = `${folder}.pruned-${randomBytes(4).toString('hex')}`;
  try {
    if (!fs.existsSync(folder) || usersOf(folder).length > 0) return false;
    writing(folder, () => fs.renameSync(folder, gone));
  } finally {
    door.release();
  }
  fs.rmSync(gone, {recursive: true, force: true});
  return true;
}

/** The lock of whoever opens, sets aside or removes a folder; it lies beside it. */
const doorOf = (folder: string) => `${folder}.lock`;

/** Who has a folder open; marks that killed processes left are removed. To be called behind the door. */
function usersOf(folder: string): LockHolder[] {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.lock'))
    .flatMap((name) => {
      const user = lockHolder(join(folder, name));
      if (!user) writing(folder, () => fs.rmSync(join(folder, name), {force: true}));
      return user ?? [];
    });
}

/** Sizes and dates; of files that another process just removes, nothing. */
function describeFolder(folder: string): FeatureFolder {
  const stat = (path: string) => fs.statSync(path, {throwIfNoEntry: false});
  const names = namesIn(folder);
  return {
    folder,
    key: basename(folder).includes('.') ? null : readKey(folder),
    bytes: names.reduce((sum, name) => sum + (stat(join(folder, name))?.size ?? 0), 0),
    lastUsed: (stat(join(folder, 'key.json')) ?? stat(folder))?.mtime ?? new Date(0),
  };
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
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
  const segments = segmentsIn(folder);
  const file = join(folder, 'key.json');
  if (!fs.existsSync(file)) return segments.length > 0 ? 'has no key.json' : null;
  if (fs.readFileSync(file, 'utf8') !== description) return 'has a key.json of other features';
  for (const segment of segments) {
    const names = readIndex(folder, segment);
    if (names.includes('') || new Set(names).size < names.length) return `has a spoilt ${segment.index}`;
  }
  return null;
}

/** Sets a damaged folder aside and tells of it. */
function putAway(folder: string, damage: string): string {
  const [user] = fs.statSync(folder).isDirectory() ? usersOf(folder) : [];
  if (user) {
    throw new LabError(
      `${folder} ${damage}, while process ${user.process} on host ${user.host} has it open. ` +
        `Run again when that is done; the folder is then set aside and computed anew.`,
    );
  }
  const aside = basename(setAside(folder) ?? folder);
  return `${folder} ${damage}; it was renamed to ${aside} and its features are computed anew.`;
}
