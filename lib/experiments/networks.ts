/** The network that an experiment trains: what was asked for with its weights, or what stands in for it. */
import {join} from 'node:path';
import {
  type Architecture,
  Backbone,
  CutWeights,
  type Extent,
  findArchitecture,
  isRegistered,
  type LayerSummary,
  type NetworkDefinition,
  pretrainedWeights,
  smallRelative,
  withHeadOn,
} from '../backbones';
import type {Preprocessing} from '../pictures';
import {checkpointDigest} from '../checkpoints';
import {type DownloadProgress, FileUnavailable, mirrorOf} from '../downloads';
import type {Precision} from '../engine';
import {LabError} from '../errors';
import {Classifier, Head, type HeadOptions, type LayeredLearner, WholeNetwork} from '../heads';
import type {Regime} from '../runs';
import {reasonInOneLine, remedy} from './stand-ins';
import type {Workspace} from './workspace';

/** A name as in torchvision or timm, an architecture of one's own, or a network that a cell wrote. */
export type BackboneChoice = string | Architecture | NetworkDefinition;

/** What of an experiment chooses its network. */
export interface NetworkChoice {
  backbone: BackboneChoice;
  weights?: string;
  size?: number;
  regime: Regime;
  head?: HeadOptions;
  auxiliary?: boolean;
}

/** What the making of a learner takes from a complete experiment. */
interface LearnerSettings {
  head: HeadOptions | null;
  frozen: number;
  auxiliary: boolean;
  precision?: Precision;
  classes: readonly string[];
  seed: number;
}

/** A network for photos of a size, and the weights that it starts from. */
export interface Network {
  /** As it was asked for, for people: 'resnet18', 'resnet18 (random weights)'. */
  asked: string;
  /** What trains: the same, or the architecture that stands in for it. */
  name: string;
  preprocessing: Preprocessing;
  /** How many stages can be frozen. */
  stages: number;
  /** Its layers for one photo, without new heads. */
  layers: readonly LayerSummary[];
  /** Whether new heads stand on it, and whether it has an auxiliary classifier that its photos are large enough for. */
  takesHead: boolean;
  hasAuxiliary: boolean;
  /** The SHA-256 of the weights' file, or 'random', with the seed where it is the experiment's. */
  weights: (seed: number) => string;
  /** The fingerprint of what is not one of the published architectures; null for those. */
  definition: string | null;
  /** What stands in for what was asked for: 'EfficientNet-Lite0 for MobileNetV2'; null when nothing does. */
  standIn: string | null;
  learner: (settings: LearnerSettings) => LayeredLearner;
}

export interface NetworkHooks {
  onDownload?: (file: string, progress: DownloadProgress) => void;
  /** Told that the weights cannot be had and what stands in for them, what of them is not used, and what another kernel is waited for. */
  onWarning?: (message: string) => void;
  signal?: AbortSignal;
}

/** Seeds the weights of what stands in, so that all experiments on it share its frozen features. */
const standInSeed = 1;

const smallNetworks = 'small networks with random weights';

/** What `weights` says where random ones stand in for the published ones, so that every title tells. */
export const randomInstead = 'random instead' as const;

export const backboneName = (choice: BackboneChoice): string =>
  typeof choice === 'string' ? choice : choice.name;

const isNetwork = (choice: BackboneChoice): choice is NetworkDefinition =>
  typeof choice !== 'string' && 'kind' in choice;

/** A batch of larger photos is beyond most memories; who means the number of all pixels is told so. */
const largestSide = 4096;

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
  if (size !== undefined && !(Number.isInteger(size) && size >= 32 && size <= largestSide)) {
    throw new LabError(
      `${name}: photos of ${size} pixels cannot be. Give a whole number from 32 to ${largestSide}.`,
    );
  }
  const pixels = Math.min(size ?? preprocessing.crop, largestSize ?? Infinity);
  return pixels === preprocessing.crop ? architecture : architecture.at(pixels);
}

/** The architecture that is meant in a workspace: for a name, where there are only drawings, a small relative. */
export function architectureIn({dataset}: Workspace, backbone: string | Architecture): Architecture {
  if (typeof backbone !== 'string') return backbone;
  return dataset.standIn === 'drawings' ? smallRelative(backbone) : findArchitecture(backbone);
}

