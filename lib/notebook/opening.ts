/** How a cell opens a lab: its photos and their split, with progress, and what stands in where they cannot be had. */
import {type NearDuplicates} from '../datasets';
import {foreseeStandIns, openWorkspace, standInsInWords} from '../experiments';
import {LabError} from '../errors';
import {showWarning} from './display';
import {projectFolder} from './folder';
import {interruptible} from './interrupt';
import {Lab} from './lab';
import {type LabelsChoice, photoLabels} from './labelling';
import {ProgressLine} from './progress';

export type Profile = 'smoke' | 'quick' | 'full';

/** The profile that `LAB_PROFILE` names; 'quick' unless it is set. */
export function profile(): Profile {
  const name = process.env.LAB_PROFILE ?? 'quick';
  if (name === 'smoke' || name === 'quick' || name === 'full') return name;
  throw new LabError(`LAB_PROFILE is "${name}". Give smoke, quick or full.`);
}

export interface LabOptions {
  /** A data set of the catalogue ('garbage'), or a folder of class folders. */
  dataset: string;
  /** A file of labels, which tells what the photos show; the folder may then be flat. */
  labels?: LabelsChoice;
  /** Of the split. Default: 42. */
  seed?: number;
  /** At most so many photos of each class take part. Default: all. */
  photosPerClass?: number;
  /** Share of the training photos that validate, where the data set has parts but none for this. Default: 0.1. */
  validation?: number;
  /** 'ignore' where colour or light tells the classes apart: pictures that look alike may then be in any part. Default: 'together'. */
  nearDuplicates?: NearDuplicates;
  /** The largest share of pictures that may be unreadable, or gone since the split was made; one may be in any case. Default: 0.01. */
  skippedLimit?: number;
  /** Where `data/` and `models/` lie. Default: the environment's `LAB_HOME`, else the project: the nearest folder above with a package.json. */
  folder?: string;
  /** A folder or base URL laid out like a mirror; the environment's `LAB_MIRROR` unless given. */
  mirror?: string;
}

/** Opens the photos and their split. Where others stand in for them, the overview and every chart's title say so. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const {folder = projectFolder(), seed = 42, labels, ...rest} = options;
  const lines = new Map<string, ProgressLine>();
  const stopped = `Opening ${options.dataset} was interrupted. Run the cell again to go on.`;
  const workspace = await interruptible(stopped, (signal) =>
    openWorkspace({
      ...rest,
      labels: labels === undefined ? undefined : photoLabels(labels),
      seed,
      folder,
      signal,
      onWarning: showWarning,
      onProgress: ({step, unit, done, total}) => {
        const line = lines.get(step) ?? new ProgressLine();
        lines.set(step, line);
        line.report({
          title: `${step} ${options.dataset}`,
          unit: unit === 'bytes' ? 'bytes' : 'images',
          done,
          total: total ?? null,
        });
      },
    }),
  );
  for (const line of lines.values()) line.finish();
  return new Lab(workspace);
}

/** Prints what will stand in for a data set and pretrained networks that cannot be had, why, and the remedy. */
export async function tellStandIns(dataset: string): Promise<void> {
  const standIns = await foreseeStandIns(dataset, {folder: projectFolder()});
  for (const line of standInsInWords(standIns)) console.log(line);
}
