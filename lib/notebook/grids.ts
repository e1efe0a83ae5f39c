/** Grids of photos for a cell: samples with labels, an augmented batch, the worst mistakes. */
import {batchValues, denormalise, describeBatch, firstBatch} from '../batches';
import {imageGrid, isFinished, partOf, type PredictionCard, somePredictions, worstMistakes} from '../charts';
import {type Dataset, partNames} from '../datasets';
import type {Workspace} from '../experiments';
import type {Agreement} from '../labelling';
import {type Augmentation, photoAugmentation, type Preprocessing, thumbnail} from '../pictures';
import {mulberry32, shuffled} from '../random';
import type {RunRecord} from '../runs';

const pixels = 112;

/** What stands in for the photos of a data set, as titles take it. */
export const photosInstead = ({standIn}: Dataset): string[] => (standIn === null ? [] : [standIn]);

/** Photos of the training part, `perClass` of each class. */
export async function sampleGrid({dataset, split}: Workspace, perClass: number): Promise<string> {
  const photos = split.classes.flatMap((_, label) =>
    shuffled(
      split.parts.train.filter((photo) => photo.label === label),
      mulberry32(split.seed),
    ).slice(0, perClass),
  );
  const items = photos.map(async ({picture, label}) => ({
    image: await thumbnail(picture, pixels),
    caption: split.classes[label],
    detail: picture.name.split('/').at(-1),
  }));
  return imageGrid(await Promise.all(items), {
    title: `${perClass} training photo${perClass === 1 ? '' : 's'} of each class`,
    columns: perClass * Math.max(1, Math.floor(8 / perClass)),
    standIns: photosInstead(dataset),
  });
}

/** One augmented training batch of 16 photos, as a backbone sees it. */
export async function augmentedBatchGrid(
  workspace: Workspace,
  preprocessing: Preprocessing,
  {augmentation, seed = 1}: {augmentation?: Partial<Augmentation>; seed?: number},
): Promise<string> {
  const view = {augmentation: photoAugmentation(augmentation), seed};
  const batch = await firstBatch(workspace.split.parts.train, {
    preprocessing,
    view: () => view,
    batchSize: 16,
    order: {shuffle: seed},
  });
  if (!batch) return '';
  const images = batchValues(batch);
  const {shape, minimum, maximum, mean} = describeBatch(images, preprocessing);
  const items = batch.items.map(async (_, index) => ({
    image: await thumbnail(denormalise(images, index, preprocessing), pixels),
    caption: workspace.split.classes[batch.labels[index]],
  }));
  const range = `values ${minimum.toFixed(2)} to ${maximum.toFixed(2)}, mean ${mean.toFixed(2)}`;
  return imageGrid(await Promise.all(items), {
    title: 'An augmented training batch',
    subtitle: `float32 [${shape.join(', ')}] (batch, height, width, channel); ${range}`,
    columns: 8,
    standIns: photosInstead(workspace.dataset),
  });
}

/** Photos that a run got wrong, of the test part or, where there is none, of the validation part, the surest first. */
export async function mistakeGrid(workspace: Workspace, run: RunRecord, count: number): Promise<string> {
  return imageGrid(await withPhotos(worstMistakes(run, count), workspace), {
    title: `The mistakes ${run.title} was surest of`,
    subtitle: inEachCard,
    standIns: run.configuration.standIns,
    empty: 'No photo was classified wrongly.',
  });
}

/** What a run says of some photos of the same part, drawn by `seed`: the same photos for every run. */
export async function predictionGrid(
  workspace: Workspace,
  run: RunRecord,
  {count, seed}: {count: number; seed?: number},
): Promise<string> {
  const part = isFinished(run) ? partOf(run) : 'validation';
  return imageGrid(await withPhotos(somePredictions(run, count, seed), workspace), {
    title: `${run.title}: ${count} ${part} photos`,
    subtitle: inEachCard,
    standIns: run.configuration.standIns,
    empty: 'The run has no result yet.',
  });
}

const inEachCard = 'Above: what was predicted, with its probability; below: the label.';

/** The cards with their photos; those whose photo is not in this split are left out. */
async function withPhotos(cards: readonly PredictionCard[], {split}: Workspace) {
  const pictures = new Map(
    [...split.parts.val, ...split.parts.test].map(({picture}) => [picture.name, picture]),
  );
  const items = cards.flatMap((card) => {
    const picture = pictures.get(card.path);
    return picture ? [thumbnail(picture, pixels).then((image) => ({...card, image}))] : [];
  });
  return Promise.all(items);
}

/** The photos of a hand-checked sample that a way of labelling judges otherwise, the surest first. */
export async function disagreementGrid(
  {dataset, split}: Workspace,
  {way, disagreements}: Agreement,
  count: number,
): Promise<string> {
  const pictures = new Map(
    partNames.flatMap((part) => split.parts[part].map(({picture}) => [picture.key, picture] as const)),
  );
  const items = disagreements.slice(0, count).flatMap(({photo, checked, judged, confidence}) => {
    const picture = pictures.get(photo);
    if (!picture) return [];
    const card = {
      caption: `${judged} (${Math.round(100 * confidence)}\u00a0%)`,
      detail: `by hand: ${checked}`,
      tone: 'wrong' as const,
    };
    return [thumbnail(picture, pixels).then((image) => ({...card, image}))];
  });
  return imageGrid(await Promise.all(items), {
    title: `${way}: ${disagreements.length} disagreements with the hand-checked sample`,
    subtitle: 'Above: the label it gives, with its confidence; below: the label given by hand.',
    standIns: photosInstead(dataset),
    empty: 'It agrees with the whole sample.',
  });
}
