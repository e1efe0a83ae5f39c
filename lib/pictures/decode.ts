import type {Sharp} from 'sharp';
import {fnv1a, mulberry32} from '../random';
import {type Augmentation, checkedAugmentation, drawView} from './augmentation';
import {jitterColours, normalise} from './colours';
import type {Picture, Size} from './picture';
import {type Preprocessing, checkedPreprocessing} from './preprocessing';
import {axisResampling, resample} from './resample';
import {unreadableImage} from './vips';
import {type Window, centreWindow, cropWindow} from './windows';

/** 'evaluation' = resize + centre crop; otherwise an augmented view, fully determined by `seed` and the picture's key. */
export type View = 'evaluation' | {augmentation: Augmentation; seed: number};

/**
 * One view of a picture as normalised RGB, `[crop, crop, 3]`.
 *
 * The picture is turned upright (EXIF), its first frame taken, and brought to 8-bit sRGB; transparency lies on white.
 * Shrinking equals torchvision's on PIL images (antialiased) to within half a grey level of 255 on average; where an
 * axis is enlarged, both are resized exactly as Pillow does it.
 * Throws a LabError that names the picture's place when it cannot be read.
 */
export async function decodePicture(
  picture: Picture,
  preprocessing: Preprocessing,
  view: View,
): Promise<Float32Array> {
  checkedPreprocessing(preprocessing);
  const target = new Float32Array(preprocessing.crop ** 2 * 3);
  await decodeInto(target, picture, preprocessing, view);
  return target;
}

/** As `decodePicture`, written into `target`; once the signal is aborted it starts no more work and throws its reason. */
export async function decodeInto(
  target: Float32Array,
  picture: Picture,
  preprocessing: Preprocessing,
  view: View,
  signal?: AbortSignal,
): Promise<void> {
  if (view !== 'evaluation') checkedAugmentation(view.augmentation);
  try {
    const size = await picture.size();
    signal?.throwIfAborted();
    const image = await picture.image();
    const {width, height} = size;
    const {resize, crop} = preprocessing;
    if (view === 'evaluation') {
      const window = centreWindow(width, height, resize, crop);
      const pixels = await readWindow(image, size, window, preprocessing);
      normalise(pixels, preprocessing, {flipHorizontal: false, flipVertical: false}, target);
    } else {
      const drawn = drawView(
        view.augmentation,
        width,
        height,
        mulberry32(fnv1a(`${view.seed} ${picture.key}`)),
      );
      const window = cropWindow(width, height, drawn.region, crop);
      const pixels = await readWindow(image, size, window, preprocessing);
      jitterColours(pixels, drawn.jitter);
      normalise(pixels, preprocessing, drawn, target);
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreadableImage(picture.place, error);
  }
}

/**
 * The window's 8-bit RGB pixels, `[crop, crop, 3]`. libvips makes them in one task of libuv's pool; where an axis is
 * enlarged it only reads what the window shows, since what it enlarges lies half a pixel to the side.
 */
async function readWindow(
  image: Sharp,
  photo: Size,
  {width, height, left, top}: Window,
  {crop, interpolation}: Preprocessing,
): Promise<Uint8ClampedArray> {
  const upright = image.autoOrient().flatten({background: 'white'});
  if (width > photo.width || height > photo.height) {
    const columns = axisResampling(photo.width, width, left, crop, interpolation);
    const rows = axisResampling(photo.height, height, top, crop, interpolation);
    const region = {left: columns.first, top: rows.first, width: columns.count, height: rows.count};
    return resample(await rgbPixels(upright.extract(region)), columns, rows);
  }
  const kernel = interpolation === 'bilinear' ? 'linear' : 'cubic';
  const resized = upright.resize(width, height, {fit: 'fill', kernel, fastShrinkOnLoad: false});
  return rgbPixels(resized.extract({left, top, width: crop, height: crop}));
}

async function rgbPixels(image: Sharp): Promise<Uint8ClampedArray> {
  const pixels = await image.toColourspace('srgb').raw({depth: 'uchar'}).toBuffer();
  return new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
}
