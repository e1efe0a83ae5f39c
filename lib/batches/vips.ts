import sharp from 'sharp';
import {LabError} from '../errors';

// One thread per photo: libuv's pool works on several photos side by side, which beats several threads on one.
sharp.concurrency(1);
// Every file is opened once per epoch, so a cache of opened files would only hold memory.
sharp.cache(false);

/** sharp (libvips), set up for many photos at once. */
export {sharp};

/** The error for a file that libvips cannot read. */
export function unreadableImage(file: string, error: unknown): LabError {
  const reason = (error instanceof Error ? error.message : String(error)).trim();
  return new LabError(
    `${file}: not a readable image (${reason}). Replace or delete the file, then scan the dataset again.`,
  );
}
