import {checkedPreprocessing} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import type {Net, Pair, Value} from '../net';
import {torchvision} from './published';

interface Convolution {
  out: number;
  kernel?: Pair;
  stride?: number;
  padding?: Pair;
}

/** Convolution, batch normalisation, ReLU. */
function conv(net: Net, name: string, x: Value, {kernel = 1, ...options}: Convolution): Value {
  return net.conv(`${name}.conv`, x, {
    ...options,
    kernel,
    norm: `${name}.bn`,
    epsilon: 1e-3,
    activation: 'relu',
  });
}

/** The convolutions of one branch by the last part of their names, first to last. */
type Branch = [name: string, convolution: Convolution][];

function branch(net: Net, block: string, x: Value, layers: Branch): Value {
  return layers.reduce((y, [name, convolution]) => conv(net, `${block}.${name}`, y, convolution), x);
}

const out = (channels: number, kernel?: Pair, padding?: Pair): Convolution => ({
  out: channels,
  kernel,
  padding,
});
const row = (channels: number): Convolution => out(channels, [1, 7], [0, 3]);
const column = (channels: number): Convolution => out(channels, [7, 1], [3, 0]);
const halving = (channels: number): Convolution => ({out: channels, kernel: 3, stride: 2});

/** Branches side by side, and last a branch of an average pooling and a 1x1 convolution. */
function withAverage(net: Net, name: string, x: Value, branches: Value[], channels: number): Value {
  const averaged = net.averagePool(x, {kernel: 3, stride: 1, padding: 1});
  return net.concat([...branches, conv(net, `${name}.branch_pool`, averaged, out(channels))], 3);
}

/** Branches side by side, and last a max pooling: all of them halve the map. */
function withMaximum(net: Net, x: Value, branches: Value[]): Value {
  return net.concat([...branches, net.maxPool(x, {kernel: 3, stride: 2})], 3);
}

type Module = (net: Net, name: string, x: Value) => Value;

/** 1x1, 5x5 and two 3x3 (the paper's figure 5). */
const moduleA =
  (pooled: number): Module =>
  (net, name, x) => {
    const branches: Branch[] = [
      [['branch1x1', out(64)]],
      [
        ['branch5x5_1', out(48)],
        ['branch5x5_2', out(64, 5, 2)],
      ],
      [
        ['branch3x3dbl_1', out(64)],
        ['branch3x3dbl_2', out(96, 3, 1)],
        ['branch3x3dbl_3', out(96, 3, 1)],
      ],
    ];
    return withAverage(
      net,
      name,
      x,
      branches.map((layers) => branch(net, name, x, layers)),
      pooled,
    );
  };

/** Halves the map from 35 to 17. */
const moduleB: Module = (net, name, x) => {
  const branches: Branch[] = [
    [['branch3x3', halving(384)]],
    [
      ['branch3x3dbl_1', out(64)],
      ['branch3x3dbl_2', out(96, 3, 1)],
      ['branch3x3dbl_3', halving(96)],
    ],
  ];
  return withMaximum(
    net,
    x,
    branches.map((layers) => branch(net, name, x, layers)),
  );
};

/** 7x7 convolutions as rows and columns (figure 6). */
const moduleC =
  (narrow: number): Module =>
  (net, name, x) => {
    const branches: Branch[] = [
      [['branch1x1', out(192)]],
      [
        ['branch7x7_1', out(narrow)],
        ['branch7x7_2', row(narrow)],
        ['branch7x7_3', column(192)],
      ],
      [
        ['branch7x7dbl_1', out(narrow)],
        ['branch7x7dbl_2', column(narrow)],
        ['branch7x7dbl_3', row(narrow)],
        ['branch7x7dbl_4', column(narrow)],
        ['branch7x7dbl_5', row(192)],
      ],
    ];
    return withAverage(
      net,
      name,
      x,
      branches.map((layers) => branch(net, name, x, layers)),
      192,
    );
  };

