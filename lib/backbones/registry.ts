import {LabError} from '../errors';
import {nearest} from '../nearest';
import type {Architecture} from './architecture';
import {deit_tiny_patch16_224} from './architectures/deit';
import {
  deit_small,
  efficientnet_small,
  mobilenet_v2_small,
  squeezenet1_1_small,
} from './architectures/demonstration';
import {efficientnet_b0, efficientnet_b4} from './architectures/efficientnet';
import {mobilenet_v2} from './architectures/mobilenetV2';
import {squeezenet1_1} from './architectures/squeezenet';

const published = [squeezenet1_1, mobilenet_v2, efficientnet_b0, efficientnet_b4, deit_tiny_patch16_224];

/** Which small relative stands in for a backbone in a demonstration without pretrained weights. */
const relatives: Record<string, Architecture> = {
  squeezenet1_1: squeezenet1_1_small,
  mobilenet_v2: mobilenet_v2_small,
  efficientnet_b0: efficientnet_small,
  efficientnet_b4: efficientnet_small,
  deit_tiny_patch16_224: deit_small,
};

const byName = new Map([...published, ...Object.values(relatives)].map((found) => [found.name, found]));

/** The names of the architectures with published weights. */
export const architectureNames: readonly string[] = published.map(({name}) => name);

/** The architecture of a name as in torchvision or timm; a misspelt one is a LabError that offers the nearest names. */
export function findArchitecture(name: string): Architecture {
  const found = byName.get(name);
  if (!found) {
    const guesses = nearest(name, architectureNames);
    throw new LabError(
      `There is no backbone named "${name}".${guesses.length > 0 ? ` Did you mean ${guesses.join(' or ')}?` : ''} ` +
        `There are: ${architectureNames.join(', ')}.`,
    );
  }
  return found;
}

/** The small, randomly initialised relative that stands in for a backbone when no weights can be had. */
export function demonstrationArchitecture(name: string): Architecture {
  return relatives[findArchitecture(name).name] ?? mobilenet_v2_small;
}
