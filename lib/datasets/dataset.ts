import type {FileUnavailable} from '../downloads';
import {LabError} from '../errors';
import type {Picture} from '../pictures';

/** One picture of a data set and what it shows. */
export interface Photo {
  picture: Picture;
  /** Index into Dataset.classes. */
  label: number;
  /** 64-bit perceptual hash, 16 hex digits. */
  hash: string;
}

/** Classes and the photos of each. */
export interface Dataset {
  name: string;
  classes: string[];
  /** Sorted by name. */
  photos: Photo[];
  /** Files that are no readable photos. */
  skipped: {path: string; reason: string}[];
  /** Pictures that stand under more than one label: `paths[i]` has the class `labels[i]`. */
  conflicts: {paths: string[]; labels: string[]}[];
  licence: string;
  /** Where the photos came from, in words for a reader. */
  source: string;
  /** What these pictures are where they stand in for the photos that were asked for: 'CIFAR-10 photos', 'drawings'. */
  standIn: string | null;
  /** Pixels a side beyond which networks need not see the pictures. */
  largestSize: number | null;
}

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
