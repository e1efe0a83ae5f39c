import type {Activation} from '../../engine';
import {imagenet} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import type {ConvOptions, NamedConv, Net, Value} from '../net';
import {divisible, torchvision} from './published';

const norm = {epsilon: 1e-3, momentum: 0.01};

interface BlockOptions {
  kernel: number;
  /** Channels between the 1x1 convolutions. */
  wide: number;
  out: number;
  /** Whether it weighs its channels by squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507). */
  excites: boolean;
  activation: Activation;
  stride: number;
}

/** MobileNetV3-Large: table 1 of the paper, as torchvision writes it. */
const blocks = (
  [
    [3, 16, 16, false, 'relu', 1],
    [3, 64, 24, false, 'relu', 2],
    [3, 72, 24, false, 'relu', 1],
    [5, 72, 40, true, 'relu', 2],
    [5, 120, 40, true, 'relu', 1],
    [5, 120, 40, true, 'relu', 1],
    [3, 240, 80, false, 'hardswish', 2],
    [3, 200, 80, false, 'hardswish', 1],
    [3, 184, 80, false, 'hardswish', 1],
    [3, 184, 80, false, 'hardswish', 1],
    [3, 480, 112, true, 'hardswish', 1],
    [3, 672, 112, true, 'hardswish', 1],
    [5, 672, 160, true, 'hardswish', 2],
    [5, 960, 160, true, 'hardswish', 1],
    [5, 960, 160, true, 'hardswish', 1],
  ] as const
).map(([kernel, wide, out, excites, activation, stride]): BlockOptions => ({
  kernel,
  wide,
  out,
  excites,
  activation,
  stride,
}));

/** The factors by which the channels of each photo are weighed. */
function squeezeExcitation(net: Net, name: string, x: Value): Value {
  const channels = x.shape[3];
  const squeezed = {out: divisible(Math.floor(channels / 4), 8), kernel: 1, activation: 'relu' as const};
  const hidden = net.conv(`${name}.fc1`, net.globalAverage(x, true), squeezed);
  return net.conv(`${name}.fc2`, hidden, {out: channels, kernel: 1, activation: 'hardsigmoid'});
}

/** Inverted residual: widen by 1x1 where there is anything to widen, filter each channel, excite, narrow by 1x1. */
function invertedResidual(net: Net, name: string, x: Value, options: BlockOptions): Value {
  const {kernel, wide, out, excites, activation, stride} = options;
  const channels = x.shape[3];
  return net.block(() => {
    let index = 0;
    const next = () => `${name}.block.${index++}`;
    const layer = (options: ConvOptions): NamedConv => {
      const prefix = next();
      return [`${prefix}.0`, {...norm, ...options, norm: `${prefix}.1`}];
    };
    const expand = wide === channels ? [] : [layer({out: wide, kernel: 1, activation})];
    const depthwise = {out: wide, kernel, stride, padding: (kernel - 1) / 2, groups: wide, activation};
    const y = net.convs(x, [...expand, layer(depthwise)]);
    const gate = excites ? squeezeExcitation(net, next(), y) : undefined;
    const residual = stride === 1 && channels === out ? x : undefined;
    return net.convs(y, [layer({out, kernel: 1, gate, residual})]);
  });
}

const conv = (
  index: number,
  options: {out: number; kernel: number; stride?: number; padding?: number},
): Stage => {
  const name = `features.${index}`;
  return {
    name,
    forward: (net, x) =>
      net.conv(`${name}.0`, x, {...options, norm: `${name}.1`, ...norm, activation: 'hardswish'}),
  };
};

export const mobilenet_v3_large = defineBackbone({
  name: 'mobilenet_v3_large',
  title: 'MobileNetV3-Large',
  paper: {
    authors: 'Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam',
    year: 2019,
    title: 'Searching for MobileNetV3',
    url: 'https://arxiv.org/abs/1905.02244',
  },
  weights: torchvision('mobilenet_v3_large-8738ca79.pth', {accuracy: 74.042}),
  preprocessing: imagenet({resize: 256, crop: 224}),
  stages: [
    conv(0, {out: 16, kernel: 3, stride: 2, padding: 1}),
    ...blocks.map((block, i): Stage => {
      const name = `features.${i + 1}`;
      return {name, forward: (net, x) => invertedResidual(net, name, x, block)};
    }),
    conv(blocks.length + 1, {out: 960, kernel: 1}),
  ],
  originalHead: {
    layers: [
      {
        name: 'classifier.0',
        forward: (net, x) => net.linear('classifier.0', x, {out: 1280, activation: 'hardswish'}),
      },
    ],
    output: (net, x) => net.linear('classifier.3', net.dropout(x, 0.2), {out: 1000}),
  },
});
