/** Pictures, wherever they lie: decoded, augmented, shown. */
export {type Augmentation, checkedAugmentation, photoAugmentation} from './augmentation';
export {type View, decodeInto, decodePicture} from './decode';
export {openPicture, uprightRgb} from './open';
export {PhotoFile} from './photo-file';
export type {Picture, Size} from './picture';
export {
  type Preprocessing,
  IMAGENET_MEAN,
  IMAGENET_STD,
  checkedPreprocessing,
  imagenet,
} from './preprocessing';
export {
  greyOf,
  interleaved,
  type RecordBlock,
  RecordFile,
  RecordPicture,
  recordPixels,
  recordSide,
  separate,
} from './records';
export {thumbnail} from './thumbnail';
export {sharp} from './vips';
