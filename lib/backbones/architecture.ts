/** What an architecture's definition holds, and what follows from it without computing anything. */
import type {Preprocessing} from '../batches';
import type {Net, Value} from './net';
import {type LayerSummary, type ParameterSpec, ShapeNet} from './shapes';

/** A part of a backbone; between two stages it can be cut or frozen. */
export interface Stage {
  name: string;
  forward(net: Net, x: Value): Value;
}

export interface Paper {
  authors: string;
  year: number;
  title: string;
  url: string;
}

/** Where published weights come from. */
export interface PublishedWeights {
  url: string;
  /** The first digits of the file's SHA-256, as its name carries them. */
  sha256Prefix: string;
  /** ImageNet-1k top-1 accuracy as published, in percent. */
  accuracy: number;
  licence: string;
}

export interface Definition {
  /** torchvision's or timm's name. */
  name: string;
  title: string;
  paper: Paper;
  weights: PublishedWeights | null;
  preprocessing: Preprocessing;
  /** Where it can be cut or frozen, input first. */
  stages: Stage[];
  /** From the last stage's output to [batch, features]; by default `pooled`. */
  pool?(net: Net, x: Value): Value;
  /** The original ImageNet head, from the last stage's output to logits; a backbone does without it. */
  classifier?: {
    /** Whether a tensor of this name belongs to it. */
    owns(name: string): boolean;
    forward(net: Net, x: Value): Value;
  };
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

export interface Architecture extends Definition {
  pool(net: Net, x: Value): Value;
  /** The tensors of the stages and the pooling, or of the whole network with its original head. */
  parameters(options?: {withClassifier?: boolean}): ReadonlyMap<string, ParameterSpec>;
  /** What each stage is made of, for one photo of `size` x `size` pixels; what pooling has counts to the last. */
  summary(size?: number): StageSummary[];
  /** Width of the pooled features. */
  features: number;
}

/** Completes a definition with what follows from it. */
export function defineBackbone(definition: Definition): Architecture {
  const {stages, preprocessing, classifier} = definition;
  const pool = definition.pool ?? pooled;

  const trace = (size: number) => {
    let map: Value = {shape: [1, size, size, 3]};
    const nets = stages.map((stage) => {
      const net = new ShapeNet();
      map = stage.forward(net, map);
      return {stage: stage.name, net, output: map.shape.slice(1)};
    });
    const features = pool(nets[nets.length - 1].net, map).shape[1];
    return {nets, map, features};
  };

  return {
    ...definition,
    pool,
    parameters({withClassifier = false} = {}) {
      const {nets, map} = trace(preprocessing.crop);
      const head = new ShapeNet();
      if (withClassifier) classifier?.forward(head, map);
      return new Map([...nets.map(({net}) => net), head].flatMap((net) => [...net.parameters]));
    },
    summary(size = preprocessing.crop) {
      return trace(size).nets.map(({stage, output, net}) => {
        const sum = (key: 'parameters' | 'multiplyAdds') =>
          net.layers.reduce((total, layer) => total + layer[key], 0);
        return {
          stage,
          output,
          parameters: sum('parameters'),
          multiplyAdds: sum('multiplyAdds'),
          layers: net.layers,
          tensors: [...net.parameters.keys()],
        };
      });
    },
    features: trace(preprocessing.crop).features,
  };
}
