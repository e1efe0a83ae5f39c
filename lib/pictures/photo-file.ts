import {basename} from 'node:path';
import type {Sharp, SharpOptions} from 'sharp';
import type {Picture, Size} from './picture';
import {sharp} from './vips';

/** How strictly photos are read: what passes the scan must pass in training, so both read with these. */
export const photoReading: SharpOptions = {failOn: 'error'};

/** A picture that is a file. */
export class PhotoFile implements Picture {
  /** The name and the key are the file's name unless given. */
  constructor(
    readonly place: string,
    readonly name = basename(place),
    readonly key = name,
  ) {}

  async size(): Promise<Size> {
    return (await sharp(this.place, photoReading).metadata()).autoOrient;
  }

  image(): Promise<Sharp> {
    return Promise.resolve(sharp(this.place, photoReading));
  }
}
