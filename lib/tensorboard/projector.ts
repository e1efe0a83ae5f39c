/** Embeddings as the projector of TensorBoard reads them. */
import {basename, join} from 'node:path';
import {LabError} from '../errors';
import {replaceFile} from '../storage';
import {EventWriter} from './eventFile';
import {mosaic} from './mosaic';
import {folderName, tsvCell} from './names';

export interface Embedding {
  /** What the projector calls it, with a hyphen for what no address takes. */
  name: string;
  /** Rows of `width` numbers, one after the other. */
  vectors: Float32Array;
  width: number;
  /** The class of each row. */
  labels: readonly string[];
  /** A small picture of each row, as `thumbnail` gives it. */
  thumbnails?: readonly string[];
}

/** In pixels a side: what browsers take (8,192) is more than a page is quick with. */
const largestSprite = 4096;
const largestThumbnail = 64;

/**
 * Writes an embedding into a folder of its name in `folder`, for TensorBoard's projector; one of that name that was there
 * is replaced. Throws a LabError when vectors, labels and thumbnails are not equally many, or a number is not finite.
 */
export async function projector(folder: string, embedding: Embedding): Promise<void> {
  const {name, vectors, width, labels, thumbnails} = embedding;
  check(embedding);
  const own = join(folder, folderName(name));
  const row = (_: string, index: number) => vectors.subarray(index * width, (index + 1) * width).join('\t');
  replaceFile(join(own, 'vectors.tsv'), lines(labels.map(row)));
  replaceFile(join(own, 'classes.tsv'), lines(labels.map(tsvCell)));
  const config = [
    `tensor_name: "${basename(own)}"`,
    'tensor_path: "vectors.tsv"',
    'metadata_path: "classes.tsv"',
    ...(thumbnails ? [`sprite { ${await writeSprite(join(own, 'sprite.png'), thumbnails)} }`] : []),
  ];
  replaceFile(join(own, 'projector_config.pbtxt'), `embeddings {\n${lines(config)}}\n`);
  // The projector looks into folders that hold events.
  new EventWriter(own, 0).append(0, []);
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');

/**
 * All thumbnails in one picture, and what the configuration says of it. It has as many rows as columns, because the
 * projector divides by the one where it means the other, and a power of two of them, which a browser divides exactly.
 */
async function writeSprite(file: string, thumbnails: readonly string[]): Promise<string> {
  const columns = 2 ** Math.ceil(Math.log2(Math.sqrt(thumbnails.length)));
  const side = Math.max(1, Math.min(largestThumbnail, largestSprite / columns));
  const {png} = await mosaic(thumbnails, {side, columns, rows: columns});
  replaceFile(file, [png]);
  return `image_path: "sprite.png" single_image_dim: ${side} single_image_dim: ${side}`;
}

function check({name, vectors, width, labels, thumbnails}: Embedding): void {
  const wrong = (what: string) => new LabError(`projector: ${name}: ${what}`);
  if (!Number.isInteger(width) || width < 1 || labels.length === 0) {
    throw wrong(`${labels.length} vectors of width ${width} cannot be shown. Give one or more.`);
  }
  if (vectors.length !== labels.length * width) {
    throw wrong(
      `${vectors.length} numbers are no ${labels.length} vectors of width ${width}. Give a label for each vector.`,
    );
  }
  if (thumbnails && thumbnails.length !== labels.length) {
    throw wrong(`${thumbnails.length} thumbnails for ${labels.length} vectors. Give one for each, or none.`);
  }
  const stray = vectors.findIndex((value) => !Number.isFinite(value));
  if (stray >= 0) {
    throw wrong(`vector ${Math.floor(stray / width)} holds ${vectors[stray]}. Leave out what is not finite.`);
  }
}
