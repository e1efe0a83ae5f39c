import {basename} from 'node:path';
import type {Sharp} from 'sharp';
import {openPicture, type OpenedPicture} from './open';
import type {Picture, Size} from './picture';

/** A picture that is a file. */
export class PhotoFile implements Picture {
  /** What was found when its size was asked for, for the pixels that are asked for next. */
  #opened?: OpenedPicture;

  /** The name and the key are the file's name unless given. */
  constructor(
    readonly place: string,
    readonly name = basename(place),
    readonly key = name,
  ) {}

  async size(): Promise<Size> {
    this.#opened = await openPicture(this.place);
    return this.#opened.size;
  }

  async image(): Promise<Sharp> {
    const opened = this.#opened ?? (await openPicture(this.place));
    this.#opened = undefined;
    return opened.image();
  }
}
