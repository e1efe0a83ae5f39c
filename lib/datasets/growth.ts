/**
 * A split of photos that change. Its states are numbered. Whatever becomes of the set, a photo that was once in a part
 * stays in it, also when it is renamed, gone for a while or put in again with another content, and the test part of a
 * class is never added to. New photos are divided into training and validation by the split's fractions; those that look
 * like photos of one of these parts join it, those that look like a test photo (or like photos of both) are left out. A
 * new class has no test photos yet, so it is divided into all three parts. Where parts are given, a photo's folder says
 * its part, and only a validation part that is drawn from training follows these rules.
 */
import {LabError} from '../errors';
import {type Dataset, type Part, partNames, type Photo} from './dataset';
import {duplicateGroups} from './duplicates';
import {nearDuplicateBits} from './hash';
import {
  type Crossing,
  divided,
  givenParts,
  makeSplit,
  type Member,
  type Split,
  type SplitContent,
  type SplitHistory,
  splitId,
  type SplitOptions,
} from './split';

/** A state as it is stored: photos by name and digest, their labels where it is not of an early version. */
export interface StoredState extends Omit<SplitContent, 'parts'>, SplitHistory {
  id: string;
  crossing?: Crossing;
  parts: Record<Part, StoredPhoto[]>;
}

interface StoredPhoto {
  path: string;
  sha256: string;
  label?: number;
}

export type Growing = Pick<Dataset, 'name' | 'classes' | 'photos' | 'conflicts' | 'skipped'>;

export interface GrowthOptions extends SplitOptions {
  /** The largest share of its photos that may be gone at once; one may be in any case. */
  skippedLimit: number;
  /** The files of its states, for messages. */
  place: string;
}

export function storedForm(split: Split): StoredState {
  const brief = (part: Part) =>
    split.parts[part].map(({picture, label}) => ({path: picture.name, sha256: picture.key, label}));
  return {...split, parts: {train: brief('train'), val: brief('val'), test: brief('test')}};
}

/** The split of a state whose photos are all there as they were, and no others; else undefined. */
export function restored(state: StoredState, dataset: Growing): Split | undefined {
  const photos = new Map(dataset.photos.map((photo) => [photo.picture.name, photo]));
  const listed = partNames.flatMap((part) => state.parts[part]);
  if (listed.length + state.leftOut.length !== photos.size) return undefined;
  if (state.classes.join('\n') !== dataset.classes.join('\n')) return undefined;
  const isThere = ({path, sha256, label}: StoredPhoto) => {
    const photo = photos.get(path);
    return photo?.picture.key === sha256 && (label === undefined || photo.label === label);
  };
  if (!listed.every(isThere) || !state.leftOut.every(isThere)) return undefined;
  const given = givenParts(dataset);
  const {seed, fractions, classes, crossing, leftOut, notes, earlier} = state;
  if (given.join() !== state.given.join()) return undefined;
  const of = (part: Part) => state.parts[part].map(({path}) => photos.get(path)!);
  const parts = {train: of('train'), val: of('val'), test: of('test')};
  return makeSplit(
    {seed, fractions, classes, parts, given},
    {crossing, state: state.state, leftOut, notes, earlier},
  );
}

/** Whether all photos of a state are there under their names, with their contents and labels. */
export function holdsAll(state: StoredState, {photos, classes}: Growing): boolean {
  const present = new Map(photos.map((photo) => [photo.picture.name, photo]));
  return partNames.every((part) =>
    state.parts[part].every(({path, sha256, label}) => {
      const photo = present.get(path);
      return (
        photo?.picture.key === sha256 && label !== undefined && state.classes[label] === classes[photo.label]
      );
    }),
  );
}

/** Whether a state's id is that of its content; true where an early version stored it without labels, which the photos tell. */
export function isAsItWas(state: StoredState): boolean {
  if (partNames.some((part) => state.parts[part].some(({label}) => label === undefined))) return true;
  const members = (part: Part) =>
    state.parts[part].map(({path, sha256, label}): Member => [path, sha256, label!]);
  return splitId(state, members) === state.id;
}

/**
 * The next state of a split: the photos as they are now, each that was in a part before where it was. Throws LabError
 * where a class is gone, more photos are gone than may be, or a part is left without a class.
 */
export function grown(dataset: Growing, states: readonly StoredState[], options: GrowthOptions): Split {
  const base = baseOf(dataset, states, options);
  const {given} = base;
  const known = knownOf(states);
  const gone = goneFrom(base, dataset);
  const settling = settle(dataset, known, given);
  const {settled, left} = settling;
  const state = Math.max(...states.map((each) => each.state)) + 1;
  const photos = dataset.photos.filter((photo) => !left.has(photo));
  const content = divided({...dataset, photos}, options, {parts: settled, classes: base.classes, state});
  checkParts(content, base, options.place);
  const leftOut = [...left].map(([{picture}, reason]) => ({path: picture.name, sha256: picture.key, reason}));
  const earlier = states
    .filter((each) => hasSameTest(each, content))
    .map(({id, state, fractions}) => ({id, state, fractions}));
  const history = {state, earlier, leftOut: leftOut.sort(byPath)};
  const changed = settling.changed.filter((photo) => !left.has(photo));
  const notes = notesOf({base, content, gone, leftOut, earlier, dataset, ...settling, changed});
  return makeSplit(content, {...history, notes});
}