/** Halves the map from 17 to 8. */
const moduleD: Module = (net, name, x) => {
  const branches: Branch[] = [
    [
      ['branch3x3_1', out(192)],
      ['branch3x3_2', halving(320)],
    ],
    [
      ['branch7x7x3_1', out(192)],
      ['branch7x7x3_2', row(192)],
      ['branch7x7x3_3', column(192)],
      ['branch7x7x3_4', halving(192)],
    ],
  ];
  return withMaximum(
    net,
    x,
    branches.map((layers) => branch(net, name, x, layers)),
  );
};

/** Branches that split once more into a row and a column (figure 7). */
const moduleE: Module = (net, name, x) => {
  const split = (y: Value, prefix: string): Value =>
    net.concat(
      [
        conv(net, `${name}.${prefix}a`, y, out(384, [1, 3], [0, 1])),
        conv(net, `${name}.${prefix}b`, y, out(384, [3, 1], [1, 0])),
      ],
      3,
    );
  const narrow = branch(net, name, x, [['branch3x3_1', out(384)]]);
  const double = branch(net, name, x, [
    ['branch3x3dbl_1', out(448)],
    ['branch3x3dbl_2', out(384, 3, 1)],
  ]);
  const branches = [
    branch(net, name, x, [['branch1x1', out(320)]]),
    split(narrow, 'branch3x3_2'),
    split(double, 'branch3x3dbl_3'),
  ];
  return withAverage(net, name, x, branches, 192);
};

const stem: Stage = {
  name: 'stem',
  forward: (net, x) => {
    const pooling = {kernel: 3, stride: 2};
    let y = conv(net, 'Conv2d_1a_3x3', x, halving(32));
    y = conv(net, 'Conv2d_2a_3x3', y, out(32, 3));
    y = net.maxPool(conv(net, 'Conv2d_2b_3x3', y, out(64, 3, 1)), pooling);
    y = conv(net, 'Conv2d_3b_1x1', y, out(80));
    return net.maxPool(conv(net, 'Conv2d_4a_3x3', y, out(192, 3)), pooling);
  },
};

const modules: [name: string, module: Module][] = [
  ['Mixed_5b', moduleA(32)],
  ['Mixed_5c', moduleA(64)],
  ['Mixed_5d', moduleA(64)],
  ['Mixed_6a', moduleB],
  ['Mixed_6b', moduleC(128)],
  ['Mixed_6c', moduleC(160)],
  ['Mixed_6d', moduleC(160)],
  ['Mixed_6e', moduleC(192)],
  ['Mixed_7a', moduleD],
  ['Mixed_7b', moduleE],
  ['Mixed_7c', moduleE],
];

/**
 * Inception v3. Photos come in with mean and deviation 0.5 per channel, as the network was trained; torchvision takes them
 * in ImageNet's normalisation and turns that into this one (`transform_input`).
 */
export const inception_v3 = defineBackbone({
  name: 'inception_v3',
  title: 'Inception v3',
  paper: {
    authors: 'Szegedy, Vanhoucke, Ioffe, Shlens, Wojna',
    year: 2015,
    title: 'Rethinking the Inception Architecture for Computer Vision',
    url: 'https://arxiv.org/abs/1512.00567',
  },
  weights: torchvision('inception_v3_google-0cc3c7bd.pth', {accuracy: 77.294}),
  preprocessing: checkedPreprocessing({
    resize: 342,
    crop: 299,
    interpolation: 'bilinear',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  }),
  stages: [
    stem,
    ...modules.map(([name, module]): Stage => ({
      name,
      forward: (net, x) => net.block(() => module(net, name, x)),
    })),
  ],
  originalHead: {output: (net, x) => net.linear('fc', net.dropout(x, 0.5), {out: 1000})},
  auxiliary: {
    after: 'Mixed_6e',
    weight: 0.4,
    features: (net, x) => {
      const pooled = net.averagePool(x, {kernel: 5, stride: 3});
      const narrow = conv(net, 'AuxLogits.conv0', pooled, out(128));
      const wide = conv(net, 'AuxLogits.conv1', narrow, out(768, 5));
      return net.globalAverage(wide);
    },
    output: (net, x) => net.linear('AuxLogits.fc', x, {out: 1000}),
  },
});
