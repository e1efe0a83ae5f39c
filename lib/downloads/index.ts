/** Gets one file from a mirror or a public address: resumed, checked, and moved into place atomically. */
export {parseChecksums, sha256File} from './checksum';
export {fetchFile, FileUnavailable, forgetChecksum, isUrl, mirrorOf} from './fetch-file';
export type {FetchedFile, FileRequest, Trust} from './fetch-file';
export {connectionReason, contact, proxyHint, whySilent} from './hosts';
export type {DownloadProgress, OnDownloadProgress} from './progress';
export type {RegistryPackage} from './registries';
export {retryAfter} from './retry-after';
