/** What the definitions of published networks share. */
import {LabError} from '../../errors';
import type {PublishedWeights} from '../architecture';
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

/**
 * A feature map in PyTorch's order (channel, row, column) as one vector per photo, for heads that see every place. They
 * are bound to maps of `side` x `side`; throws a LabError on others.
 */
export function flattened(net: Net, x: Value, side: number): Value {
  const [batch, height, width, channels] = x.shape;
  if (height !== side || width !== side) {
    throw new LabError(
      `The original head takes maps of ${side} x ${side}, got ${height} x ${width}. Use photos of the original size.`,
    );
  }
  return net.reshape(net.transpose(x, [0, 3, 1, 2]), [batch, channels * side * side]);
}
