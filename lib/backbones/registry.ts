import {LabError} from '../errors';
import {nearest} from '../nearest';
import {type Architecture, cutAfter} from './architecture';
import {alexnet} from './architectures/alexnet';
import {convnext_tiny} from './architectures/convnext';
import {deit_small, efficientnet_small, mobilenet_v2_small, squeezenet1_1_small} from './architectures/small';
import {densenet121} from './architectures/densenet';
import {efficientnet_b0, efficientnet_b4} from './architectures/efficientnet';
import {efficientnet_lite0, efficientnet_lite1, efficientnet_lite2} from './architectures/efficientnetLite';
import {inception_v3} from './architectures/inception';
import {mobilenet_v2} from './architectures/mobilenetV2';
import {mobilenet_v3_large} from './architectures/mobilenetV3';
import {resnet18, resnet50, resnext50_32x4d} from './architectures/resnet';
import {squeezenet1_1} from './architectures/squeezenet';
import {swin_t} from './architectures/swin';
import {vgg16} from './architectures/vgg';
import {deit_tiny_patch16_224, vit_b_16} from './architectures/visionTransformer';

/** In the order of their appearance. */
const published = [
  alexnet,
  vgg16,
  squeezenet1_1,
  resnet18,
  resnet50,
  resnext50_32x4d,
  inception_v3,
  densenet121,
  mobilenet_v2,
  mobilenet_v3_large,
  efficientnet_b0,
  efficientnet_b4,
  efficientnet_lite0,
  efficientnet_lite1,
  efficientnet_lite2,
  convnext_tiny,
  vit_b_16,
  swin_t,
  deit_tiny_patch16_224,
];

/** Which small relative stands in for a backbone where there are only drawings to train on. */
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

/**
 * The architecture of a name as in torchvision or timm, or the first part of one: `inception_v3:Mixed_7a` ends after that
 * stage. A misspelt name is a LabError that offers the nearest ones.
 */
export function findArchitecture(name: string): Architecture {
  const [whole, stage] = name.split(':', 2);
  const found = byName.get(whole);
  if (!found) {
    const guesses = nearest(whole, architectureNames);
    throw new LabError(
      `There is no backbone named "${whole}".${guesses.length > 0 ? ` Did you mean ${guesses.join(' or ')}?` : ''} ` +
        `There are: ${architectureNames.join(', ')}.`,
    );
  }
  return stage === undefined ? found : cutAfter(found, stage);
}

/** Whether an architecture, whole or cut, is one of those here, and not another definition of the same name. */
export function isRegistered({whole}: Architecture): boolean {
  return byName.get(whole.name) === whole;
}

/**
 * The small relative that stands in for a backbone, with random weights, where nothing can be had: one of its family, else
 * the small MobileNetV2, and a small one for itself.
 */
export function smallRelative(name: string): Architecture {
  const {whole} = findArchitecture(name);
  return Object.values(relatives).includes(whole) ? whole : (relatives[whole.name] ?? mobilenet_v2_small);
}
