/**
 * The manifest of a folder of collected photos, and how the two stay consistent when the kernel is killed at any moment:
 *
 *     manifest.jsonl           a line for each photo kept and for each that was found to be none, appended
 *     <class>/<sha256>.<jpg>   the photos
 *     .arriving/               photos whose line is about to be written
 *
 * A photo is written whole into `.arriving`, then its line, and then it moves to its place. So no photo is ever in its
 * place without a line. What a kill leaves in `.arriving` is moved when its line is there, and removed when it is not,
 * for then it is fetched again. A line whose photo is nowhere is of one that somebody has removed: it is not fetched again.
 */
import * as fs from 'node:fs';
import {basename, join} from 'node:path';
import {comparedHash, hashDistance, nearDuplicateBits} from '../datasets';
import {LabError} from '../errors';
import {appendLine, type Lock, replaceFile, writing} from '../storage';

export const manifestName = 'manifest.jsonl';
const arrivingName = '.arriving';

interface Origin {
  class: string;
  /** The API's address, and the photo's id there. */
  api: string;
  id: string;
  /** The photo's address. */
  source: string;
  /** When it was looked at: ISO 8601. */
  time: string;
}

/** A photo that was kept. */
export interface CollectedPhoto extends Origin {
  /** Its path in the folder, '/' separated. */
  file: string;
  /** As the API says; 'not stated' where it says nothing. */
  licence: string;
  bytes: number;
  /** Pixels, upright. */
  width: number;
  height: number;
  /** 64 hex digits. */
  sha256: string;
  /** Perceptual hash with its colours, as of a data set's photos; '' for a flat picture. */
  hash: string;
}

/** A photo that was left out, and why. */
export interface SkippedPhoto extends Origin {
  skipped: string;
}

/** The manifest of a folder, held by the one who collects into it. */
export class Manifest {
  private readonly kept: CollectedPhoto[] = [];
  private readonly left: SkippedPhoto[] = [];
  private readonly known = new Set<string>();

  /** Reads it and puts right what a kill left. Throws LabError for a line that is none of a manifest, naming it. */
  constructor(
    private readonly folder: string,
    private readonly lock: Lock,
  ) {
    for (const line of this.lines()) this.remember(line);
    this.settleArriving();
  }

  /** The photos that lie in the folder. */
  photos(): CollectedPhoto[] {
    return this.kept.filter(({file}) => fs.existsSync(join(this.folder, file)));
  }

  skipped(): readonly SkippedPhoto[] {
    return this.left;
  }

  has({api, id}: Pick<Origin, 'api' | 'id'>): boolean {
    return this.known.has(`${api} ${id}`);
  }

  /** A photo that was kept before and is the same file or looks the same. */
  alike(photo: Pick<CollectedPhoto, 'sha256' | 'hash'>): CollectedPhoto | undefined {
    const hash = comparedHash(photo);
    return this.kept.find(
      (other) =>
        other.sha256 === photo.sha256 || hashDistance(comparedHash(other), hash) <= nearDuplicateBits,
    );
  }

  /** Puts a photo in its place, and its line here. Throws LabError when the disk does not take them. */
  add(photo: CollectedPhoto, bytes: Buffer): void {
    this.lock.requireHeld();
    const arriving = join(this.folder, arrivingName, basename(photo.file));
    replaceFile(arriving, [bytes]);
    try {
      this.append(photo);
    } catch (error) {
      fs.rmSync(arriving, {force: true});
      throw error;
    }
    this.arrive(arriving, join(this.folder, photo.file));
  }

  /** Writes down that a photo is to be left out for good. */
  skip(photo: SkippedPhoto): void {
    this.lock.requireHeld();
    this.append(photo);
  }

  private append(line: CollectedPhoto | SkippedPhoto): void {
    appendLine(this.file, JSON.stringify(line));
    this.remember(line);
  }

  private remember(line: CollectedPhoto | SkippedPhoto): void {
    this.known.add(`${line.api} ${line.id}`);
    if ('skipped' in line) this.left.push(line);
    else this.kept.push(line);
  }

  private get file(): string {
    return join(this.folder, manifestName);
  }

  private arrive(arriving: string, place: string): void {
    writing(place, () => {
      fs.mkdirSync(join(place, '..'), {recursive: true});
      fs.renameSync(arriving, place);
    });
  }

  private settleArriving(): void {
    const folder = join(this.folder, arrivingName);
    const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    const fileOf = new Map(this.kept.map(({file}) => [basename(file), file]));
    for (const name of names) {
      const file = fileOf.get(name);
      if (file !== undefined) this.arrive(join(folder, name), join(this.folder, file));
      else writing(folder, () => fs.rmSync(join(folder, name), {force: true}));
    }
  }

  /** The manifest's lines; a last one that was cut off is cut away. */
  private lines(): (CollectedPhoto | SkippedPhoto)[] {
    if (!fs.existsSync(this.file)) return [];
    const text = fs.readFileSync(this.file, 'utf8');
    const end = text.lastIndexOf('\n') + 1;
    const rest = text.slice(end);
    if (rest === '' || parsed(rest)) {
      if (rest !== '') appendLine(this.file, ''); // an editor left its line break out
      return linesOf(text, this.file);
    }
    const whole = text.slice(0, end);
    writing(this.file, () => fs.truncateSync(this.file, Buffer.byteLength(whole)));
    return linesOf(whole, this.file);
  }
}

function linesOf(text: string, file: string): (CollectedPhoto | SkippedPhoto)[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const found = parsed(line);
    if (found) return [found];
    throw new LabError(
      `${file}, line ${index + 1}: not a line of a manifest of collected photos: ${line.slice(0, 80)}. Put it right, or take ` +
        `the line out; then its photo stays where it is, without a record of its source.`,
    );
  });
}

function parsed(line: string): CollectedPhoto | SkippedPhoto | undefined {
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    const texts = (names: string[]) => names.every((name) => typeof value[name] === 'string');
    const isOne = texts(['class', 'api', 'id']) && (texts(['skipped']) || texts(['file', 'sha256', 'hash']));
    return isOne ? (value as unknown as CollectedPhoto | SkippedPhoto) : undefined;
  } catch {
    return undefined;
  }
}
