import {basename} from 'node:path';
import {fnv1a, mulberry32} from '../random';
import {type Augmentation, checkedAugmentation, drawView} from './augmentation';
import {jitterColours, normalise} from './colours';
import {type Preprocessing, checkedPreprocessing} from './preprocessing';
import {sharp, unreadableImage} from './vips';
import {type Window, centreWindow, cropWindow} from './windows';

/** 'evaluation' = resize + centre crop; otherwise an augmented view, fully determined by `seed` and the photo's key. */
export type View = 'evaluation' | {augmentation: Augmentation; seed: number};

/**
 * One view of a photo as normalised RGB, `[crop, crop, 3]`.
 *
 * The photo is turned upright (EXIF), its first frame taken, and brought to 8-bit sRGB; transparency lies on white.
 * `photoKey` (its SHA-256, say) makes the augmented views of different photos differ; without it the file's name does.
 * Shrinking equals torchvision's on PIL images (antialiased) to within half a grey level of 255 on average; what
 * libvips enlarges lies half a pixel to the side.
 * Throws a LabError that names the file when it cannot be read.
 */
export async function decodePhoto(
  file: string,
  preprocessing: Preprocessing,
  view: View,
  photoKey = basename(file),
): Promise<Float32Array> {
  checkedPreprocessing(preprocessing);
  const target = new Float32Array(preprocessing.crop ** 2 * 3);
  await decodeInto(target, file, preprocessing, view, photoKey);
  return target;
}

/** As `decodePhoto`, written into `target`; once the signal is aborted it starts no more work and throws its reason. */
export async function decodeInto(
  target: Float32Array,
  file: string,
  preprocessing: Preprocessing,
  view: View,
  photoKey: string,
  signal?: AbortSignal,
): Promise<void> {
  if (view !== 'evaluation') checkedAugmentation(view.augmentation);
  const {width, height} = await uprightSize(file);
  signal?.throwIfAborted();
  const {resize, crop} = preprocessing;
  if (view === 'evaluation') {
    const pixels = await readWindow(file, centreWindow(width, height, resize, crop), preprocessing);
    normalise(pixels, preprocessing, {flipHorizontal: false, flipVertical: false}, target);
  } else {
    const drawn = drawView(view.augmentation, width, height, mulberry32(fnv1a(`${view.seed} ${photoKey}`)));
    const pixels = await readWindow(file, cropWindow(width, height, drawn.region, crop), preprocessing);
    jitterColours(pixels, drawn.jitter);
    normalise(pixels, preprocessing, drawn, target);
  }
}

/** Width and height in pixels of the photo once it stands upright. */
async function uprightSize(file: string): Promise<{width: number; height: number}> {
  try {
    return (await sharp(file).metadata()).autoOrient;
  } catch (error) {
    throw unreadableImage(file, error);
  }
}

/** The window's 8-bit RGB pixels, `[crop, crop, 3]`; all of it happens in one task of libuv's pool. */
async function readWindow(
  file: string,
  {width, height, left, top}: Window,
  {crop, interpolation}: Preprocessing,
): Promise<Uint8ClampedArray> {
  try {
    const pixels = await sharp(file, {failOn: 'error'})
      .autoOrient()
      .flatten({background: 'white'})
      .resize(width, height, {
        fit: 'fill',
        kernel: interpolation === 'bilinear' ? 'linear' : 'cubic',
        fastShrinkOnLoad: false,
      })
      .extract({left, top, width: crop, height: crop})
      .toColourspace('srgb')
      .raw({depth: 'uchar'})
      .toBuffer();
    return new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  } catch (error) {
    throw unreadableImage(file, error);
  }
}
