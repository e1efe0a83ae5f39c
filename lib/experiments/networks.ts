/** The network that an experiment trains: the architecture asked for with its pretrained weights, or what stands in for it. */
import {type Architecture, Backbone, findArchitecture, pretrainedWeights, smallRelative} from '../backbones';
import {type DownloadProgress, FileUnavailable, mirrorOf} from '../downloads';
import {LabError} from '../errors';
import {reasonInOneLine, remedy} from './stand-ins';
import type {Workspace} from './workspace';

/** An architecture for photos of a size, and the weights that fill it. */
export interface Network {
  architecture: Architecture;
  load: () => Backbone;
  /** The SHA-256 of the weights' file, or 'random'. */
  weights: string;
  /** What stands in for what was asked for: 'EfficientNet-Lite0 for MobileNetV2'; null when nothing does. */
  standIn: string | null;
}

export interface NetworkHooks {
  onDownload?: (file: string, progress: DownloadProgress) => void;
  /** Told that the weights cannot be had and what stands in for them, what of them is not used, and what another kernel is waited for. */
  onWarning?: (message: string) => void;
  signal?: AbortSignal;
}

const seed = 1;

/**
 * An architecture for photos of `size` pixels a side, at most what the data set's pictures are worth. Throws a LabError
 * for a size that cannot be.
 */
export function architectureAt(
  architecture: Architecture,
  {dataset: {largestSize}}: Pick<Workspace, 'dataset'>,
  size?: number,
): Architecture {
  const {name, preprocessing} = architecture;
  if (size !== undefined && (!Number.isInteger(size) || size < 32)) {
    throw new LabError(`${name}: photos of ${size} pixels cannot be. Give a whole number of at least 32.`);
  }
  const pixels = Math.min(size ?? preprocessing.crop, largestSize ?? Infinity);
  return pixels === preprocessing.crop ? architecture : architecture.at(pixels);
}

/** The architecture that a name stands for in a workspace: where there are only drawings, a small relative. */
export function architectureIn({dataset}: Workspace, name: string): Architecture {
  return dataset.standIn === 'drawings' ? smallRelative(name) : findArchitecture(name);
}

/**
 * The network of a name with its pretrained weights. Where these can be had neither here nor from their host and no
 * mirror is named, the architecture that stands in for it with its own; where it has none, its own with random weights;
 * where there are only drawings, or a stand-in cannot be had either, a small relative with random weights.
 */
export async function findNetwork(
  name: string,
  size: number | undefined,
  workspace: Workspace,
  hooks: NetworkHooks,
): Promise<Network> {
  const architecture = architectureIn(workspace, name);
  if (!architecture.weights)
    return randomNetwork(architecture, size, workspace, 'small networks with random weights');
  try {
    return await pretrainedNetwork(architecture, size, workspace, hooks, null);
  } catch (error) {
    if (!(error instanceof FileUnavailable) || mirrorOf(workspace)) throw error;
    const {title, standIn} = architecture.whole;
    const tell = (what: string) => hooks.onWarning?.(`${what}: ${reasonInOneLine(error.tried)}. ${remedy}`);
    if (!standIn) {
      tell(`${title} starts from random weights`);
      return randomNetwork(architecture, size, workspace, `random weights for ${title}`);
    }
    const other = findArchitecture(standIn);
    try {
      const network = await pretrainedNetwork(other, size, workspace, hooks, `${other.title} for ${title}`);
      tell(`${other.title} stands in for ${title}`);
      return network;
    } catch (second) {
      if (!(second instanceof FileUnavailable)) throw second;
      tell(`A small network with random weights stands in for ${title}, ${reasonInOneLine(second.tried)}`);
      return randomNetwork(smallRelative(name), size, workspace, 'small networks with random weights');
    }
  }
}

async function pretrainedNetwork(
  architecture: Architecture,
  size: number | undefined,
  {weightsFolder: folder, mirror, dataset}: Workspace,
  {onDownload, onWarning, signal}: NetworkHooks,
  standIn: string | null,
): Promise<Network> {
  const {name, preprocessing, boundToSize} = architecture;
  if (boundToSize && size !== undefined && size !== preprocessing.crop) {
    throw new LabError(
      `${name}: its pretrained weights take photos of ${preprocessing.crop} x ${preprocessing.crop} pixels alone, not ${size}. ` +
        `Leave size out.`,
    );
  }
  const sized = boundToSize ? architecture : architectureAt(architecture, {dataset}, size);
  const onProgress = (progress: DownloadProgress) => onDownload?.(`weights of ${name}`, progress);
  const {path, sha256} = await pretrainedWeights(architecture, {
    folder,
    mirror,
    signal,
    onProgress,
    onWait: onWarning,
  });
  return {
    architecture: sized,
    load: () => Backbone.load(sized, path, {onNote: onWarning}),
    weights: sha256,
    standIn,
  };
}

function randomNetwork(
  architecture: Architecture,
  size: number | undefined,
  workspace: Workspace,
  standIn: string,
): Network {
  const sized = architectureAt(architecture, workspace, size);
  return {architecture: sized, load: () => Backbone.random(sized, seed), weights: 'random', standIn};
}
