/** Pictures, wherever they lie: decoded, augmented, shown. */
export {type Augmentation, checkedAugmentation, photoAugmentation} from './augmentation';
export {normalisedLevels} from './colours';
export {composeView, type DecodedView, decodeView, type View} from './decode';
export {type MatrixColours, matrixPicture} from './matrix-picture';
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
export {takesRowsFirst} from './resample';
export {type PhotoSheet, photoSheet} from './sheet';
export {boundedJpeg, thumbnail} from './thumbnail';
export {sharp} from './vips';
