/** Runs that look like real ones, the same every time: four backbones under two regimes on six classes. */
import type {EpochRecord, Prediction, RunRecord} from '../../lib/runs';
import {confusionMatrix, macroF1} from '../../lib/metrics';
import {fnv1a, mulberry32} from '../../lib/random';

export const CLASSES = ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'];
/** Photos of each class in the test part. */
const TEST_PHOTOS = [60, 75, 62, 89, 72, 21];

/** Backbone, regime, epochs, learning rate, the accuracy the run ends near, minutes, images per second. */
type Plan = [string, string, number, number, number, number, number];

const PLANS: readonly Plan[] = [
  ['mobilenet_v2', 'feature extraction', 20, 1e-3, 0.85, 1.1, 900],
  ['mobilenet_v2', 'last 3 stages', 12, 3e-4, 0.91, 4.2, 60],
  ['squeezenet1_1', 'feature extraction', 20, 1e-3, 0.81, 0.7, 1200],
  ['squeezenet1_1', 'last 2 stages', 12, 3e-4, 0.87, 3.1, 80],
  ['efficientnet_b4', 'feature extraction', 20, 1e-3, 0.88, 3.9, 850],
  ['efficientnet_b4', 'last 2 stages', 12, 3e-4, 0.94, 9.5, 18],
  ['deit_tiny_patch16_224', 'feature extraction', 20, 1e-3, 0.84, 1.6, 1000],
  ['deit_tiny_patch16_224', 'last 3 stages', 12, 1e-4, 0.92, 5.3, 45],
];

const rounded = (value: number) => Number(value.toFixed(4));

function run([backbone, regime, epochs, learningRate, accuracy, minutes, imagesPerSecond]: Plan): RunRecord {
  const title = `${backbone}, ${regime}`;
  const random = mulberry32(fnv1a(title));
  const history = Array.from({length: epochs}, (_, index): EpochRecord => {
    const left = 1 / (1 + (8 * index) / epochs);
    const valAccuracy = rounded(accuracy - 0.4 * (left - 1 / 9) + 0.02 * (random() - 0.5));
    return {
      epoch: index + 1,
      learningRate: Number(((learningRate * (epochs - index)) / epochs).toPrecision(3)),
      trainLoss: rounded(1.7 * left + 0.05 * random()),
      valLoss: rounded(0.9 * left + 2.2 * (1 - accuracy) + 0.05 * random() + (0.1 * index) / epochs),
      valMacroF1: rounded(valAccuracy - 0.015),
      valAccuracy,
      seconds: rounded((60 * minutes) / epochs),
      imagesPerSecond: rounded(imagesPerSecond * (0.95 + 0.1 * random())),
    };
  });
  const predictions = TEST_PHOTOS.flatMap((count, truth) =>
    Array.from({length: count}, (_, photo): Prediction => {
      const isRight = random() < accuracy - (truth === 5 ? 0.1 : 0);
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
  const best = history.reduce((high, epoch) => (epoch.valMacroF1 > high.valMacroF1 ? epoch : high));
  return {
    id: `${backbone}-${fnv1a(title).toString(16)}`,
    title,
    configuration: {
      backbone,
      regime,
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
      valMacroF1: best.valMacroF1,
      testMacroF1: macroF1(confusion),
      testAccuracy:
        predictions.filter(({truth, predicted}) => truth === predicted).length / predictions.length,
      confusion,
      predictions,
    },
    seconds: 60 * minutes,
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
  seconds: 140,
};

/** A run that has only just begun. */
export const BEGUN: RunRecord = {...INTERRUPTED, status: 'running', history: [], seconds: 0};

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
  configuration: {...RUNS[1].configuration, regime: 'everything'},
};
