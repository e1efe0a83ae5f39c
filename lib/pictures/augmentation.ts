import {LabError} from '../errors';
import {type ColourJitter} from './colours';
import {type Crop} from './windows';

/** How a training photo may vary from view to view. */
export interface Augmentation {
  /** Smallest and largest part of the photo's area that the crop covers, in (0, 1]. */
  scale: [number, number];
  /** Smallest and largest width / height of the crop, before it is squeezed into a square. */
  ratio: [number, number];
  /** Probability of mirroring left and right. */
  horizontalFlip: number;
  /** Probability of mirroring top and bottom; sensible for things photographed from above, as garbage is. */
  verticalFlip: number;
  /** Brightness is multiplied by a factor in [1 - brightness, 1 + brightness]; at most 1. */
  brightness: number;
  /** Contrast is multiplied by a factor in [1 - contrast, 1 + contrast]; at most 1. */
  contrast: number;
  /** Saturation is multiplied by a factor in [1 - saturation, 1 + saturation]; at most 1. */
  saturation: number;
  /** Hue is turned by an angle in [-hue, hue], in turns; at most 0.5. */
  hue: number;
}

/** The random numbers of one augmented view, drawn. */
export interface AugmentedView {
  region: Crop;
  flipHorizontal: boolean;
  flipVertical: boolean;
  jitter: ColourJitter;
}

/** Augmentation for photos of things: a crop of at least half the area, a mirror image, small changes of colour. */
export function photoAugmentation(changes: Partial<Augmentation> = {}): Augmentation {
  return checkedAugmentation({
    scale: [0.5, 1],
    ratio: [3 / 4, 4 / 3],
    horizontalFlip: 0.5,
    verticalFlip: 0,
    brightness: 0.2,
    contrast: 0.2,
    saturation: 0.2,
    hue: 0.02,
    ...changes,
  });
}

/** The given augmentation; throws a LabError that names the value that cannot be. */
export function checkedAugmentation(augmentation: Augmentation): Augmentation {
  const {scale, ratio, ...strengths} = augmentation;
  checkRange('scale', scale, 1);
  checkRange('ratio', ratio, Infinity);
  for (const [name, value] of Object.entries(strengths)) {
    const most = name === 'hue' ? 0.5 : 1;
    if (!(value >= 0 && value <= most)) {
      throw new LabError(`augmentation: ${name} is ${value}; give a number from 0 to ${most}.`);
    }
  }
  return augmentation;
}

function checkRange(name: string, [least, most]: [number, number], limit: number): void {
  if (!(least > 0 && least <= most && most <= limit && most < Infinity)) {
    const bound = limit < Infinity ? `, at most ${limit}` : '';
    throw new LabError(
      `augmentation: ${name} is [${least}, ${most}]; give [smallest, largest], both positive${bound}.`,
    );
  }
}

/**
 * Draws one view of a photo of the given size in pixels.
 * Ranges and distributions are those of torchvision's `RandomResizedCrop` (Szegedy et al. 2014, arXiv:1409.4842),
 * `RandomHorizontalFlip`, `RandomVerticalFlip` and `ColorJitter`.
 */
export function drawView(
  augmentation: Augmentation,
  width: number,
  height: number,
  random: () => number,
): AugmentedView {
  const factor = (strength: number) => uniform(1 - strength, 1 + strength, random);
  return {
    region: drawCrop(width, height, augmentation.scale, augmentation.ratio, random),
    flipHorizontal: random() < augmentation.horizontalFlip,
    flipVertical: random() < augmentation.verticalFlip,
    jitter: {
      brightness: factor(augmentation.brightness),
      contrast: factor(augmentation.contrast),
      saturation: factor(augmentation.saturation),
      hue: uniform(-augmentation.hue, augmentation.hue, random),
    },
  };
}

/** `RandomResizedCrop.get_params` of torchvision: ten tries, then the largest centred crop of an allowed ratio. */
function drawCrop(
  width: number,
  height: number,
  scale: [number, number],
  ratio: [number, number],
  random: () => number,
): Crop {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * uniform(...scale, random);
    const aspect = Math.exp(uniform(Math.log(ratio[0]), Math.log(ratio[1]), random));
    const crop = {width: Math.round(Math.sqrt(area * aspect)), height: Math.round(Math.sqrt(area / aspect))};
    if (crop.width >= 1 && crop.width <= width && crop.height >= 1 && crop.height <= height) {
      const left = Math.floor(random() * (width - crop.width + 1));
      const top = Math.floor(random() * (height - crop.height + 1));
      return {left, top, ...crop};
    }
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const crop = {
    width: Math.min(width, Math.round(height * aspect)),
    height: Math.min(height, Math.round(width / aspect)),
  };
  return {left: Math.floor((width - crop.width) / 2), top: Math.floor((height - crop.height) / 2), ...crop};
}

function uniform(least: number, most: number, random: () => number): number {
  return least + (most - least) * random();
}
