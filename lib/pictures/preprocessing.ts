import {LabError} from '../errors';

/** What a backbone expects of its photos; it travels with the backbone, so that nobody preprocesses wrongly. */
export interface Preprocessing {
  /** The shorter side after resizing, in pixels. */
  resize: number;
  /** The side of the square that the backbone sees, in pixels; at most `resize`. */
  crop: number;
  interpolation: 'bilinear' | 'bicubic';
  /** Subtracted from red, green and blue in [0, 1]. */
  mean: [number, number, number];
  /** What red, green and blue are divided by after that. */
  std: [number, number, number];
}

/** Mean of ImageNet's training photos per channel, in [0, 1], as torchvision uses it. */
export const IMAGENET_MEAN: Preprocessing['mean'] = [0.485, 0.456, 0.406];

/** Standard deviation of ImageNet's training photos per channel, as torchvision uses it. */
export const IMAGENET_STD: Preprocessing['std'] = [0.229, 0.224, 0.225];

/** The preprocessing of most ImageNet checkpoints: shorter side to 256, centre 224, ImageNet's mean and std. */
export function imagenet(
  changes: Partial<Pick<Preprocessing, 'resize' | 'crop' | 'interpolation'>> = {},
): Preprocessing {
  return checkedPreprocessing({
    resize: 256,
    crop: 224,
    interpolation: 'bilinear',
    mean: [...IMAGENET_MEAN],
    std: [...IMAGENET_STD],
    ...changes,
  });
}

/** The given preprocessing; throws a LabError that names the value that cannot be. */
export function checkedPreprocessing(preprocessing: Preprocessing): Preprocessing {
  const {resize, crop, interpolation, mean, std} = preprocessing;
  for (const [name, pixels] of Object.entries({resize, crop})) {
    if (!Number.isInteger(pixels) || pixels < 1) {
      throw new LabError(`preprocessing: ${name} is ${pixels}; give a positive whole number of pixels.`);
    }
  }
  if (crop > resize) {
    throw new LabError(
      `preprocessing: crop ${crop} is larger than resize ${resize}; give a crop of at most ${resize}.`,
    );
  }
  if (interpolation !== 'bilinear' && interpolation !== 'bicubic') {
    throw new LabError(
      `preprocessing: interpolation is '${String(interpolation)}'; give 'bilinear' or 'bicubic'.`,
    );
  }
  if (mean.length !== 3 || !mean.every(Number.isFinite)) {
    throw new LabError(`preprocessing: mean is [${mean.join(', ')}]; give three numbers.`);
  }
  if (std.length !== 3 || !std.every((value) => Number.isFinite(value) && value > 0)) {
    throw new LabError(`preprocessing: std is [${std.join(', ')}]; give three positive numbers.`);
  }
  return preprocessing;
}
