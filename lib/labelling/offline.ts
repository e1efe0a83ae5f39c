/** Labels by a network pretrained on ImageNet: what its original head says of the classes that are wanted. */
import {Backbone, findArchitecture, pretrainedWeights} from '../backbones';
import {batches} from '../batches';
import {type DownloadProgress, FileUnavailable} from '../downloads';
import {tf} from '../engine';
import {LabError} from '../errors';
import {architectureAt, type ExperimentHooks, type Workspace} from '../experiments';
import {type Learner, WholeNetwork} from '../heads';
import type {Picture, Preprocessing} from '../pictures';
import type {Judgement} from './judgement';
import {imagenetPlaces} from './imagenetClasses';

/** A network with the head that it was pretrained with; `dispose` its learner. */
export interface PretrainedNetwork {
  /** 'DeiT-Tiny'. */
  title: string;
  preprocessing: Preprocessing;
  /** Gives logits of ImageNet's 1,000 classes. */
  learner: Learner;
}

/** The networks that label, best first: small ones whose files hold their heads. */
export const labellingNetworks: readonly string[] = [
  'deit_tiny_patch16_224',
  'efficientnet_lite0',
  'squeezenet1_1',
];

/**
 * The first of the named networks whose weights can be had, for photos of the size that the data set's are worth; null where
 * none can, and for drawings, of which none knows anything. Throws a LabError for a file that lacks the head, and as
 * `pretrainedWeights`.
 */
export async function pretrainedNetwork(
  {dataset, weightsFolder: folder, mirror}: Pick<Workspace, 'dataset' | 'weightsFolder' | 'mirror'>,
  {onDownload, onWarning, signal}: Pick<ExperimentHooks, 'onDownload' | 'onWarning' | 'signal'> = {},
  names: readonly string[] = labellingNetworks,
): Promise<PretrainedNetwork | null> {
  if (dataset.standIn === 'drawings') return null;
  for (const name of names) {
    const whole = findArchitecture(name);
    const architecture = whole.boundToSize ? whole : architectureAt(whole, {dataset});
    const {title, preprocessing} = architecture;
    const onProgress = (progress: DownloadProgress) => onDownload?.(`weights of ${name}`, progress);
    try {
      const options = {folder, mirror, signal, onProgress, onWait: onWarning};
      const {path} = await pretrainedWeights(architecture, options);
      const backbone = Backbone.load(architecture, path, {extent: 'whole'});
      return {title, preprocessing, learner: WholeNetwork.original(backbone)};
    } catch (error) {
      if (!(error instanceof FileUnavailable)) throw error;
    }
  }
  return null;
}

export interface OfflineOptions {
  /** The classes that are wanted. */
  classes: readonly string[];
  /** ImageNet's classes that mean each of them, by their numbers from 0. Default: `imagenetClasses`. */
  places?: Readonly<Record<string, readonly number[]>>;
  /**
   * How often the wanted classes are expected. A network's probabilities hold its own training's frequencies: with 118 dogs
   * among ImageNet's classes and five cats it takes a doubtful photo for a dog. 'equal' undoes that, 'as in ImageNet' leaves
   * it. Default: 'equal'.
   */
  frequencies?: 'equal' | 'as in ImageNet';
  /** Of all probability, what the wanted classes must have together; a photo that has less is left to a person. Default: 0.1. */
  least?: number;
  /** Default: 32. */
  batchSize?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** What a way of labelling gave, and the photos that it leaves to a person. */
export interface OfflineLabels {
  /** By the photo's key. */
  labels: Map<string, Judgement>;
  /** Keys of the photos that the network believes to show nothing that is wanted. */
  left: string[];
}

/**
 * Labels photos by the sums of a pretrained network's probabilities over the ImageNet classes that mean each wanted one,
 * each divided by how often ImageNet shows it (Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a
 * Classifier to New a Priori Probabilities, equation 2.4): the label has the largest, its confidence is the share of all
 * of them. Throws a LabError where it is not known which of ImageNet's classes mean one, and the signal's reason.
 */
export async function labelOffline(
  photos: readonly {picture: Picture}[],
  {preprocessing, learner}: Pick<PretrainedNetwork, 'preprocessing' | 'learner'>,
  options: OfflineOptions,
): Promise<OfflineLabels> {
  const {classes, places, frequencies = 'equal', least = 0.1, batchSize = 32, onProgress, signal} = options;
  const sets = classes.map((name) => checkedPlaces(name, places?.[name] ?? imagenetPlaces(name), learner));
  const found: OfflineLabels = {labels: new Map(), left: []};
  const network = learner.forInference();
  try {
    const items = photos.map(({picture}) => ({picture, label: 0}));
    let done = 0;
    for await (const batch of batches(items, {
      preprocessing,
      view: () => 'evaluation',
      batchSize,
      signal,
    })) {
      const probabilities = tf.tidy(() => tf.softmax(network.logits(batch.tensor())));
      const values = probabilities.dataSync() as Float32Array;
      probabilities.dispose();
      batch.items.forEach((item, row) => {
        const {key} = photos[item].picture;
        const probabilities = values.subarray(row * learner.classes, (row + 1) * learner.classes);
        const judgement = judge(probabilities, sets, {classes, frequencies, least});
        if (judgement) found.labels.set(key, judgement);
        else found.left.push(key);
      });
      done += batch.items.length;
      onProgress?.(done, photos.length);
    }
    return found;
  } finally {
    network.dispose();
  }
}

/**
 * What probabilities say of the classes that sets of places mean; null where all of these together come to less than
 * `least`.
 */
export function judge(
  probabilities: ArrayLike<number>,
  sets: readonly (readonly number[])[],
  {classes, frequencies, least}: Required<Pick<OfflineOptions, 'classes' | 'frequencies' | 'least'>>,
): Judgement | null {
  const sums = sets.map((places) => sum(places.map((place) => probabilities[place])));
  if (!(sum(sums) >= least)) return null;
  const weighed = frequencies === 'equal' ? sums.map((each, i) => each / sets[i].length) : sums;
  const best = weighed.indexOf(Math.max(...weighed));
  return {label: classes[best], confidence: weighed[best] / sum(weighed)};
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function checkedPlaces(name: string, places: readonly number[], {classes}: Learner): readonly number[] {
  const wrong = places.find((place) => !Number.isInteger(place) || place < 0 || place >= classes);
  if (wrong !== undefined) {
    throw new LabError(
      `places: ${name} is to be class ${wrong}, but the network knows 0 to ${classes - 1} alone.`,
    );
  }
  return places;
}
