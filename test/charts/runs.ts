/** Runs that look like real ones, the same every time: four backbones under two regimes on six classes. */
import {accuracy, confusionMatrix, macroF1} from '../../lib/metrics';
import {type EpochRecord, type Prediction, type Regime, regimeName, type RunRecord} from '../../lib/runs';
import {fnv1a, mulberry32} from '../../lib/random';

export const CLASSES = ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'];
/** Photos of each class in the test part. */
const TEST_PHOTOS = [60, 75, 62, 89, 72, 21];

const frozen: Regime = {kind: 'feature extraction'};
const last = (count: number): Regime => ({kind: 'last stages', count});

/** Backbone, regime, epochs, learning rate, the accuracy the run ends near, minutes, images per second. */
type Plan = [string, Regime, number, number, number, number, number];

const PLANS: readonly Plan[] = [
  ['mobilenet_v2', frozen, 20, 1e-3, 0.85, 1.1, 900],
  ['mobilenet_v2', last(3), 12, 3e-4, 0.91, 4.2, 60],
  ['squeezenet1_1', frozen, 20, 1e-3, 0.81, 0.7, 1200],
  ['squeezenet1_1', last(2), 12, 3e-4, 0.87, 3.1, 80],
  ['efficientnet_b4', frozen, 20, 1e-3, 0.88, 3.9, 850],
  ['efficientnet_b4', last(2), 12, 3e-4, 0.94, 9.5, 18],
  ['deit_tiny_patch16_224', frozen, 20, 1e-3, 0.84, 1.6, 1000],
  ['deit_tiny_patch16_224', last(3), 12, 1e-4, 0.92, 5.3, 45],
];

const rounded = (value: number) => Number(value.toFixed(4));

function run([backbone, regime, epochs, learningRate, share, minutes, imagesPerSecond]: Plan): RunRecord {
  const title = `${backbone}, ${regimeName(regime)}`;
  const random = mulberry32(fnv1a(title));
  const history = Array.from({length: epochs}, (_, index): EpochRecord => {
    const left = 1 / (1 + (8 * index) / epochs);
    const valAccuracy = rounded(share - 0.4 * (left - 1 / 9) + 0.02 * (random() - 0.5));
    const trainLoss = rounded(1.7 * left + 0.05 * random());
    const valLoss = rounded(0.9 * left + 2.2 * (1 - share) + 0.05 * random() + (0.1 * index) / epochs);
    const macro = rounded(valAccuracy - 0.015);
    return {
      epoch: index + 1,
      learningRate: Number(((learningRate * (epochs - index)) / epochs).toPrecision(3)),
      train: {loss: trainLoss, accuracy: rounded(1 - 0.6 * left)},
      val: {loss: valLoss, accuracy: valAccuracy, macroF1: macro, top5: rounded(1 - 0.1 * left)},
      seconds: rounded((60 * minutes) / epochs),
      valSeconds: 0.2,
      imagesPerSecond: rounded(imagesPerSecond * (0.95 + 0.1 * random())),
    };
  });
  const predictions = TEST_PHOTOS.flatMap((count, truth) =>
    Array.from({length: count}, (_, photo): Prediction => {
      const isRight = random() < share - (truth === 5 ? 0.1 : 0);
      const wrong = (truth + 1 + Math.floor(random() * random() * 5)) % 6;
      return {
        path: `${CLASSES[truth]}/${CLASSES[truth]}${photo + 1}.jpg`,
        truth,
        predicted: isRight ? truth : wrong,
        probability: rounded(isRight ? 0.7 + 0.3 * random() : 0.4 + 0.55 * random()),
      };
    }),
  );
  const confusion = confusionMatrix(
    predictions.map(({truth}) => truth),
    predictions.map(({predicted}) => predicted),
    CLASSES.length,
  );
  const best = history.reduce((high, epoch) => (epoch.val.macroF1 > high.val.macroF1 ? epoch : high));
  return {
    id: `${backbone}-${fnv1a(title).toString(16)}`,
    name: null,
    title,
    configuration: {
      backbone,
      regime,
      select: 'macroF1',
      network: backbone,
      standIns: [],
      classes: CLASSES,
      epochs,
      views: 4,
      optimizer: {name: 'adamw', learningRate, weightDecay: 0.01},
      head: {hidden: [256], dropout: 0.2},
    },
    status: 'complete',
    history,
    result: {
      bestEpoch: best.epoch,
      val: best.val,
      test: {loss: 0.5, accuracy: accuracy(confusion), macroF1: macroF1(confusion), top5: 0.99},
      confusion,
      predictions,
    },
    schema: 2,
    began: '2026-01-02T03:04:05.000Z',
    ended: '2026-01-02T04:04:05.000Z',
    seconds: {features: 30, reused: 0, training: 60 * minutes, validation: 0.2 * epochs},
  };
}

/** Eight complete runs. */
export const RUNS: readonly RunRecord[] = PLANS.map(run);

/** A run stopped after its third epoch, without a result. */
export const INTERRUPTED: RunRecord = {
  ...RUNS[5],
  status: 'interrupted',
  history: RUNS[5].history.slice(0, 3),
  result: null,
  ended: null,
  seconds: {features: 30, reused: 0, training: 140, validation: 0.6},
};

/** A run that has only just begun. */
export const BEGUN: RunRecord = {
  ...INTERRUPTED,
  status: 'running',
  history: [],
  seconds: {features: 30, reused: 0, training: 0, validation: 0},
};

export const STAND_IN: RunRecord = {
  ...RUNS[0],
  configuration: {
    ...RUNS[0].configuration,
    standIns: ['CIFAR-10 photos', 'EfficientNet-Lite0 for MobileNetV2'],
  },
};

/** A run of the third regime. */
export const EVERYTHING: RunRecord = {
  ...RUNS[1],
  title: 'mobilenet_v2, everything',
  configuration: {...RUNS[1].configuration, regime: {kind: 'everything'}},
};

/** Two runs of one backbone and kind of regime, told apart by their names; the second reused all features. */
export const NAMED: readonly RunRecord[] = ['high rate', 'low rate'].map((name, index) => ({
  ...RUNS[2 * index + 1],
  name,
  title: name,
  configuration: RUNS[1].configuration,
  seconds: {features: 200, reused: 200 * index, training: 38, validation: 2},
}));

/** Runs on a split without a test part. */
export const UNTESTED: readonly RunRecord[] = RUNS.slice(0, 4).map((each) => ({
  ...each,
  result: each.result && {...each.result, test: null},
}));
