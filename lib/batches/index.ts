export {type Augmentation, checkedAugmentation, photoAugmentation} from './augmentation';
export {type Batch, type BatchItem, type BatchOptions, batches} from './batches';
export {type View, decodePhoto} from './decode';
export {batchCount, type Partition, partition} from './partition';
export {type BatchDescription, denormalise, describeBatch, thumbnail} from './pictures';
export {
  type Preprocessing,
  IMAGENET_MEAN,
  IMAGENET_STD,
  checkedPreprocessing,
  imagenet,
} from './preprocessing';
