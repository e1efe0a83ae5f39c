import type {Sharp} from 'sharp';

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** One picture, wherever it lies: what can be decoded, hashed and shown. */
export interface Picture {
  /** What a reader finds it by within its data set: 'glass/glass1.jpg', 'frog/data_batch_1-00001'. */
  readonly name: string;
  /** What tells its content from that of others: the SHA-256 of its bytes, 64 hex digits. */
  readonly key: string;
  /** Where it lies, for messages: the path of its file and, where that holds several, its number in there. */
  readonly place: string;
  /** Its size once it stands upright. */
  size(): Promise<Size>;
  /** Its pixels as they are stored; nothing is decoded before they are asked for. */
  image(): Promise<Sharp>;
}
