/** What the definitions of published networks share. */
import {LabError} from '../../errors';
import type {PublishedWeights} from '../architecture';
import {flattenedMap} from '../headPlaces';
import type {Net, Value} from '../net';

/** A checkpoint of torchvision (BSD 3-clause); its file name ends in the first digits of its SHA-256. */
export function torchvision(file: string, {accuracy}: {accuracy: number}): PublishedWeights {
  return {
    source: {
      url: `https://download.pytorch.org/models/${file}`,
      sha256Prefix: /-([0-9a-f]{8})\.pth$/.exec(file)?.[1] ?? '',
    },
    accuracy,
    licence: 'BSD-3-Clause',
  };
}

/** The multiple of `divisor` nearest to a channel count, never more than a tenth below it (as MobileNet's authors). */
export function divisible(channels: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

/** What an original head that sees every place takes: the flattened map. Throws a LabError unless it is `side` x `side`. */
export function flattened(net: Net, x: Value, side: number): Value {
  const [, height, width] = x.shape;
  if (height !== side || width !== side) {
    throw new LabError(
      `The original head takes maps of ${side} x ${side}, got ${height} x ${width}. Use photos of the original size.`,
    );
  }
  return flattenedMap(net, x);
}
