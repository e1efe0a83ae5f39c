/** Inside a network, for a cell: feature maps, kernels, one kernel over its channels, what BatchNorm does. */
import {histograms, imageGrid} from '../charts';
import type {Part, Photo, Split} from '../datasets';
import {batchNorm, tf, type Tensor} from '../engine';
import {type NetworkParts, type Workspace} from '../experiments';
import {LabError} from '../errors';
import type {LayeredLearner} from '../heads';
import {imagenet, matrixPicture, type Preprocessing, thumbnail} from '../pictures';
import {mulberry32, shuffled} from '../random';
import type {Figure} from './display';
import {convolve} from './convolution';
import {view} from './views';

/** A network whose weights are at hand: what `lab.trained` and `lab.parts` give. */
export type Looked = Omit<NetworkParts, 'dispose'>;

export interface PhotoChoice {
  /** Number of the photo in its part. Default: 0. */
  photo?: number;
  /** Default: 'val'. */
  part?: Part;
}

const isConvolution = ({kind}: {kind: string}) => kind.endsWith('convolution');

/** Names of at most `most` stages, or convolutions where there are no stages, evenly spread from the input on. */
export function depths({stages, layers}: Pick<LayeredLearner, 'stages' | 'layers'>, most = 5): string[] {
  const names = stages.length > 0 ? [...stages] : layers.filter(isConvolution).map(({name}) => name);
  if (names.length <= most) return names;
  return Array.from({length: most}, (_, i) => names[Math.round((i * (names.length - 1)) / (most - 1))]);
}

/** A photo and, for each layer, the feature maps [height, width] that vary most over it, each from its least to its greatest. */
export async function featureMapGrids(
  workspace: Workspace,
  {learner, experiment, title}: Looked,
  {layers = depths(learner), maps = 8, ...choice}: PhotoChoice & {layers?: readonly string[]; maps?: number},
): Promise<string> {
  const {photo, x} = await photoTensor(workspace, experiment, choice);
  const kept = looking(x, () => learner.activations(x, layers));
  const grids = [
    imageGrid([{image: await thumbnail(photo.picture), caption: workspace.split.classes[photo.label]}], {
      title: `${title}: feature maps of one photo at ${layers.length} depths`,
      subtitle:
        'Those that vary most of each layer, each from its least value (violet) to its greatest (yellow).',
      columns: maps,
      standIns: experiment.standIns,
    }),
  ];
  try {
    for (const layer of layers) {
      const map = mapOf(layer, kept.get(layer)!);
      const items = map.liveliest(maps).map(async (channel) => ({
        image: await matrixPicture(map.channel(channel), [map.height, map.width], {colours: 'viridis'}),
        caption: `map ${channel}`,
      }));
      const heading = `${layer}: ${map.channels} maps of ${map.height} x ${map.width}`;
      grids.push(imageGrid(await Promise.all(items), {title: heading, columns: maps}));
    }
  } finally {
    tf.dispose([...kept.values()]);
  }
  return grids.join('');
}

/** The kernels of a convolution, by default the first: over three channels as colours, over others slice by slice. */
export async function kernelGrid(
  {learner, experiment, title}: Looked,
  {layer = firstConvolution(learner), kernels = 32}: {layer?: string; kernels?: number},
): Promise<string> {
  const {shape, values} = learner.weight(`${layer}.weight`);
  const [count, channels, height, width] = kernelShape(layer, shape);
  const area = height * width;
  const slice = (kernel: number, channel: number) =>
    values.subarray((kernel * channels + channel) * area, (kernel * channels + channel + 1) * area);
  const items = Array.from({length: Math.min(kernels, count)}, async (_, kernel) => ({
    image: await matrixPicture(
      channels === 3
        ? Float32Array.from({length: 3 * area}, (__, i) => slice(kernel, i % 3)[Math.floor(i / 3)])
        : slice(kernel, 0),
      [height, width],
    ),
    caption: `kernel ${kernel}`,
  }));
  const channelWords =
    channels === 3 ? 'red, green and blue as they are' : `the first of ${channels} channels`;
  return imageGrid(await Promise.all(items), {
    title: `${title}: ${Math.min(kernels, count)} of ${count} kernels of ${layer}`,
    subtitle: `${height} x ${width}, ${channelWords}; each from its least weight (black) to its greatest (white).`,
    columns: 8,
    standIns: experiment.standIns,
  });
}

