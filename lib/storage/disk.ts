/** What a disk refuses, in words. */
import {statfs} from 'node:fs/promises';
import {LabError} from '../errors';

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Throws a LabError when the disk that holds `folder` has no room for `bytes` more. */
export async function requireSpace(folder: string, bytes: number, what: string): Promise<void> {
  const {bavail, bsize} = await statfs(folder);
  const free = bavail * bsize;
  if (bytes > free) {
    throw new LabError(
      `No disk space for ${what}: ${folder} has ${mebibytes(free)} free, ${mebibytes(bytes)} are needed. ` +
        `Free some space there and run again.`,
    );
  }
}

const inTheWay = (file: string) =>
  `${file} cannot be written: where it or one of its folders should be there is something else. ` +
  `Move that away and run again.`;

const refusals: Record<string, (file: string) => string> = {
  ENOSPC: (file) => `No disk space left while writing ${file}. Free some space there and run again.`,
  EDQUOT: (file) =>
    `No disk space left while writing ${file}: your quota is used up. Free some of it and run again.`,
  EACCES: (file) => `No permission to write ${file} (EACCES). Make its folder writable and run again.`,
  EPERM: (file) => `No permission to write ${file} (EPERM). Make its folder writable and run again.`,
  EROFS: (file) =>
    `No permission to write ${file} (EROFS): its disk is mounted read-only. Mount it writable and run again.`,
  EEXIST: inTheWay,
  ENOTDIR: inTheWay,
  EISDIR: inTheWay,
};

/** Whether an error says that a disk or a quota is full. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * What to throw for an error met while writing: a full disk or quota, a read-only disk or a forbidden folder in plain
 * words, anything else as it is.
 */
export function writingError(error: unknown, file: string): unknown {
  const refusal = refusals[(error as NodeJS.ErrnoException).code ?? ''];
  return refusal ? new LabError(refusal(file)) : error;
}

/** Runs what writes `file`; what the disk refuses becomes a LabError. */
export function writing<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw writingError(error, file);
  }
}
