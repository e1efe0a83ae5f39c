import {join} from 'node:path';
import {
  catalogued,
  type Dataset,
  DatasetUnavailable,
  type NearDuplicates,
  type OnDatasetProgress,
  openDataset,
  openDrawings,
  type OpenOptions,
  openStandIn,
  type PhotoLabels,
  type Split,
  storedSplit,
  subsetSplit,
  withLabels,
} from '../datasets';
import {LabError} from '../errors';
import {prune} from '../features';
import {RunStore} from '../runs';
import {labPrecision} from './precision';
import {foreseeStandIns, reasonInOneLine, type StandIn} from './stand-ins';

/** Where experiments happen: the photos and their split, and the folders that hold weights, features and runs. */
export interface Workspace {
  dataset: Dataset;
  split: Split;
  runs: RunStore;
  weightsFolder: string;
  featuresFolder: string;
  mirror?: string;
  /** What stands in for the photos and, as far as their hosts could be asked, for pretrained networks. */
  standIns: StandIn[];
}

export interface WorkspaceOptions {
  /** A data set of the catalogue, or a folder of class folders. */
  dataset: string;
  /** What the photos show, where their folder does not tell, which may then be flat. */
  labels?: PhotoLabels;
  /** Of the split. */
  seed: number;
  /** At most so many photos of each class take part. Default: all. */
  photosPerClass?: number;
  /** Share of the training photos that validate, where the data set has parts but none for this. Default: 0.1. */
  validation?: number;
  /** 'ignore' where colour or light tells the classes apart: pictures that look alike may then be in any part. Default: 'together'. */
  nearDuplicates?: NearDuplicates;
  /** The largest share of pictures that may be unreadable, or gone since the split was made; one may be in any case. Default: 0.01. */
  skippedLimit?: number;
  /** The project's folder: `data/` and `models/` lie in it. */
  folder: string;
  /** A folder or base URL laid out like a mirror; the environment's `LAB_MIRROR` unless given. */
  mirror?: string;
  onProgress?: OnDatasetProgress;
  /** Told of what does not stop the work: a damaged run that was set aside, another kernel that is waited for. */
  onWarning?: (message: string) => void;
  /** Stops the fetching, unpacking and scanning; what is done so far is used the next time. */
  signal?: AbortSignal;
}

/** Bytes that frozen features may take: the environment's `LAB_FEATURES_LIMIT`, in GB, else 20 GB. */
function featuresLimit(): number {
  const text = process.env.LAB_FEATURES_LIMIT || '20';
  const gigabytes = Number(text);
  if (gigabytes >= 0) return gigabytes * 1e9;
  throw new LabError(`LAB_FEATURES_LIMIT is "${text}". Give a number of gigabytes, such as 20.`);
}

/** Removes the frozen features used longest ago, beyond the limit, and tells of it. */
function keepFeaturesWithin(limit: number, folder: string, onWarning?: (message: string) => void): void {
  const removed = prune(folder, limit);
  if (removed.length === 0) return;
  const gigabytes = (bytes: number) => `${+(bytes / 1e9).toPrecision(3)} GB`;
  onWarning?.(
    `${removed.length} of the folders of frozen features, those used longest ago, were removed from ${folder}: ` +
      `${gigabytes(removed.reduce((sum, {bytes}) => sum + bytes, 0))}. They are computed anew when they are needed; ` +
      `LAB_FEATURES_LIMIT, in GB, lets more of them stay (now ${gigabytes(limit)}).`,
  );
}

/**
 * Opens the photos (fetched, scanned and split the first time). When they can be had neither here nor from a mirror
 * nor from the network, those of the data set that stands in for them, and where these cannot be had either, drawings.
 * Frozen features beyond the environment's `LAB_FEATURES_LIMIT` (GB, default 20) are removed, those used longest ago
 * first, but none in use.
 */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const {folder, mirror, onProgress, onWarning: onWait, signal, seed, photosPerClass = Infinity} = options;
  const {validation, nearDuplicates, skippedLimit, labels} = options;
  const dataFolder = join(folder, 'data');
  const models = join(folder, 'models');
  const featuresFolder = join(models, 'features');
  labPrecision(); // what is wrong there is told before anything is fetched
  keepFeaturesWithin(featuresLimit(), featuresFolder, options.onWarning);
  const foreseen = await foreseeStandIns(options.dataset, {folder, mirror, signal});
  const {dataset: photos, reason} = await openPhotos(options.dataset, {
    dataFolder,
    mirror,
    nearDuplicates,
    skippedLimit,
    unlabelled: labels !== undefined,
    onProgress,
    onWait,
    signal,
  });
  const dataset = labels ? withLabels(photos, labels) : photos;
  const whole = await storedSplit(dataset, {
    seed,
    validation,
    skippedLimit,
    folder: dataFolder,
    onNote: options.onWarning,
  });
  return {
    dataset,
    split: Number.isFinite(photosPerClass) ? subsetSplit(whole, photosPerClass) : whole,
    runs: new RunStore(join(models, 'runs'), options.onWarning),
    weightsFolder: join(models, 'weights'),
    featuresFolder,
    mirror,
    standIns: standInsWith(dataset, options.dataset, reason, foreseen),
  };
}

async function openPhotos(name: string, options: OpenOptions): Promise<{dataset: Dataset; reason: string}> {
  try {
    return {dataset: await openDataset(name, options), reason: 'asked for by name'};
  } catch (error) {
    if (!(error instanceof DatasetUnavailable)) throw error;
    try {
      const dataset = await openStandIn(name, options);
      if (dataset) return {dataset, reason: reasonInOneLine(error.tried)};
    } catch (second) {
      if (!(second instanceof DatasetUnavailable)) throw second;
      return {
        dataset: await openDrawings(options),
        reason: reasonInOneLine([...error.tried, ...second.tried]),
      };
    }
    return {dataset: await openDrawings(options), reason: reasonInOneLine(error.tried)};
  }
}

/** The stand-ins as they turned out: what was foreseen of the photos gives way to what was opened. */
function standInsWith(
  {standIn}: Dataset,
  name: string,
  reason: string,
  foreseen: readonly StandIn[],
): StandIn[] {
  const title = catalogued(name)?.title ?? name;
  const networks = foreseen.filter((each) => each.for !== title);
  if (standIn === null) return networks;
  if (standIn !== 'drawings') return [{what: standIn, for: title, reason}, ...networks];
  return [
    {what: 'drawings', for: title, reason},
    {what: 'small networks with random weights', for: 'pretrained ones', reason},
  ];
}