/**
 * The network of a choice with the weights asked for: those of a file, random ones, or the pretrained ones. Where these
 * can be had neither here nor from their host and no mirror is named, the architecture that stands in for it with its own;
 * where it has none, its own with random weights; where there are only drawings, or a stand-in cannot be had either, a
 * small relative with random weights. Throws a LabError where there are no pretrained ones and no others are asked for.
 */
export async function findNetwork(
  choice: NetworkChoice,
  workspace: Workspace,
  hooks: NetworkHooks,
): Promise<Network> {
  const {backbone, weights, size} = choice;
  if (isNetwork(backbone)) return networkOfCell(backbone, choice);
  const asked = typeof backbone === 'string' ? findArchitecture(backbone) : backbone;
  const make = (architecture: Architecture, start: Start) =>
    onBackbone(architecture, asked.name, start, choice);
  const random = (architecture: Architecture, standIn: string) => {
    const sized = architectureAt(architecture, workspace, size);
    return make(sized, {
      weights: () => 'random',
      fill: (whole, extent) => Backbone.random(whole, standInSeed, extent),
      standIn,
    });
  };

  if (weights === 'random') {
    const start: Start = {
      label: 'random weights',
      weights: (seed) => `random, seed ${seed}`,
      fill: (architecture, extent, seed) => Backbone.random(architecture, seed, extent),
    };
    return make(architectureAt(asked, workspace, size), start);
  }
  if (weights === randomInstead) return random(asked, `random weights for ${asked.title}`);
  if (weights !== undefined) return make(fitting(asked, workspace, size), await startFrom(weights, hooks));
  if (workspace.dataset.standIn === 'drawings' && typeof backbone === 'string') {
    return random(smallRelative(backbone), smallNetworks);
  }
  if (!asked.weights) {
    throw new LabError(
      `${asked.name} has no published weights. Give weights: '/path/to/file.pth', or weights: 'random' to train it from scratch.`,
    );
  }

  const pretrained = async (architecture: Architecture, standIn: string | null) =>
    make(fitting(architecture, workspace, size), {
      ...(await pretrainedStart(architecture, workspace, hooks)),
      standIn,
    });
  try {
    return await pretrained(asked, null);
  } catch (error) {
    if (!(error instanceof FileUnavailable) || mirrorOf(workspace)) throw error;
    const {title, standIn} = asked.whole;
    const tell = (what: string) => hooks.onWarning?.(`${what}: ${reasonInOneLine(error.tried)}. ${remedy}`);
    if (!standIn) {
      tell(`${title} starts from random weights`);
      return random(asked, `random weights for ${title}`);
    }
    const other = findArchitecture(standIn);
    try {
      const network = await pretrained(other, `${other.title} for ${title}`);
      tell(`${other.title} stands in for ${title}`);
      return network;
    } catch (second) {
      if (!(second instanceof FileUnavailable)) throw second;
      tell(`A small network with random weights stands in for ${title}, ${reasonInOneLine(second.tried)}`);
      return random(smallRelative(asked.name), smallNetworks);
    }
  }
}

/**
 * What an experiment can give as `weights` for a backbone of this name: undefined where there are published ones that hold
 * all its stages, or an architecture that stands in for it; else 'random instead', of which `onWarning` hears the reason.
 */
export async function startOf(
  name: string,
  workspace: Workspace,
  hooks: NetworkHooks = {},
): Promise<typeof randomInstead | undefined> {
  if (workspace.dataset.standIn === 'drawings') return undefined;
  const architecture = findArchitecture(name);
  const tell = (reason: string) => {
    hooks.onWarning?.(`There are no published weights for ${architecture.title}: ${reason}`);
    return randomInstead;
  };
  try {
    const {fill} = await pretrainedStart(architecture, workspace, hooks);
    fill(architecture, 'stages', standInSeed).dispose();
    return undefined;
  } catch (error) {
    if (error instanceof CutWeights)
      return tell(error.message.replace(join(workspace.weightsFolder, '/'), ''));
    if (!(error instanceof FileUnavailable)) throw error;
    if (architecture.whole.standIn && !mirrorOf(workspace)) return undefined;
    return tell(`${reasonInOneLine(error.tried)}. ${remedy}`);
  }
}

/** The weights that a backbone starts from. */
interface Start {
  weights: Network['weights'];
  fill: (architecture: Architecture, extent: Extent, seed: number) => Backbone;
  /** Says of the weights what a reader must know. */
  label?: string;
  standIn?: string | null;
}

