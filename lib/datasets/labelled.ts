import * as path from 'node:path';

import {LabError} from '../errors';
import {fnv1a} from '../random';
import {findConflicts} from './conflicts';
import type {Dataset} from './dataset';

/** What photos show, told apart from them. */
export interface PhotoLabels {
  /** The class of a photo, by its key (Picture.key). */
  of: ReadonlyMap<string, string>;
  /** The file that tells, for messages and for the data set's name. */
  source: string;
}

const fewestPhotos = 3;

/**
 * A data set whose photos are those of another that have a label here; its own classes and parts no longer count. Photos
 * without a label are left aside, labels without a photo told. Throws LabError where fewer than two classes, or fewer than
 * three photos of one, are labelled.
 */
export function withLabels(dataset: Dataset, {of, source}: PhotoLabels): Dataset {
  const file = path.basename(source);
  const keys = new Set(dataset.photos.map(({picture}) => picture.key));
  const present = [...of].filter(([key]) => keys.has(key));
  const classes = [...new Set(present.map(([, name]) => name))].sort();
  const photos = dataset.photos
    .filter(({picture}) => of.has(picture.key))
    .map((photo) => ({...photo, label: classes.indexOf(of.get(photo.picture.key)!), part: null}));
  const counts = classes.map((_, label) => photos.filter((photo) => photo.label === label).length);
  const rare = counts.findIndex((count) => count < fewestPhotos);
  if (classes.length < 2 || rare >= 0) {
    const found = classes.map((name, label) => `${counts[label]} as ${name}`).join(', ') || 'none';
    throw new LabError(
      `Of the ${dataset.photos.length} photos of ${dataset.name} ${source} labels ${found}. At least two classes are ` +
        `needed, with ${fewestPhotos} photos of each: label more photos.`,
    );
  }
  const without = dataset.photos.map(({picture}) => picture).filter(({key}) => !of.has(key));
  const gone = [...of.keys()].filter((key) => !keys.has(key));
  const notes = [...dataset.notes];
  if (without.length > 0) notes.push(`Photos without a label in ${file}, left aside: ${without.length}.`);
  if (gone.length > 0) {
    const some = gone.slice(0, 3).map((key) => key.slice(0, 12));
    const more = gone.length > some.length ? ', ...' : '';
    notes.push(
      `Labels of ${file} whose photos are not here: ${gone.length} (${some.join(', ')}${more}). They stay in the file.`,
    );
  }
  return {
    ...dataset,
    name: `${dataset.name} labelled by ${file}`,
    home: `${dataset.home}-labels-${fnv1a(path.resolve(source)).toString(16).padStart(8, '0')}`,
    source: `${dataset.source}; labels from ${file}`,
    classes,
    groups: null,
    photos,
    leftAside: [...dataset.leftAside, ...without.map(({name}) => name)].sort(),
    conflicts: findConflicts(photos, classes),
    notes,
  };
}
