import type {Sharp} from 'sharp';
import {fnv1a, mulberry32} from '../random';
import {type Augmentation, checkedAugmentation, drawView} from './augmentation';
import {changeColours, type ColourChange, colourChange, type Mirror, noChange, normalise} from './colours';
import type {Picture, Size} from './picture';
import type {Preprocessing} from './preprocessing';
import {type AxisResampling, axisResampling, resample} from './resample';
import {unreadableImage} from './vips';
import {type Window, centreWindow, cropWindow} from './windows';

/** 'evaluation' = resize + centre crop; otherwise an augmented view, fully determined by `seed` and the picture's key. */
export type View = 'evaluation' | {augmentation: Augmentation; seed: number};

/** A view of a picture, decoded: its pixels, and what is yet to be done to them. */
export interface DecodedView extends Mirror {
  window: DecodedWindow;
  colours: ColourChange;
}

/** What a window shows, in 8-bit RGB. */
export interface DecodedWindow {
  /** `[crop, crop, 3]`; where it is yet to be resampled, what it is made of: `[rows.count, columns.count, 3]`. */
  pixels: Uint8Array;
  resampling: {columns: AxisResampling; rows: AxisResampling} | null;
}

/** Of a photo with more pixels than this for each of the resized one's, libvips makes the resized one, which saves memory. */
const mostPixels = 4;

/**
 * Decodes what one view of a picture shows.
 *
 * The picture is turned upright (EXIF), its first frame taken, and brought to 8-bit sRGB; transparency lies on white.
 * Resizing equals torchvision's on PIL images (antialiased): of a photo that shrinks to less than a quarter of its pixels to
 * within half a grey level of 255 on average, else exactly.
 * Throws a LabError that names the picture's place when it cannot be read; once the signal is aborted it starts no more
 * work and throws its reason.
 */
export async function decodeView(
  picture: Picture,
  preprocessing: Preprocessing,
  view: View,
  signal?: AbortSignal,
): Promise<DecodedView> {
  if (view !== 'evaluation') checkedAugmentation(view.augmentation);
  try {
    const size = await picture.size();
    signal?.throwIfAborted();
    const image = await picture.image();
    const {width, height} = size;
    const {resize, crop} = preprocessing;
    if (view === 'evaluation') {
      const window = await readWindow(image, size, centreWindow(width, height, resize, crop), preprocessing);
      return {window, colours: noChange, flipHorizontal: false, flipVertical: false};
    }
    const random = mulberry32(fnv1a(`${view.seed} ${picture.key}`));
    const {region, jitter, flipHorizontal, flipVertical} = drawView(view.augmentation, width, height, random);
    const window = await readWindow(image, size, cropWindow(width, height, region, crop), preprocessing);
    return {window, colours: colourChange(jitter), flipHorizontal, flipVertical};
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreadableImage(picture.place, error);
  }
}

/**
 * Writes a decoded view into `target`, `[crop, crop, 3]`, its levels as `normalised` says (see `normalisedLevels`). The
 * engine has a kernel that does the same for a whole batch; this serves where no kernels run.
 */
export function composeView(
  {window: {pixels, resampling}, colours, ...mirror}: DecodedView,
  normalised: Float32Array,
  crop: number,
  target: Float32Array,
): void {
  const given = new Uint8ClampedArray(pixels);
  const view = resampling ? resample(given, resampling.columns, resampling.rows) : given;
  if (colours !== noChange) changeColours(view, colours);
  normalise(view, normalised, crop, mirror, target);
}

/**
 * Reads what a window shows. libvips does so in one task of libuv's pool, and shrinks there what is much larger; else it
 * only reads, since its resizing takes as long as its reading, and what it enlarges lies half a pixel to the side.
 */
async function readWindow(
  image: Sharp,
  photo: Size,
  {width, height, left, top}: Window,
  {crop, interpolation}: Preprocessing,
): Promise<DecodedWindow> {
  const upright = image.autoOrient().flatten({background: 'white'});
  const isMuchLarger = photo.width * photo.height > mostPixels * width * height;
  if (!isMuchLarger || width > photo.width || height > photo.height) {
    const columns = axisResampling(photo.width, width, left, crop, interpolation);
    const rows = axisResampling(photo.height, height, top, crop, interpolation);
    const region = {left: columns.first, top: rows.first, width: columns.count, height: rows.count};
    return {pixels: await rgbPixels(upright.extract(region)), resampling: {columns, rows}};
  }
  const kernel = interpolation === 'bilinear' ? 'linear' : 'cubic';
  const resized = upright.resize(width, height, {fit: 'fill', kernel, fastShrinkOnLoad: false});
  return {pixels: await rgbPixels(resized.extract({left, top, width: crop, height: crop})), resampling: null};
}

const rgbPixels = (image: Sharp): Promise<Uint8Array> =>
  image.toColourspace('srgb').raw({depth: 'uchar'}).toBuffer();
