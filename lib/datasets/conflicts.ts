import type {Photo, Scan} from './dataset';
import {duplicateGroups} from './duplicates';
import {samePictureBits} from './hash';

/** Pictures that stand under more than one label. */
export function findConflicts(photos: readonly Photo[], classes: readonly string[]): Scan['conflicts'] {
  const hashes = photos.map(({hash}) => hash);
  return duplicateGroups(hashes, samePictureBits)
    .map((group) => group.map((index) => photos[index]))
    .filter((group) => group.some(({label}) => label !== group[0].label))
    .map((group) => ({
      paths: group.map(({picture}) => picture.name),
      labels: group.map(({label}) => classes[label]),
    }));
}
