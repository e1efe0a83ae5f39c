/**
 * Decoding alone: photos from JPEG files to batches of tensors, in training and evaluation views, and the same while a
 * network computes on them, beside PyTorch's DataLoader, in turns. Usage: npm run bench -- data
 */
import {join} from 'node:path';
import {Backbone, findArchitecture} from '../lib/backbones';
import {batches} from '../lib/batches';
import {openDataset, type Photo} from '../lib/datasets';
import {tf, type Tensor} from '../lib/engine';
import {photoAugmentation, type View} from '../lib/pictures';
import {type Peer, startPeer} from './peer';
import {report} from './results';
import type {Comparison} from './tables';
import {inTurns, roundsInWords} from './turns';

const project = join(__dirname, '..');
const batch = 32;
const count = 512;
const sizes = [224, 380];
const architecture = findArchitecture('mobilenet_v2');

const views: Record<'training' | 'evaluation', View> = {
  training: {
    augmentation: photoAugmentation({brightness: 0, contrast: 0, saturation: 0, hue: 0}),
    seed: 1,
  },
  evaluation: 'evaluation',
};

/** Seconds that one pass over the photos takes; `use` is given each batch, and nobody needs it afterwards. */
async function pass(photos: Photo[], size: number, view: View, use: (x: Tensor) => void): Promise<number> {
  const {preprocessing} = architecture.at(size);
  const began = performance.now();
  for await (const each of batches(photos, {preprocessing, view: () => view, batchSize: batch})) {
    const x = each.tensor();
    use(x);
    x.dispose();
  }
  return (performance.now() - began) / 1000;
}

async function compare(photos: Photo[], size: number, peer: Peer, done: (each: Comparison) => void) {
  const backbone = Backbone.formula(architecture);
  const net = backbone.inference();
  const stages = {from: 0, to: architecture.stages.length};
  const compute = (x: Tensor) =>
    tf.tidy(() => void backbone.pool(net, backbone.run(net, x, stages)).dataSync());
  const {resize, interpolation, mean, std} = architecture.at(size).preprocessing;
  const files = photos.map(({picture}) => picture.place);
  const common = {arch: architecture.name, size, resize, interpolation, mean, std, files, batch};
  const speeds = (work: string, {ours, theirs}: {ours: number; theirs: number}) =>
    done({name: architecture.name, work, size, ours: photos.length / ours, theirs: photos.length / theirs});
  try {
    const x = tf.randomNormal([batch, size, size, 3]);
    compute(x);
    const repeats = Math.ceil(photos.length / batch);
    const computing = await inTurns(
      () => {
        const began = performance.now();
        for (let i = 0; i < repeats; i++) compute(x);
        return (performance.now() - began) / 1000;
      },
      () => peer.measure({...common, work: 'inference', repeats}),
    );
    x.dispose();
    speeds('computing alone', computing);
    for (const [name, view] of Object.entries(views)) {
      const alone = await inTurns(
        () => pass(photos, size, view, () => {}),
        () => peer.measure({...common, work: 'decoding', view: name}),
      );
      speeds(`${name} view, decoding alone`, alone);
      const both = await inTurns(
        () => pass(photos, size, view, compute),
        () => peer.measure({...common, work: 'features', view: name}),
      );
      speeds(`${name} view, decoding and computing`, both);
    }
  } finally {
    net.dispose();
    backbone.dispose();
  }
}

export async function data(): Promise<void> {
  const dataset = await openDataset('garbage', {dataFolder: join(project, 'data')});
  const every = Math.max(1, Math.floor(dataset.photos.length / count));
  const photos = dataset.photos.filter((_, index) => index % every === 0).slice(0, count);
  const peer = await startPeer();
  const comparisons: Comparison[] = [];
  try {
    for (const size of sizes) {
      await compare(photos, size, peer, (comparison) => {
        comparisons.push(comparison);
        const {work, ours, theirs} = comparison;
        console.log(
          `${work.padEnd(42)} ${size} ${ours.toFixed(1)} against ${theirs.toFixed(1)} photos/s: ${(ours / theirs).toFixed(2)}`,
        );
      });
    }
  } finally {
    peer.stop();
  }
  report(
    'data',
    `${photos.length} photos from JPEG files to batches of ${batch} normalised tensors, photos per second, the median of ${roundsInWords} in turn with ` +
      `PyTorch ${peer.version}'s DataLoader with 2 workers, which start in the measured time. Training views are random crops and ` +
      `mirror images. What computes is ${architecture.title}'s inference; decoding and computing share the cores, so together they ` +
      `take at least the sum of what each takes alone where both use all of them.`,
    comparisons,
  );
}
