/** What a network is given and what it answers: a photo step by step through the preprocessing, a batch with its predictions. */
import {batchValues, denormalise, describeBatch, firstBatch} from '../batches';
import {type GridItem, imageGrid} from '../charts';
import type {ExperimentParts, Workspace} from '../experiments';
import {LabError} from '../errors';
import {type Picture, type Preprocessing, thumbnail} from '../pictures';
import {tf} from '../engine';
import {mulberry32, shuffled} from '../random';
import {photosInstead} from './grids';

const pixels = 112;

/** The way of one training photo, number `index` of the part: as stored, resized and cropped, as a tensor, normalised. */
export async function preprocessingGrid(
  {dataset, split}: Workspace,
  preprocessing: Preprocessing,
  index: number,
): Promise<string> {
  const photo = split.parts.train[index];
  if (!photo) {
    throw new LabError(`There is no training photo ${index}. Give 0 to ${split.parts.train.length - 1}.`);
  }
  const {resize, crop, interpolation, mean, std} = preprocessing;
  const {width, height} = await photo.picture.size();
  const plain = {...preprocessing, mean: zeros, std: ones};
  const [tensor, normalised] = [await view(photo.picture, plain), await view(photo.picture, preprocessing)];
  const seen = await thumbnail(denormalise(tensor.images, 0, plain), 2 * pixels);
  const {minimum, maximum} = normalised;
  const spread = {
    ...preprocessing,
    mean: all(-minimum / (maximum - minimum)),
    std: all(1 / (maximum - minimum)),
  };
  const items: GridItem[] = [
    {
      image: await thumbnail(photo.picture, 2 * pixels),
      caption: `1. As stored: ${width} x ${height} pixels, 0 to 255`,
      detail: split.classes[photo.label],
    },
    {
      image: seen,
      caption: `2. Resized to ${resize}, the middle ${crop} x ${crop}`,
      detail: interpolation,
    },
    {
      image: seen,
      caption: `3. To a tensor: float32 [${tensor.shape.slice(1).join(', ')}], divided by 255`,
      detail: range(tensor),
    },
    {
      image: await thumbnail(denormalise(normalised.images, 0, spread), 2 * pixels),
      caption: `4. Normalised: minus ${mean.join(', ')}, divided by ${std.join(', ')}`,
      detail: range(normalised),
    },
  ];
  return imageGrid(items, {
    title: 'From the stored photo to what the network sees',
    subtitle: `Red at the upper left: ${[tensor, normalised].map(({images}) => images[0].toFixed(3)).join(' as a tensor, ')} normalised. The last picture is shown from its least value (black) to its greatest (white).`,
    columns: 4,
    standIns: photosInstead(dataset),
  });
}

/** What the learner says of `count` test photos, picked by chance and drawn from the tensor it is given by undoing the normalisation. */
export async function predictedBatchGrid(
  {split}: Workspace,
  {learner, experiment, title}: ExperimentParts,
  count: number,
): Promise<string> {
  const {preprocessing, standIns} = experiment;
  const batch = await firstBatch(shuffled(split.parts.test, mulberry32(split.seed)).slice(0, count), {
    preprocessing,
    view: () => 'evaluation',
    batchSize: count,
  });
  if (!batch) return imageGrid([], {title, standIns, empty: 'There is no test part.'});
  const images = batchValues(batch);
  const {shape} = describeBatch(images, preprocessing);
  const network = learner.forInference();
  const probabilities = tf.tidy(() => tf.softmax(network.logits(tf.tensor4d(images, shape))));
  network.dispose();
  const rows = probabilities.arraySync() as number[][];
  probabilities.dispose();
  const items = rows.map(async (row, index): Promise<GridItem> => {
    const predicted = row.indexOf(Math.max(...row));
    const truth = batch.labels[index];
    return {
      image: await thumbnail(denormalise(images, index, preprocessing), pixels),
      caption: `${split.classes[predicted]} (${Math.round(100 * row[predicted])}\u00a0%)`,
      detail: `truth: ${split.classes[truth]}`,
      tone: predicted === truth ? 'right' : 'wrong',
    };
  });
  const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === batch.labels[i]).length;
  return imageGrid(await Promise.all(items), {
    title: `${title}: ${rows.length} test photos, ${right} of them right`,
    subtitle: `float32 [${shape.join(', ')}], normalisation undone. Above: what was predicted, with its probability; below: the label.`,
    columns: 8,
    standIns,
  });
}

type Channels = Preprocessing['mean'];
const all = (value: number): Channels => [value, value, value];
const [zeros, ones] = [all(0), all(1)];

/** A photo in evaluation's view, with the shape and range of its values. */
export async function view(picture: Picture, preprocessing: Preprocessing) {
  const batch = await firstBatch([{picture, label: 0}], {
    preprocessing,
    view: () => 'evaluation',
    batchSize: 1,
  });
  const images = batchValues(batch!);
  return {images, ...describeBatch(images, preprocessing)};
}

const range = ({minimum, maximum, mean}: {minimum: number; maximum: number; mean: number}): string =>
  `${minimum.toFixed(2)} to ${maximum.toFixed(2)}, mean ${mean.toFixed(2)}`;