/** An architecture at a size that loaded weights fit. */
function fitting(architecture: Architecture, workspace: Workspace, size?: number): Architecture {
  const {name, preprocessing, boundToSize} = architecture;
  if (!boundToSize) return architectureAt(architecture, workspace, size);
  if (size === undefined || size === preprocessing.crop) return architecture;
  throw new LabError(
    `${name}: its pretrained weights take photos of ${preprocessing.crop} x ${preprocessing.crop} pixels alone, not ${size}. ` +
      `Leave size out.`,
  );
}

async function startFrom(file: string, {onWarning}: NetworkHooks): Promise<Start> {
  const digest = await checkpointDigest(file);
  return {
    label: `weights ${digest.slice(0, 8)}${/#.*$/.exec(digest)?.[0] ?? ''}`,
    weights: () => digest,
    fill: (architecture, extent) => Backbone.load(architecture, file, {extent, onNote: onWarning}),
  };
}

async function pretrainedStart(
  architecture: Architecture,
  {weightsFolder: folder, mirror}: Workspace,
  {onDownload, onWarning, signal}: NetworkHooks,
): Promise<Start> {
  const onProgress = (progress: DownloadProgress) =>
    onDownload?.(`weights of ${architecture.name}`, progress);
  const {path, sha256} = await pretrainedWeights(architecture, {
    folder,
    mirror,
    signal,
    onProgress,
    onWait: onWarning,
  });
  return {
    weights: () => sha256,
    fill: (sized, extent) => Backbone.load(sized, path, {extent, onNote: onWarning}),
  };
}

/** An architecture and a new head on it, with a second one where its auxiliary classifier helps. */
function onBackbone(
  trained: Architecture,
  asked: string,
  {weights, fill, label, standIn = null}: Start,
  {head}: NetworkChoice,
): Network {
  const architecture = withHeadOn(trained, head?.on ?? 'pooled');
  const labelled = (name: string) => (label === undefined ? name : `${name} (${label})`);
  return {
    asked: labelled(asked),
    name: labelled(trained.name),
    preprocessing: architecture.preprocessing,
    stages: architecture.stages.length,
    layers: architecture.summary().flatMap(({layers}) => layers),
    takesHead: true,
    hasAuxiliary: architecture.hasAuxiliary(),
    weights,
    definition: isRegistered(trained) ? null : architecture.fingerprint(),
    standIn,
    learner: ({head, frozen, auxiliary, precision = 'float32', classes: {length: classes}, seed}) => {
      const top = new Head(architecture.featureShape, classes, head ?? {}, seed);
      const second = auxiliary
        ? new Head(architecture.auxiliaryShape(), classes, {dropout: 0}, seed, 'auxiliary')
        : null;
      try {
        const backbone = fill(architecture, auxiliary ? 'stages and auxiliary' : 'stages', seed);
        return new Classifier(backbone.in(precision), top, frozen, second);
      } catch (error) {
        top.dispose();
        second?.dispose();
        throw error;
      }
    },
  };
}

function networkOfCell(definition: NetworkDefinition, {regime, weights, size, head}: NetworkChoice): Network {
  const {name, preprocessing, fingerprint} = definition;
  const refused = (what: string, remedy: string) => new LabError(`${name}: ${what} ${remedy}`);
  if (regime.kind !== 'everything') {
    throw refused('nothing of it is pretrained, so nothing can be frozen.', 'Give regime: everything().');
  }
  if (weights !== undefined && weights !== 'random') {
    throw refused('a network of a cell starts from random weights.', 'Leave weights out.');
  }
  if (head) throw refused('it has its own head.', 'Leave head out.');
  if (size !== undefined && size !== preprocessing.crop) {
    throw refused(
      `it takes photos of ${preprocessing.crop} pixels, not ${size}.`,
      'Give network({size: ...}).',
    );
  }
  return {
    asked: name,
    name,
    preprocessing,
    stages: 0,
    layers: definition.layers,
    takesHead: false,
    hasAuxiliary: false,
    weights: (seed) => `random, seed ${seed}`,
    definition: fingerprint,
    standIn: null,
    learner: ({precision, classes, seed}) => {
      if (definition.classes !== classes.length) {
        throw refused(
          `it gives ${definition.classes} logits for ${classes.length} classes.`,
          `Give its last layer {out: ${classes.length}}.`,
        );
      }
      return WholeNetwork.random(definition, seed, precision);
    },
  };
}
