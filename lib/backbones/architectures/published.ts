/** What the definitions of published networks share. */
import type {PublishedWeights} from '../architecture';

/** A checkpoint of torchvision (BSD 3-clause); its file name ends in the first digits of its SHA-256. */
export function torchvision(file: string, {accuracy}: {accuracy: number}): PublishedWeights {
  return {
    url: `https://download.pytorch.org/models/${file}`,
    sha256Prefix: /-([0-9a-f]{8})\.pth$/.exec(file)?.[1] ?? '',
    accuracy,
    licence: 'BSD-3-Clause',
  };
}

/** The multiple of `divisor` nearest to a channel count, never more than a tenth below it (as MobileNet's authors). */
export function divisible(channels: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}