/**
 * One kernel over several channels: each channel is convolved with its own slice of the kernel, and the sum of these, here
 * with stride 1 and without bias, is one feature map. The `channels` that add most are shown.
 */
export async function kernelOverChannels(
  workspace: Workspace,
  {learner, experiment, title}: Looked,
  {
    layer = firstConvolution(learner),
    kernel = 0,
    channels: shown = 3,
    ...choice
  }: PhotoChoice & {layer?: string; kernel?: number; channels?: number},
): Promise<string> {
  const {shape, values} = learner.weight(`${layer}.weight`);
  const [count, channels, height, width] = kernelShape(layer, shape);
  if (!(Number.isInteger(kernel) && kernel >= 0 && kernel < count)) {
    throw new LabError(`${layer} has no kernel ${kernel}. Give 0 to ${count - 1}.`);
  }
  const {x} = await photoTensor(workspace, experiment, choice);
  const input = looking(x, () => learner.activations(x, [`${layer}.input`])).get(`${layer}.input`)!;
  const map = mapOf(layer, input);
  input.dispose();
  if (map.channels !== channels) {
    throw new LabError(
      `${layer} is split into groups, so no kernel of it covers all channels. Name another layer.`,
    );
  }
  const rows = (numbers: ArrayLike<number>, length: number) =>
    Array.from({length: numbers.length / length}, (_, row) =>
      Array.from({length}, (__, column) => numbers[row * length + column]),
    );
  const slices = Array.from({length: channels}, (_, channel) => {
    const start = (kernel * channels + channel) * height * width;
    const weights = values.subarray(start, start + height * width);
    const seen = map.channel(channel);
    const response = convolve(rows(seen, map.width), rows(weights, width)).flat();
    return {
      channel,
      weights,
      seen,
      response,
      size: Math.sqrt(response.reduce((sum, value) => sum + value ** 2, 0)),
    };
  });
  const [outHeight, outWidth] = [map.height - height + 1, map.width - width + 1];
  const total = slices[0].response.map((_, i) => slices.reduce((sum, {response}) => sum + response[i], 0));
  const strongest = [...slices].sort((a, b) => b.size - a.size).slice(0, shown);
  const items = strongest.flatMap(({channel, weights, seen, response}) => [
    {values: seen, shape: [map.height, map.width] as const, caption: `channel ${channel}`},
    {values: weights, shape: [height, width] as const, caption: `slice ${channel} of kernel ${kernel}`},
    {values: response, shape: [outHeight, outWidth] as const, caption: 'convolved'},
  ]);
  const sum = {
    values: total,
    shape: [outHeight, outWidth] as const,
    caption: `sum over all ${channels} channels`,
  };
  const cards = [...items, sum].map(async ({values: numbers, shape: size, caption}) => ({
    image: await matrixPicture(numbers, size),
    caption,
  }));
  return imageGrid(await Promise.all(cards), {
    title: `${title}: one kernel of ${layer} over ${channels} channels`,
    subtitle:
      'Each channel with its own slice of the kernel, the strongest shown; what is added up is one feature map.',
    columns: 6,
    standIns: experiment.standIns,
  });
}

/**
 * What a BatchNorm makes of its input for some training photos: before, in inference by its running statistics, and in
 * training by those of the batch.
 */
