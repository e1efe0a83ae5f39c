/** One experiment of `bench -- lab` from start to end, as a user of the library writes it. Prints what the peer prints. */
import {answer} from './child';
import {everything, featureExtraction, lastStages, openWorkspace, runExperiment} from '../lib/experiments';
import {peakMemory} from '../lib/engine';
import {photoAugmentation} from '../lib/pictures';
import {adam} from '../lib/training';
import {type LabOutcome, type LabSettings, unfrozen} from './lab-comparison';

export interface LabRequest extends LabSettings {
  /** With the data set, opened before, and the weights, but without runs and frozen features. */
  home: string;
  splitSeed: number;
  seed: number;
  backbone: string;
  size: number;
  batchSize: number;
  learningRate: number;
}

const regimes = {frozen: featureExtraction(), 'last-stages': lastStages(unfrozen), full: everything()};

/** The crops and mirror images of the peer, colours as they are. */
const augmentation = photoAugmentation({brightness: 0, contrast: 0, saturation: 0, hue: 0});

async function run(request: LabRequest): Promise<Omit<LabOutcome, 'seconds'>> {
  const {home, splitSeed, photosPerClass, regime, learningRate, ...options} = request;
  const workspace = await openWorkspace({dataset: 'garbage', seed: splitSeed, photosPerClass, folder: home});
  const {history, result} = await runExperiment(
    {
      ...options,
      regime: regimes[regime],
      head: {dropout: 0},
      optimizer: adam({learningRate}),
      augmentation,
    },
    workspace,
  );
  return {
    secondsPerEpoch: history.map(({seconds, valSeconds}) => seconds + (valSeconds ?? 0)),
    valMacroF1: history.map(({val}) => val.macroF1),
    testMacroF1: result!.test!.macroF1,
    peakRssMB: Math.round(peakMemory() / 2 ** 20),
  };
}

answer(run);
