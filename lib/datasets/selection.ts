import type {Counts, StandInPhotos} from './catalogue';
import {findConflicts} from './conflicts';
import type {Dataset, Part, Photo} from './dataset';

/**
 * The pictures of a data set that stand in for those of another: of each class the first, in the data set's order, part
 * after part; all of them where no counts are named.
 */
export function selectPhotos(dataset: Dataset, {counts, parts}: StandInPhotos): Dataset {
  const takes: [Part | null, Counts][] = counts
    ? [[null, counts]]
    : (Object.entries(parts ?? {}) as [Part, Counts][]);
  if (takes.length === 0) return dataset;
  const classes = [...new Set(takes.flatMap(([, wanted]) => Object.keys(wanted)))].sort();
  const taken = new Map<string, number>();
  const photos = takes.flatMap(([part, wanted]) =>
    Object.entries(wanted).flatMap(([name, count]): Photo[] => {
      const first = taken.get(name) ?? 0;
      taken.set(name, first + count);
      const ofClass = dataset.photos.filter(({label}) => dataset.classes[label] === name);
      return ofClass
        .slice(first, first + count)
        .map((photo) => ({...photo, label: classes.indexOf(name), part}));
    }),
  );
  return {...dataset, classes, groups: null, photos, conflicts: findConflicts(photos, classes)};
}
