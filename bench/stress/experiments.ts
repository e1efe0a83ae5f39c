/** Experiments of a second or less on a few drawings, one of each regime. */
import {network} from '../../lib/backbones';
import {mobilenet_v2_small, squeezenet1_1_small} from '../../lib/backbones/architectures/small';
import {everything, type ExperimentOptions, featureExtraction, lastStages} from '../../lib/experiments';
import {cosine, oneCycle, sgd} from '../../lib/training';

export const classes = ['glass', 'metal', 'paper'] as const;

/** A network with all that has a state of its own: running statistics, dropout. */
const own = network({
  name: 'own',
  size: 32,
  build: (net, x) => {
    const map = net.conv('c1', x, {out: 8, kernel: 3, stride: 2, norm: 'n1', activation: 'relu'});
    const deeper = net.conv('c2', map, {out: 16, kernel: 3, stride: 2, norm: 'n2', activation: 'relu'});
    return net.linear('out', net.dropout(net.globalAverage(deeper), 0.2), {out: classes.length});
  },
});

const shared = {weights: 'random', batchSize: 8, epochs: 40, size: 32} as const;

export const experiments = {
  frozen: {...shared, backbone: squeezenet1_1_small, regime: featureExtraction(), schedule: cosine()},
  'last stage': {
    ...shared,
    backbone: mobilenet_v2_small,
    regime: lastStages(1),
    optimizer: sgd({learningRate: {backbone: 1e-3, head: 1e-2}}),
    schedule: oneCycle(),
  },
  everything: {...shared, backbone: own, regime: everything(), clipNorm: 1},
} satisfies Record<string, ExperimentOptions>;

export type ExperimentKind = keyof typeof experiments;
