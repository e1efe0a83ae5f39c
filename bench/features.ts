/**
 * Frozen features of all photos of the garbage data set, decoding included, side by side with PyTorch's inference.
 * Usage: npm run bench -- features [NAME...]
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Backbone, findArchitecture, pretrainedWeights} from '../lib/backbones';
import {openDataset, type Photo} from '../lib/datasets';
import {frozenFeatures} from '../lib/features';
import {startPeer} from './peer';
import {report} from './results';
import type {Comparison} from './tables';

const project = join(__dirname, '..');
const defaults = ['mobilenet_v2', 'squeezenet1_1', 'efficientnet_b4', 'deit_tiny_patch16_224'];
const size = 224;

/** Images per second of one pass over the photos into a fresh store. */
async function measure(backbone: Backbone, photos: Photo[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'features-'));
  const began = performance.now();
  try {
    const stores = await frozenFeatures(photos, {
      backbone,
      weights: 'measured',
      preprocessing: backbone.architecture.at(size).preprocessing,
      view: 'evaluation',
      stages: [backbone.architecture.stages.length],
      folder,
    });
    stores.forEach((store) => store.close());
    return photos.length / ((performance.now() - began) / 1000);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

export async function features(names: string[]): Promise<void> {
  const dataset = await openDataset('garbage', {dataFolder: join(project, 'data')});
  const photos = [...new Map(dataset.photos.map((photo) => [photo.picture.key, photo])).values()];
  const peer = await startPeer();
  const comparisons: Comparison[] = [];
  try {
    for (const name of names.length > 0 ? names : defaults) {
      const architecture = findArchitecture(name);
      const {path} = await pretrainedWeights(architecture, {folder: join(project, 'models', 'weights')});
      const backbone = Backbone.load(architecture, path);
      const {resize, interpolation, mean, std} = architecture.at(size).preprocessing;
      const files = photos.map(({picture}) => picture.place);
      const request = {
        work: 'features',
        view: 'evaluation',
        arch: name,
        size,
        resize,
        interpolation,
        mean,
        std,
        files,
        batch: 32,
      };
      const ours = await measure(backbone, photos);
      const theirs = photos.length / (await peer.measure(request));
      backbone.dispose();
      comparisons.push({name, work: 'features', size, ours, theirs});
      console.log(
        `${name.padEnd(22)} ${ours.toFixed(1)} against ${theirs.toFixed(1)} images/s: ${(ours / theirs).toFixed(2)}`,
      );
    }
  } finally {
    peer.stop();
  }
  report(
    'features',
    `Frozen features of ${photos.length} photos from JPEG files to disk, images per second, against PyTorch ${peer.version} (channels_last, DataLoader with 2 workers, batch 32).`,
    comparisons,
  );
}
