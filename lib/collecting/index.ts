/** Photos collected from an API of photos: politely, each looked at, with a manifest of where they come from. */
export {hasKeys, type PhotoApi, theCatApi, theDogApi} from './api';
export {collectPhotos} from './collect';
export type {Collection, CollectOptions, CollectProgress} from './collect';
export {manifestName} from './manifest';
export type {CollectedPhoto, SkippedPhoto} from './manifest';
