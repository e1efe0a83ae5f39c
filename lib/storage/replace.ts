/**
 * Files that appear whole or not at all: written under a name of their own beside their place, `<file>.<random>.part`,
 * brought to the disk and moved. What a killed writer leaves is such a `.part`, which nobody reads.
 */
import {randomBytes} from 'node:crypto';
import * as fs from 'node:fs';
import {dirname} from 'node:path';
import {writing} from './disk';

export type Content = string | readonly Uint8Array[];

/** A name beside a file's that no other writer, on whatever host, has. */
export function partOf(file: string): string {
  return `${file}.${randomBytes(6).toString('hex')}.part`;
}

/**
 * Writes a file in one step, making its folder; one that stood there before stays until the new one is on the disk.
 * Throws a LabError when the disk is full or the folder forbidden.
 */
export function replaceFile(file: string, content: Content): void {
  throughPart(file, content, (part) => fs.renameSync(part, file));
}

/** Replaces a file by a value's JSON, indented. Throws as `replaceFile`. */
export function writeJson(file: string, value: unknown): void {
  replaceFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Writes a file in one step unless there is one: of many that do so at once one succeeds and gets true. Throws as
 * `replaceFile`.
 */
export function createFile(file: string, content: Content): boolean {
  return throughPart(file, content, (part) => moveUnlessThere(part, file));
}

/** Lets `part` appear as `file` unless there is one; false, then. `part` stays. */
export function moveUnlessThere(part: string, file: string): boolean {
  try {
    try {
      fs.linkSync(part, file);
    } catch (error) {
      // Some file systems know no second name for a file.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
      fs.copyFileSync(part, file, fs.constants.COPYFILE_EXCL);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function throughPart<T>(file: string, content: Content, move: (part: string) => T): T {
  const part = partOf(file);
  return writing(file, () => {
    try {
      fs.mkdirSync(dirname(file), {recursive: true});
      const descriptor = fs.openSync(part, 'wx');
      try {
        const chunks = typeof content === 'string' ? [Buffer.from(content)] : content;
        for (const chunk of chunks) writeFully(descriptor, chunk);
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
      return move(part);
    } finally {
      fs.rmSync(part, {force: true});
    }
  });
}

/** Writes all of the bytes, from `position` on or behind what is there. */
export function writeFully(descriptor: number, bytes: Uint8Array, position: number | null = null): void {
  for (let done = 0; done < bytes.length;) {
    const count = Math.min(bytes.length - done, 2 ** 30);
    done += fs.writeSync(descriptor, bytes, done, count, position === null ? null : position + done);
  }
}
