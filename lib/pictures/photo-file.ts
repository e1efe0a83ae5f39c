import {basename} from 'node:path';
import type {Sharp} from 'sharp';
import {openPicture, type OpenedPicture, plainImage} from './open';
import type {Picture, Size} from './picture';

/** A picture that is a file. */
export class PhotoFile implements Picture {
  /** What was found when its size was asked for, for the pixels that are asked for next. */
  #opened?: OpenedPicture;
  /** Of a picture that libvips reads right by itself, which is looked at once. */
  #plainSize?: Size;

  /** The name and the key are the file's name unless given. */
  constructor(
    readonly place: string,
    readonly name = basename(place),
    readonly key = name,
  ) {}

  async size(): Promise<Size> {
    if (this.#plainSize) return this.#plainSize;
    const opened = await openPicture(this.place);
    if (opened.isPlain) this.#plainSize = opened.size;
    else this.#opened = opened;
    return opened.size;
  }

  async image(): Promise<Sharp> {
    if (this.#plainSize) return plainImage(this.place);
    const opened = this.#opened ?? (await openPicture(this.place));
    this.#opened = undefined;
    return opened.image();
  }
}
