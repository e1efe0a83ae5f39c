/** The photos of a workspace as rows of frozen features, which a head can be trained on in a moment. */
import {
  type BackboneChoice,
  experimentParts,
  type ExperimentHooks,
  featureExtraction,
  type Workspace,
} from '../experiments';
import type {Part} from '../datasets';
import type {Source} from '../training';
import {type Rows, rowOf} from './select';

/** Photos by their keys, the features of each in a row, and what they show where that is known. */
export interface FrozenPhotos {
  keys: readonly string[];
  features: Rows;
  labels: readonly string[];
}

/** The three parts of a split as frozen features. */
export interface FrozenParts extends Record<Part, FrozenPhotos> {
  /** 'DeiT-Tiny'. */
  title: string;
  classes: readonly string[];
  standIns: readonly string[];
}

export interface FrozenPartsOptions {
  backbone: BackboneChoice;
  weights?: string;
  /** Side of the square photos in pixels. */
  size?: number;
}

/**
 * Pooled features of all photos in their plain view, each feature with the mean 0 and the deviation 1 over the training
 * part. They are computed once and kept; throws as `experimentParts`.
 */
export async function frozenParts(
  options: FrozenPartsOptions,
  workspace: Workspace,
  hooks: ExperimentHooks = {},
): Promise<FrozenParts> {
  const regime = featureExtraction();
  const parts = await experimentParts({...options, regime, views: 0, epochs: 1}, workspace, hooks);
  try {
    const {classes, network, standIns} = parts.experiment;
    const read = async (part: Part): Promise<FrozenPhotos> => {
      const photos = workspace.split.parts[part];
      return {
        keys: photos.map(({picture}) => picture.key),
        features: await rowsOf(parts.sources[part]),
        labels: photos.map(({label}) => classes[label]),
      };
    };
    const [train, val, test] = [await read('train'), await read('val'), await read('test')];
    const scale = standardisation(train.features);
    for (const {features} of [train, val, test]) scale(features);
    return {title: network, classes, standIns, train, val, test};
  } finally {
    parts.dispose();
  }
}

async function rowsOf(source: Source): Promise<Rows> {
  const batches: Float32Array[] = [];
  let width = 0;
  for await (const {x} of source.batches('evaluation')) {
    width = x.size / x.shape[0];
    batches.push(x.dataSync() as Float32Array);
    x.dispose();
  }
  const values = new Float32Array(source.size * width);
  let filled = 0;
  for (const batch of batches) {
    values.set(batch, filled);
    filled += batch.length;
  }
  return {values, width};
}

/** Changes rows in place as it must be done to give these the mean 0 and the deviation 1; what never changes becomes 0. */
export function standardisation({values, width}: Rows): (rows: Rows) => void {
  const count = values.length / width;
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  values.forEach((value, i) => {
    mean[i % width] += value / count;
    square[i % width] += value ** 2 / count;
  });
  const deviation = square.map((each, i) => Math.sqrt(Math.max(0, each - mean[i] ** 2)));
  return (rows) => {
    for (let row = 0; row < rows.values.length / width; row++) {
      rowOf(rows, row).forEach((value, i, own) => {
        own[i] = deviation[i] > 1e-6 ? (value - mean[i]) / deviation[i] : 0;
      });
    }
  };
}
