/**
 * Which class and which part each picture of a folder belongs to, told by the names of the folders it lies in. The classes
 * are the sub-folders, with all below them, of the uppermost folder that has more than one with pictures; or, where that
 * one has a `train` beside a `val` or a `test`, the sub-folders of these.
 */
import {LabError} from '../errors';
import {type Part, partNames} from './dataset';
import type {Listing} from './walk';

export interface Arrangement {
  /** Sorted by name. */
  classes: string[];
  placed: {path: string; label: number; part: Part | null}[];
  /** Pictures outside the classes. */
  leftAside: string[];
  notes: string[];
}

/** Pictures by their folder: paths relative to it, by the sub-folder in which they lie; '' for those directly in it. */
type Tree = Map<string, string[]>;

const partsByFolder: Record<string, Part> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  test: 'test',
  testing: 'test',
};

/**
 * Arranges the pictures of the folder `root`: paths relative to it, '/' separated. What else lies in it is told, so that
 * folders without a picture are noticed. Throws LabError where there are no classes, only one, or no telling which.
 */
export function arrange(
  root: string,
  pictures: readonly string[],
  {files, folders}: Pick<Listing, 'files' | 'folders'>,
): Arrangement {
  const leftAside: string[] = [];
  const notes: string[] = [];
  let base = '';
  let tree = treeOf(pictures, base);
  while (!isParted(tree) && tree.size - (tree.has('') ? 1 : 0) === 1) {
    const [name] = [...tree.keys()].filter((folder) => folder !== '');
    const below = treeOf(pictures, `${base}${name}/`);
    if (below.has('') && below.size < 3) break;
    base += `${name}/`;
    tree = below;
  }
  const loose = tree.get('') ?? [];
  tree.delete('');
  const place = path(root, base);
  if (tree.size === 0) {
    const where = loose.length > 0 ? ` (${loose.length} photos lie in it directly)` : '';
    const archives = files.filter((file) => /\.(zip|tar|tgz|gz|bz2|xz|7z|rar)$/i.test(file));
    const packed =
      loose.length === 0 && archives.length > 0
        ? ` It holds archives (${archives.slice(0, 3).join(', ')}): unpack them, each into a folder of its name.`
        : '';
    throw new LabError(
      `${place} holds no class folders with photos${where}.${packed} Put the photos of each class into a sub-folder named after the class.`,
    );
  }
  leftAside.push(...loose.map((file) => base + file));
  if (loose.length > 0) notes.push(`${loose.length} photos beside the class folders are left aside.`);
  const inIt = folders.filter((folder) => folder.startsWith(base)).map((folder) => folder.slice(base.length));
  const empty = inIt.filter((name) => !name.includes('/') && !tree.has(name));
  const hollow = empty.find((name) => !files.some((file) => file.startsWith(`${base}${name}/`)));
  if (!isParted(tree) && hollow !== undefined && partOf(hollow) === undefined) {
    throw new LabError(
      `The class folder ${place}/${hollow} is empty. Put photos into it, or move it out of ${place}.`,
    );
  }
  const found = isParted(tree) ? arrangeParts(place, base, tree, empty) : arrangeClasses(place, base, tree);
  return {...found, leftAside: [...leftAside, ...found.leftAside], notes: [...notes, ...found.notes]};
}

/** All pictures of a folder in one class, whatever its sub-folders are called. Throws LabError where there are none. */
export function inOneClass(root: string, pictures: readonly string[]): Arrangement {
  if (pictures.length === 0)
    throw new LabError(`${root} holds no photos. Put some there, or name another folder.`);
  const placed = pictures.map((picture) => ({path: picture, label: 0, part: null}));
  return {classes: ['unlabelled'], placed, leftAside: [], notes: []};
}

const path = (root: string, base: string): string => `${root}/${base}`.replace(/\/+$/, '');

function treeOf(pictures: readonly string[], base: string): Tree {
  const tree: Tree = new Map();
  for (const picture of pictures) {
    if (!picture.startsWith(base)) continue;
    const inner = picture.slice(base.length);
    const folder = inner.includes('/') ? inner.slice(0, inner.indexOf('/')) : '';
    const members = tree.get(folder);
    if (members) members.push(inner);
    else tree.set(folder, [inner]);
  }
  return tree;
}

const partOf = (folder: string): Part | undefined => partsByFolder[folder.toLowerCase()];