/** Where a photo was, by its name or its digest. */
type Known = Map<string, StoredPhoto & {part: Part; class?: string}>;

function knownOf(states: readonly StoredState[]): {byPath: Known; bySha: Known} {
  const known = {byPath: new Map() as Known, bySha: new Map() as Known};
  for (const {parts, classes} of states) {
    for (const part of partNames) {
      for (const photo of parts[part]) {
        const entry = {...photo, part, class: photo.label === undefined ? undefined : classes[photo.label]};
        known.byPath.set(photo.path, entry);
        known.bySha.set(photo.sha256, entry);
      }
    }
  }
  return known;
}

/** The latest state that the photos still hold. */
function baseOf(dataset: Growing, states: readonly StoredState[], options: GrowthOptions): StoredState {
  const holds = (state: StoredState) => whyNotHeld(state, dataset, options) === undefined;
  const base = [...states].reverse().find(holds);
  if (base) return base;
  const latest = states[states.length - 1];
  throw new LabError(
    `The photos of ${dataset.name} no longer hold those of its split (${options.place}): ` +
      `${whyNotHeld(latest, dataset, options)}`,
  );
}

function whyNotHeld(
  state: StoredState,
  dataset: Growing,
  {skippedLimit, place}: GrowthOptions,
): string | undefined {
  const anew = `move ${place} away to have a new split made (runs on the old one then stand alone)`;
  if (state.given.join() !== givenParts(dataset).join()) {
    const inWords = (given: Part[]) => (given.length > 0 ? given.join(', ') : 'none');
    return (
      `its given parts were ${inWords(state.given)} and are ${inWords(givenParts(dataset))}. ` +
      `Put the folders of the parts back as they were, or ${anew}.`
    );
  }
  const classes = state.classes.filter((name) => !dataset.classes.includes(name));
  if (classes.length > 0) {
    return `the class ${classes.join(', ')} is gone. Put its photos back into a folder of this name, or ${anew}.`;
  }
  const gone = goneFrom(state, dataset);
  const count = partNames.reduce((sum, part) => sum + state.parts[part].length, 0);
  if (gone.length <= Math.max(1, skippedLimit * count)) return undefined;
  const shown = gone.slice(0, 3).map(({path}) => path);
  return (
    `${gone.length} of ${count} are gone or cannot be read (${shown.join(', ')}${gone.length > 3 ? ', ...' : ''}; ` +
    `limit ${100 * skippedLimit} %). Put them back, open the data set with a larger skippedLimit to go on without them, ` +
    `or ${anew}.`
  );
}

/** The photos of a state that are there neither under their names nor under others. */
function goneFrom(state: StoredState, {photos}: Growing): StoredPhoto[] {
  const names = new Set(photos.map(({picture}) => picture.name));
  const keys = new Set(photos.map(({picture}) => picture.key));
  return partNames.flatMap((part) =>
    state.parts[part].filter(({path, sha256}) => !names.has(path) && !keys.has(sha256)),
  );
}

interface Settling {
  settled: Map<Photo, Part>;
  /** Photos that may be in no part, and why. */
  left: Map<Photo, string>;
  /** Those that were not there before. */
  fresh: Photo[];
  /** Those whose content is another than before. */
  changed: Photo[];
  /** Those whose label is another than before. */
  relabelled: Photo[];
}

function settle(dataset: Growing, known: ReturnType<typeof knownOf>, given: readonly Part[]): Settling {
  const names = new Set(dataset.photos.map(({picture}) => picture.name));
  const result: Settling = {settled: new Map(), left: new Map(), fresh: [], changed: [], relabelled: []};
  const partBefore = new Map<Photo, Part>();
  for (const photo of dataset.photos) {
    const {name, key} = photo.picture;
    const moved = known.bySha.get(key);
    const before = known.byPath.get(name) ?? (moved && !names.has(moved.path) ? moved : undefined);
    if (!before) result.fresh.push(photo);
    else {
      partBefore.set(photo, before.part);
      if (before.sha256 === key) result.settled.set(photo, before.part);
      else result.changed.push(photo);
      if (before.class !== undefined && before.class !== dataset.classes[photo.label]) {
        result.relabelled.push(photo);
      }
    }
  }
  const isDrawn = ({part}: Photo) => given.length === 0 || (part === 'train' && !given.includes('val'));
  for (const [photo, part] of result.settled) {
    // A photo that lies in the folder of another part than before belongs there.
    if (!isDrawn(photo) || (given.length > 0 && part === 'test')) result.settled.delete(photo);
  }
  settleAlike({...dataset, photos: dataset.photos.filter(isDrawn)}, result, partBefore);
  return result;
}

