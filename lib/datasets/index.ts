/** Data sets: fetched or the user's own, every photo looked at, split without near-duplicates on both sides. */
export {unzip} from './archive';
export type {UnzipOptions} from './archive';
export {catalogue, catalogued} from './catalogue';
export type {Archive, CatalogueEntry, StandInPhotos} from './catalogue';
export {DatasetUnavailable} from './dataset';
export type {Dataset, DatasetProgress, OnDatasetProgress, Photo} from './dataset';
export {duplicateGroups} from './duplicates';
export {hashDistance, nearDuplicateBits, perceptualHash, samePictureBits} from './hash';
export {drawingsName, hasPhotos, openDataset, openDrawings, openStandIn} from './open';
export type {OpenOptions} from './open';
export {scanFolder} from './scan';
export type {Scan, ScanOptions} from './scan';
export {defaultFractions, partNames, splitPhotos, verifySplit} from './split';
export type {Part, Split, SplitOptions} from './split';
export {storedSplit} from './stored-split';
export type {StoredSplitOptions} from './stored-split';
export {subsetSplit} from './subset';
