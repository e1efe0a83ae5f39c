import type {FileUnavailable} from '../downloads';
import {LabError} from '../errors';
import type {Picture} from '../pictures';

export type Part = 'train' | 'val' | 'test';

export const partNames: readonly Part[] = ['train', 'val', 'test'];

/** One picture of a data set and what it shows. */
export interface Photo {
  picture: Picture;
  /** Index into Dataset.classes. */
  label: number;
  /** 64-bit perceptual hash, 16 hex digits, and those of its colours where these are known (see colours.ts). */
  hash: string;
  /** Where its authors put it; null where parts are drawn. */
  part: Part | null;
}

/** What a folder or files of records are found to hold. */
export interface Scan {
  classes: string[];
  /** What the classes belong to, and which of these each belongs to; null where nothing is told. */
  groups: {names: string[]; ofClass: number[]} | null;
  /** By the names of their files, or in the order of their records. */
  photos: Photo[];
  /** Pictures that cannot be read, and links and names that lead nowhere. */
  skipped: {path: string; reason: string}[];
  /** Files that are no pictures, or lie outside the classes. */
  leftAside: string[];
  /** Pictures that stand under more than one label: `paths[i]` has the class `labels[i]`. */
  conflicts: {paths: string[]; labels: string[]}[];
  /** What else a reader should know, a sentence each. */
  notes: string[];
}

/** Classes and the photos of each. */
export interface Dataset extends Scan {
  /** For people. */
  name: string;
  /** Its folder under `data/`, where what is found of it and its splits are kept. */
  home: string;
  licence: string;
  /** Where the photos came from, in words for a reader. */
  source: string;
  /** What these pictures are where they stand in for the photos that were asked for: 'CIFAR-10 photos', 'drawings'. */
  standIn: string | null;
  /** Pixels a side beyond which networks need not see the pictures. */
  largestSize: number | null;
  nearDuplicates: NearDuplicates;
}

/**
 * What keeps pictures together when parts are drawn: 'together' for all that look alike; 'ignore'
 * for equal files alone, where colour or light is what tells the classes apart.
 */
export type NearDuplicates = 'together' | 'ignore';

/** How far the opening of a data set has come; `total`, `perSecond` and `secondsLeft` where they are known. */
export interface DatasetProgress {
  step: 'downloading' | 'unpacking' | 'scanning' | 'drawing';
  unit: 'bytes' | 'files';
  done: number;
  total?: number;
  perSecond?: number;
  secondsLeft?: number;
}

export type OnDatasetProgress = (progress: DatasetProgress) => void;

/** A catalogued data set is not on this machine, no mirror is named, and no other place could be reached. */
export class DatasetUnavailable extends LabError {
  override name = 'DatasetUnavailable';
  constructor(
    message: string,
    readonly tried: FileUnavailable['tried'],
  ) {
    super(message);
  }
}