/** What looks like settled photos: left out, or settled too. */
function settleAlike(
  dataset: Pick<Growing, 'photos' | 'conflicts'>,
  result: Settling,
  partBefore: Map<Photo, Part>,
): void {
  const {settled, left} = result;
  const {photos} = dataset;
  const doubtful = new Set(dataset.conflicts.flatMap(({paths}) => paths));
  for (const indices of duplicateGroups(
    photos.map(({hash}) => hash),
    nearDuplicateBits,
  )) {
    const group = indices.map((index) => photos[index]);
    for (const photo of group.filter((each) => !settled.has(each))) {
      const stand = group.filter((each) => settled.has(each));
      const [own, parts] = [partBefore.get(photo), new Set(stand.map((each) => settled.get(each)!))];
      const other = stand.find((each) => settled.get(each) !== (own ?? 'train'));
      const isDoubted = doubtful.has(photo.picture.name) && parts.has('val');
      if (own && !other) settled.set(photo, own);
      else if (other && (own || parts.has('test') || parts.size > 1 || isDoubted)) {
        left.set(photo, `it looks like ${other.picture.name} of the ${partInWords[settled.get(other)!]}`);
      }
    }
  }
}

const partInWords: Record<Part, string> = {
  train: 'training part',
  val: 'validation part',
  test: 'test part',
};

function checkParts({classes, parts, given}: SplitContent, base: StoredState, place: string): void {
  for (const part of partNames) {
    if (given.length > 0 && base.parts[part].length === 0) continue;
    const labels = new Set(parts[part].map(({label}) => label));
    const missing = classes.find((_, label) => !labels.has(label));
    if (missing === undefined) continue;
    throw new LabError(
      `The split ${place} is left without a photo of ${missing} in its ${partInWords[part]}. Put one of those that were in ` +
        `it back, or move ${place} away to have a new split made (runs on the old one then stand alone).`,
    );
  }
}

function hasSameTest(state: StoredState, {classes, parts}: SplitContent): boolean {
  const before = state.parts.test.map(({path, sha256, label}) => [path, sha256, label].join(' '));
  const isEarly = state.parts.test.some(({label}) => label === undefined);
  const now = parts.test.map(({picture, label}) =>
    [picture.name, picture.key, isEarly ? undefined : label].join(' '),
  );
  return (
    state.classes.join('\n') === classes.join('\n') && before.sort().join('\n') === now.sort().join('\n')
  );
}

function notesOf(change: {
  base: StoredState;
  content: SplitContent;
  gone: StoredPhoto[];
  leftOut: Split['leftOut'];
  earlier: Split['earlier'];
  dataset: Growing;
  fresh: Photo[];
  changed: Photo[];
  relabelled: Photo[];
}): string[] {
  const {base, content, gone, leftOut, earlier, dataset, fresh, changed, relabelled} = change;
  const namesOf = (photos: Photo[]) => firstOf(photos.map(({picture}) => picture.name));
  const reasons = new Map(dataset.skipped.map(({path, reason}) => [path, reason]));
  const isFresh = new Set(fresh);
  const freshIn = (part: Part) => content.parts[part].filter((photo) => isFresh.has(photo)).length;
  const joined = partNames
    .filter((part) => freshIn(part) > 0)
    .map((part) => `${freshIn(part)} in the ${partInWords[part]}`);
  const classes = content.classes.filter((name) => !base.classes.includes(name));
  const notes: string[] = [];
  if (joined.length > 0) notes.push(`New photos: ${joined.join(', ')}.`);
  if (classes.length > 0) notes.push(`New classes, divided into all parts: ${classes.join(', ')}.`);
  if (gone.length > 0) {
    const each = gone.map(({path}) => `${path} (${reasons.get(path) ?? 'it is gone'})`);
    notes.push(`Gone from their parts: ${firstOf(each)}.`);
  }
  if (changed.length > 0) {
    notes.push(`Photos with another content, in their parts as before: ${namesOf(changed)}.`);
  }
  if (relabelled.length > 0) {
    notes.push(`Photos with another label, in their parts as before: ${namesOf(relabelled)}.`);
  }
  if (leftOut.length > 0) {
    notes.push(`Left out of all parts: ${firstOf(leftOut.map(({path, reason}) => `${path} (${reason})`))}.`);
  }
  const isSame = earlier.some(({state}) => state === base.state);
  if (content.parts.test.length > 0) {
    notes.push(
      isSame
        ? `The test part is that of state ${base.state}.`
        : `The test part is not that of state ${base.state}: test scores before and after cannot be compared.`,
    );
  }
  return notes;
}

function firstOf(items: readonly string[], most = 5): string {
  return items.slice(0, most).join(', ') + (items.length > most ? ` and ${items.length - most} more` : '');
}

const byPath = (a: {path: string}, b: {path: string}): number =>
  a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
