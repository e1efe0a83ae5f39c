/** Pictures of a run for TensorBoard: what training shows the network, and what the network says of the test photos. */
import {batchValues, denormalise, firstBatch} from '../batches';
import type {Part, Photo} from '../datasets';
import type {Experiment} from '../experiments';
import {thumbnail} from '../pictures';
import {mulberry32, shuffled} from '../random';
import type {Prediction} from '../runs';
import type {PngImage} from './events';
import {type Colour, mosaic} from './mosaic';
import {plainMarkdown} from './names';

const [count, columns, side] = [16, 8, 112];
const [right, wrong]: Colour[] = [
  [0, 128, 0],
  [200, 0, 0],
];

/** Some training photos in the views that an experiment augments them to. */
export async function augmentedBatch(
  photos: readonly Photo[],
  {preprocessing, augmentation, seed, classes}: Experiment,
): Promise<PngImage | null> {
  const batch = await firstBatch(photos, {
    preprocessing,
    view: () => ({augmentation, seed}),
    batchSize: count,
    order: {shuffle: seed},
  });
  if (!batch) return null;
  const images = batchValues(batch);
  const thumbnails = batch.items.map((_, index) =>
    thumbnail(denormalise(images, index, preprocessing), side),
  );
  const description = numbered([...batch.labels].map((label) => classes[label]));
  return {...(await mosaic(await Promise.all(thumbnails), {side, columns})), description};
}

/** Some of the predictions with their photos, the right ones framed green, the wrong ones red. */
export async function predictedPhotos(
  predictions: readonly Prediction[],
  photos: Readonly<Record<Part, readonly Photo[]>>,
  classes: readonly string[],
): Promise<PngImage | null> {
  const pictures = new Map([...photos.val, ...photos.test].map(({picture}) => [picture.name, picture]));
  const known = predictions.filter(({path}) => pictures.has(path));
  const some = shuffled(known, mulberry32(1)).slice(0, count);
  if (some.length === 0) return null;
  const thumbnails = await Promise.all(some.map(({path}) => thumbnail(pictures.get(path)!, side)));
  const frames = some.map(({truth, predicted}) => (truth === predicted ? right : wrong));
  const description = numbered(
    some.map(({truth, predicted, probability}) => {
      const said = `${classes[predicted]} (${Math.round(100 * probability)} %)`;
      return truth === predicted ? said : `${said}, but it is ${classes[truth]}`;
    }),
  );
  return {...(await mosaic(thumbnails, {side, columns, frames})), description};
}

/** What each picture is, row by row. */
const numbered = (captions: readonly string[]): string =>
  captions.map((caption, index) => `${index + 1}. ${plainMarkdown(caption)}`).join('\n');
