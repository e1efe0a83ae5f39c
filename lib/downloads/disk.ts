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

/** What to throw for an error met while writing: a full disk or a forbidden folder in plain words, anything else as it is. */
export function writingError(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LabError(`No disk space left while writing ${file}. Free some space there and run again.`);
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new LabError(`No permission to write ${file} (${code}). Make its folder writable and run again.`);
  }
  return error;
}
