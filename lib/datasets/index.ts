/** Data sets: fetched or the user's own, every photo looked at, split as given or without near-duplicates on both sides. */
export {unzip} from './archive';
export type {UnzipOptions} from './archive';
export {catalogue, catalogued} from './catalogue';
export type {Archive, CatalogueEntry, StandInPhotos} from './catalogue';
export {DatasetUnavailable, partNames} from './dataset';
export type {Dataset, DatasetProgress, NearDuplicates, OnDatasetProgress, Part, Photo, Scan} from './dataset';
export {duplicateGroups} from './duplicates';
export {hashDistance, nearDuplicateBits, perceptualHash, samePictureBits} from './hash';
export {drawingsName, hasPhotos, openDataset, openDrawings, openStandIn} from './open';
export type {OpenOptions} from './open';
export {type PhotoLabels, withLabels} from './labelled';
export {scanFolder} from './scan';
export type {ScanOptions} from './scan';
export {defaultFractions, defaultValidation, splitPhotos, verifySplit} from './split';
export type {Crossing, Split, SplitOptions} from './split';
export {storedSplit} from './stored-split';
export type {StoredSplitOptions} from './stored-split';
export {subsetSplit} from './subset';