/** Whether a folder's sub-folders are the parts of a split: one to train, with classes in it, and another. */
function isParted(tree: Tree): boolean {
  const parts = new Set([...tree.keys()].map(partOf).filter((part) => part !== undefined));
  const hasClasses = [...tree].some(
    ([folder, files]) => partOf(folder) === 'train' && files.some((file) => file.split('/').length > 2),
  );
  return parts.has('train') && parts.size > 1 && hasClasses;
}

function arrangeClasses(place: string, base: string, tree: Tree): Arrangement {
  const classes = [...tree.keys()].sort();
  if (classes.length === 1) {
    throw new LabError(
      `${place} has a single class, ${classes[0]}. There is nothing to tell apart: add the folder of a second class.`,
    );
  }
  if (classes.every((name) => partOf(name) !== undefined)) {
    throw new LabError(
      `${place} holds ${classes.join(' and ')}, but train has no class folders. Put the training photos of each class into a ` +
        `sub-folder of train named after the class.`,
    );
  }
  const insides = classes.map((name) => insideOf(tree.get(name)!, name));
  const [first] = insides;
  if (first.length > 1 && insides.every((inside) => inside.join('/') === first.join('/'))) {
    throw new LabError(
      `${place} holds several folders of class folders: ${classes.join(', ')}, each with ${first.join(', ')}. ` +
        `Name the one that is meant.`,
    );
  }
  const placed = classes.flatMap((name, label) =>
    tree.get(name)!.map((file) => ({path: base + file, label, part: null})),
  );
  return {classes, placed: placed.sort(byPath), leftAside: [], notes: []};
}

/** The sub-folders of a class; none where it also holds pictures itself. */
function insideOf(files: string[], name: string): string[] {
  const inside = treeOf(files, `${name}/`);
  return inside.has('') ? [] : [...inside.keys()].sort();
}

function arrangeParts(place: string, base: string, tree: Tree, empty: string[]): Arrangement {
  const folderOf = new Map<Part, string>();
  const result: Arrangement = {classes: [], placed: [], leftAside: [], notes: []};
  const aside = (files: string[], note: string) => {
    result.leftAside.push(...files.map((file) => base + file));
    result.notes.push(note);
  };
  for (const name of [...tree.keys()].sort()) {
    const part = partOf(name);
    if (!part)
      aside(
        tree.get(name)!,
        `${name} is no part of the split: its ${tree.get(name)!.length} photos are left aside.`,
      );
    else if (folderOf.has(part)) {
      throw new LabError(
        `${place} has two folders for the ${part} part, ${folderOf.get(part)} and ${name}. Put their photos into one of them, or ` +
          `move one out of ${place}.`,
      );
    } else folderOf.set(part, name);
  }
  for (const part of partNames) {
    const name = folderOf.get(part);
    if (!name) continue;
    const inside = treeOf(tree.get(name)!, `${name}/`);
    const loose = inside.get('') ?? [];
    inside.delete('');
    if (part === 'train') result.classes = [...inside.keys()].sort();
    const looseFiles = loose.map((file) => `${name}/${file}`);
    if (inside.size === 0) {
      aside(looseFiles, `${name} has no classes: its ${loose.length} photos are left aside.`);
      continue;
    }
    if (loose.length > 0)
      aside(looseFiles, `${loose.length} photos beside the classes of ${name} are left aside.`);
    const strange = [...inside.keys()].filter((folder) => !result.classes.includes(folder));
    if (strange.length > 0) {
      throw new LabError(
        `${place}/${name} has the class ${strange.join(', ')}, which train has not (${result.classes.join(', ')}). Put photos of ` +
          `it into train, too, or move the folder out of ${name}.`,
      );
    }
    for (const [label, folder] of result.classes.entries()) {
      const files = inside.get(folder) ?? [];
      if (files.length === 0) {
        throw new LabError(
          `${place}/${name} has no photos of ${folder}. Put some there, or move ${name} out of ${place} to do without this part.`,
        );
      }
      result.placed.push(...files.map((file) => ({path: `${base}${name}/${file}`, label, part})));
    }
  }
  for (const name of empty) if (partOf(name)) result.notes.push(`${name} has no photos.`);
  if (result.classes.length === 1) {
    throw new LabError(
      `${place}/train has a single class, ${result.classes[0]}. There is nothing to tell apart: add the folder of a second class.`,
    );
  }
  // Photos to train with and no others are divided as if there were no parts.
  if (result.placed.every(({part}) => part === 'train')) {
    result.placed = result.placed.map((each) => ({...each, part: null}));
  }
  result.placed.sort(byPath);
  return result;
}

const byPath = (a: {path: string}, b: {path: string}): number =>
  a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
