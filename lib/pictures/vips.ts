import sharp from 'sharp';
import {LabError} from '../errors';

// One thread per photo: libuv's pool works on several photos side by side, which beats several threads on one.
sharp.concurrency(1);
// Every file is opened once per epoch, so a cache of opened files would only hold memory.
sharp.cache(false);

/** sharp (libvips), set up for many photos at once. */
export {sharp};

/** The error for a picture that cannot be read, named by its place; a LabError is left as it is. */
export function unreadableImage(place: string, error: unknown): LabError {
  if (error instanceof LabError) return error;
  const reason = (error instanceof Error ? error.message : String(error)).trim();
  return new LabError(
    `${place}: not a readable image (${reason}). Put a readable one in its place or move it away, then open the data set ` +
      `again: the other photos stay in their parts.`,
  );
}
