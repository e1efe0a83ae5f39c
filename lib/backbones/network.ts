/** A network that a notebook's cell writes with the same words as the architectures, from photos to logits. */
import {checkedPreprocessing, imagenet, type Preprocessing} from '../pictures';
import {LabError} from '../errors';
import {fingerprint} from './fingerprint';
import type {Net, Value} from './net';
import {type LayerSummary, type ParameterSpec, ShapeNet} from './shapes';

export interface NetworkOptions {
  name: string;
  /** Side of the square photos in pixels. */
  size: number;
  /** From photos [batch, size, size, 3] to logits [batch, classes]. */
  build: (net: Net, photos: Value) => Value;
  /** Default: ImageNet's mean and deviation, resized to 8/7 of the size. */
  preprocessing?: Preprocessing;
}

export interface NetworkDefinition extends Required<Omit<NetworkOptions, 'size'>> {
  kind: 'network';
  parameters: ReadonlyMap<string, ParameterSpec>;
  /** Its layers for one photo. */
  layers: readonly LayerSummary[];
  /** How many logits it gives. */
  classes: number;
  /** The SHA-256 of all that it computes: tells it from others of its name. */
  fingerprint: string;
}

/** Follows a network by its shapes. Throws a LabError that names the first layer that does not fit. */
export function network({name, size, build, preprocessing}: NetworkOptions): NetworkDefinition {
  if (!Number.isInteger(size) || size < 1) {
    throw new LabError(`${name}: photos of ${size} pixels cannot be. Give a whole number such as 64.`);
  }
  const net = new ShapeNet();
  const {shape} = named(name, () => build(net, {shape: [1, size, size, 3]}));
  if (shape.length !== 2 || shape[1] < 2) {
    throw new LabError(
      `${name}: its output for a photo is [${shape.slice(1).join(', ')}], not one logit for each of 2 classes or more. ` +
        `End with net.linear(..., net.globalAverage(...), {out: classes}).`,
    );
  }
  return {
    kind: 'network',
    name,
    build,
    preprocessing:
      preprocessing === undefined
        ? imagenet({resize: Math.round((size * 8) / 7), crop: size})
        : checkedPreprocessing({...preprocessing, crop: size}),
    parameters: net.parameters,
    layers: net.layers,
    classes: shape[1],
    fingerprint: fingerprint(size, [{name: 'network', forward: build}]),
  };
}

/** What `follow` gives; its LabErrors begin with the network's name. */
function named<T>(name: string, follow: () => T): T {
  try {
    return follow();
  } catch (error) {
    throw error instanceof LabError ? new LabError(`${name}: ${error.message}`) : error;
  }
}
