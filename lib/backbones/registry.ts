import {LabError} from '../errors';
import {nearest} from '../nearest';
import type {Architecture} from './architecture';
import {deit_tiny_patch16_224} from './architectures/deit';
import {efficientnet_b0, efficientnet_b4} from './architectures/efficientnet';
import {mobilenet_v2} from './architectures/mobilenetV2';
import {squeezenet1_1} from './architectures/squeezenet';

const architectures = [squeezenet1_1, mobilenet_v2, efficientnet_b0, efficientnet_b4, deit_tiny_patch16_224];

const byName = new Map(architectures.map((architecture) => [architecture.name, architecture]));

/** The names that `findArchitecture` knows. */
export const architectureNames: readonly string[] = [...byName.keys()];

/** The architecture of a name as in torchvision or timm; a misspelt one is a LabError that offers the nearest names. */
export function findArchitecture(name: string): Architecture {
  const found = byName.get(name);
  if (!found) {
    throw new LabError(
      `There is no backbone named "${name}". Did you mean ${nearest(name, architectureNames).join(' or ')}? ` +
        `All: ${architectureNames.join(', ')}.`,
    );
  }
  return found;
}