export async function batchNormHistograms(
  {split}: Workspace,
  {learner, experiment, title}: Looked,
  {layer = firstBatchNorm(learner), photos: count = 32}: {layer?: string; photos?: number},
): Promise<Figure> {
  const photos = shuffled(split.parts.train, mulberry32(split.seed)).slice(0, Math.max(2, count));
  const views = await Promise.all(photos.map(({picture}) => view(picture, experiment.preprocessing)));
  const {crop} = experiment.preprocessing;
  const part = (suffix: string) => tf.tensor1d(learner.weight(`${layer}.${suffix}`).values);
  const values = tf.tidy(() => {
    const x = tf.concat(views.map(({images}) => tf.tensor4d(images, [1, crop, crop, 3])));
    const kept = learner.activations(x, [`${layer}.input`, layer]);
    const before = kept.get(`${layer}.input`)!;
    const [scale, offset, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(part);
    const {y} = batchNorm(before, {scale, offset, mean, variance}, {epsilon: 1e-5, momentum: 0.1});
    return [before, kept.get(layer)!, y];
  });
  const numbers = values.map((value) => some(value.dataSync() as Float32Array, 100_000));
  tf.dispose(values);
  const names = [
    'before',
    'after, in inference (running statistics)',
    'after, in training (statistics of this batch)',
  ];
  return histograms(
    names.map((name, i) => ({name, values: numbers[i]})),
    {
      title: `${title}: what ${layer} makes of ${photos.length} photos`,
      subtitle:
        'Before: what the convolution gives. After: brought to the scale and offset that were learnt.',
      standIns: experiment.standIns,
    },
  );
}

/** One photo as matrices [size, size] of numbers from 0 to 1, its colours apart, and grey as their mean. */
export async function photoMatrices(
  {split}: Workspace,
  {size = 64, ...choice}: PhotoChoice & {size?: number},
): Promise<Record<'grey' | 'red' | 'green' | 'blue', number[][]>> {
  const plain = {
    ...imagenet({resize: size, crop: size}),
    mean: [0, 0, 0],
    std: [1, 1, 1],
  } satisfies Preprocessing;
  const {images} = await view(photoOf(split, choice).picture, plain);
  const channel = (number: number) =>
    Array.from({length: size}, (_, y) =>
      Array.from({length: size}, (__, x) => images[(y * size + x) * 3 + number]),
    );
  const [red, green, blue] = [0, 1, 2].map(channel);
  const grey = red.map((row, y) => row.map((value, x) => (value + green[y][x] + blue[y][x]) / 3));
  return {grey, red, green, blue};
}

async function photoTensor({split}: Workspace, {preprocessing}: Looked['experiment'], choice: PhotoChoice) {
  const photo = photoOf(split, choice);
  const {images, shape} = await view(photo.picture, preprocessing);
  return {photo, x: tf.tensor4d(images, shape)};
}

function photoOf({parts}: Split, {photo = 0, part = 'val'}: PhotoChoice): Photo {
  const found = parts[part][photo];
  if (found) return found;
  const {length} = parts[part];
  const remedy = length === 0 ? 'Name another part.' : `Give 0 to ${length - 1}.`;
  throw new LabError(`There is no photo ${photo} in the part "${part}". ${remedy}`);
}

function looking<T>(x: Tensor, look: () => T): T {
  try {
    return look();
  } finally {
    x.dispose();
  }
}

/** The feature maps of one photo, apart. Throws a LabError where a layer gives none. */
function mapOf(layer: string, value: Tensor) {
  const [batch, height, width, channels] = value.shape;
  if (value.rank !== 4 || batch !== 1) {
    throw new LabError(`${layer} gives no feature maps but [${value.shape.join(', ')}]. Name a convolution.`);
  }
  const values = value.dataSync() as Float32Array;
  const channel = (number: number) =>
    Float32Array.from({length: height * width}, (_, i) => values[i * channels + number]);
  const spread = (number: number) => {
    const numbers = channel(number);
    const mean = numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
    return numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  };
  const liveliest = (count: number) => {
    const spreads = Array.from({length: channels}, (_, number) => spread(number));
    return spreads
      .map((_, number) => number)
      .sort((a, b) => spreads[b] - spreads[a] || a - b)
      .slice(0, count)
      .sort((a, b) => a - b);
  };
  return {height, width, channels, channel, liveliest};
}

function kernelShape(layer: string, shape: readonly number[]): [number, number, number, number] {
  const [count, channels, height, width] = shape;
  if (shape.length === 4) return [count, channels, height, width];
  throw new LabError(
    `${layer} has weights of shape [${shape.join(', ')}], so it is no convolution. Name one.`,
  );
}

function firstConvolution({layers}: LayeredLearner): string {
  const found = layers.find(isConvolution);
  if (found) return found.name;
  throw new LabError('This network has no convolution.');
}

function firstBatchNorm({layers}: LayeredLearner): string {
  const found = layers.find(({kind}) => kind === 'batch normalisation');
  if (found) return found.name;
  throw new LabError('This network has no BatchNorm. Give one that has, such as mobilenet_v2.');
}

/** At most so many of the values, evenly spread over them. */
function some(values: Float32Array, most: number): Float32Array {
  const step = Math.ceil(values.length / most);
  return step === 1 ? values : values.filter((_, i) => i % step === 0);
}
