/**
 * Whole labs beside PyTorch: the garbage lab's regimes for its backbones, each side in a process of its own from its start
 * to its end, in turns. PyTorch's side is a script that LAB_PEER names; `peerArguments` shows what it is told, `LabOutcome`
 * what it prints as JSON. Usage: npm run bench -- lab [NAME...]
 */
import {existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {extname, join} from 'node:path';
import {findArchitecture, pretrainedWeights} from '../lib/backbones';
import {openCheckpoint, writeSafetensors} from '../lib/checkpoints';
import {photosPerClass} from '../lib/datasets';
import {engineReport} from '../lib/engine';
import {LabError} from '../lib/errors';
import {openWorkspace} from '../lib/experiments';
import {answerOf, answerTo} from './child';
import {
  type LabComparison,
  type LabOutcome,
  type LabSettings,
  labTable,
  type PeerMode,
  peerSplit,
  unfrozen,
} from './lab-comparison';
import type {LabRequest} from './lab-run';
import {startPeer, torchPython} from './peer';
import {precisionsAtHand} from './precisions';
import {writeSection} from './results';
import type {Precision} from '../lib/engine';

const project = join(__dirname, '..');
const backbones = ['mobilenet_v2', 'squeezenet1_1', 'efficientnet_b4', 'deit_tiny_patch16_224'];

/** Also for EfficientNet-B4: at its own 380 it alone would take as long as all others together. */
const size = 224;
const [batchSize, learningRate, splitSeed, seed] = [32, 1e-3, 42, 1];

export type LabPlan = LabSettings & {modes: PeerMode[]};

/**
 * Within half an hour on two cores with AVX2: there these take about 5, 8, 8 and 5 minutes. Many photos, one plain view and
 * many epochs where both sides keep what is frozen; few photos where PyTorch runs the whole network in every epoch.
 */
const few = {photosPerClass: 50, trainPhotosPerClass: 10};
const plans: LabPlan[] = [
  {regime: 'frozen', modes: ['expert'], photosPerClass: 150, epochs: 30, views: 0},
  {regime: 'frozen', modes: ['student'], ...few, epochs: 15, views: 1},
  {regime: 'last-stages', modes: ['student', 'expert'], ...few, epochs: 6, views: 1},
  {regime: 'full', modes: ['expert'], ...few, epochs: 3, views: 0},
];

export async function lab(names: string[], planned: readonly LabPlan[] = plans): Promise<void> {
  const script = peerScript();
  const {version, stop} = await startPeer();
  stop();
  const networks = names.length > 0 ? names : backbones;
  const home = mkdtempSync(join(tmpdir(), 'lab-'));
  try {
    const weights = await prepareHome(home, networks);
    const comparisons: LabComparison[] = [];
    for (const {modes, ...settings} of planned) {
      const {split, photos} = await writeSplit(home, settings);
      for (const network of networks) {
        for (const precision of precisionsAtHand()) {
          const ours = await runOurs(
            {...settings, home, splitSeed, seed, backbone: network, size, batchSize, learningRate},
            precision,
          );
          for (const mode of modes) {
            const options = {
              ...commonArguments(settings),
              data: join(home, 'data'),
              split,
              weights,
              backbone: network,
              mode,
            };
            const theirs = await timed(() =>
              answerOf(torchPython(), [script, ...peerArguments(options, precision)]),
            );
            comparisons.push({network, settings, size, mode, precision, photos, ours, theirs});
            console.log(
              `${network.padEnd(22)} ${settings.regime.padEnd(11)} ${mode.padEnd(7)} ${precision} ` +
                `${ours.seconds.toFixed(1)} against ${theirs.seconds.toFixed(1)} s: ${(ours.seconds / theirs.seconds).toFixed(2)}`,
            );
          }
        }
      }
    }
    writeSection('lab', explanation(version), labTable(comparisons));
  } finally {
    rmSync(home, {recursive: true});
  }
}

function peerScript(): string {
  const script = process.env.LAB_PEER;
  if (script && existsSync(script)) return script;
  const found = script ? `LAB_PEER is ${script}, and no file is there.` : 'LAB_PEER is not set.';
  throw new LabError(
    `${found} Set it to the script of PyTorch's side; bench/lab.ts shows what it is told and prints.`,
  );
}

/**
 * Makes a folder in which labs open at once: photos that have been looked at, and weights at hand. Returns the folder of the
 * weights as PyTorch's side reads them, safetensors alone.
 */
async function prepareHome(home: string, names: readonly string[]): Promise<string> {
  const [data, models, peer] = [join(project, 'data'), join(home, 'models'), join(home, 'peer')];
  const folder = join(project, 'models', 'weights');
  for (const each of [data, folder, models, peer]) mkdirSync(each, {recursive: true});
  symlinkSync(data, join(home, 'data'));
  symlinkSync(folder, join(models, 'weights'));
  for (const name of names) {
    const {path} = await pretrainedWeights(findArchitecture(name), {folder});
    const file = join(peer, `${name}.safetensors`);
    if (extname(path) === '.safetensors') symlinkSync(path, file);
    else copyAsSafetensors(path, file);
  }
  return peer;
}

function copyAsSafetensors(from: string, to: string): void {
  const checkpoint = openCheckpoint(from);
  try {
    const tensors = [...checkpoint.tensors.values()];
    writeSafetensors(
      to,
      tensors.map((each) => ({name: each.name, shape: each.shape, values: each.values()})),
    );
  } finally {
    checkpoint.close();
  }
}

/** Writes the split of these settings for PyTorch's side. */
async function writeSplit(home: string, {photosPerClass: perClass, trainPhotosPerClass}: LabSettings) {
  const options = {dataset: 'garbage', seed: splitSeed, photosPerClass: perClass, folder: home};
  const {split, dataset} = await openWorkspace(options);
  if (dataset.standIn) {
    throw new LabError(
      `The photos cannot be had, and PyTorch's side cannot read ${dataset.standIn}. Set LAB_MIRROR to a folder that holds them.`,
    );
  }
  const {train, val, test} = split.parts;
  const drawn = trainPhotosPerClass === undefined ? train : photosPerClass(train, trainPhotosPerClass, seed);
  const parts = {train: drawn, val, test};
  const file = join(home, 'split.json');
  writeFileSync(file, JSON.stringify(peerSplit(split.classes, parts, join(home, 'data'))));
  return {split: file, photos: {train: drawn.length, val: val.length, test: test.length}};
}

/** Runs our side with empty stores. */
function runOurs(request: LabRequest, precision: Precision): Promise<LabOutcome> {
  for (const folder of ['runs', 'features']) {
    rmSync(join(request.home, 'models', folder), {recursive: true, force: true});
  }
  const script = join(__dirname, 'lab-run.ts');
  return timed(() => answerTo(script, request, {LAB_PRECISION: precision}));
}

const commonArguments = ({regime, epochs}: LabSettings) => {
  const {threads} = engineReport();
  return {regime, unfrozen, epochs, batch: batchSize, lr: learningRate, size, threads, seed};
};

function peerArguments(options: Record<string, string | number>, precision: Precision): string[] {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return precision === 'bfloat16' ? [...flags, '--bf16'] : flags;
}

/** What a side answers, and the seconds that it took altogether. */
async function timed(side: () => Promise<Omit<LabOutcome, 'seconds'>>): Promise<LabOutcome> {
  const began = performance.now();
  const outcome = await side();
  return {...outcome, seconds: (performance.now() - began) / 1000};
}

const explanation = (version: string): string =>
  `The garbage lab's experiments on the real photos, both sides on the same split, beside PyTorch ${version} as a student writes ` +
  `it (the whole network runs on new augmented views in every epoch) and as an expert does (channels_last; under the frozen regime ` +
  `the backbone runs once). Cells with two numbers are ours / PyTorch's. Seconds are those of a whole process, from its start ` +
  `to its end, weights, decoding and our files included; an epoch's, the median, are with its validation, without what was computed ` +
  `before the first. Memory is the peak of the process, without PyTorch's two workers. Photos are training + validation + test; ` +
  `batches of ${batchSize}, Adam at ${learningRate}, ${size} pixels for EfficientNet-B4, too. Beside an expert, what is frozen sees one plain ` +
  `view on both sides; else our side keeps the frozen part's output of one augmented view, of which every epoch learns. ` +
  `We resize as the weights were trained (EfficientNet-B4 and DeiT-Tiny bicubic), the peer bilinearly. ` +
  `Scores are macro-F1: the best epoch's on the validation part; on the test part, our best epoch's and PyTorch's last.`;
