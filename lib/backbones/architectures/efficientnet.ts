import {imagenet} from '../../pictures';
import {type Definition, defineBackbone, type Stage} from '../architecture';
import type {ConvOptions, NamedConv, Net, Value} from '../net';
import {divisible, torchvision} from './published';

/** Expansion, kernel, stride of the first, output channels, repetitions of EfficientNet-B0 (table 1 of the paper). */
const table = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
];

export interface BlockOptions {
  expansion: number;
  kernel: number;
  stride: number;
  out: number;
  /** Probability that the block is left out for a photo in training. */
  dropRate: number;
}

export interface EfficientNetScale {
  /** Factor on the channels. */
  width: number;
  /** Factor on the repetitions. */
  depth: number;
}

/** The blocks of table 1, group by group, scaled from B0; with `keepsEnds` the first and the last group stay as long. */
export function scaledBlocks({width, depth}: EfficientNetScale, {keepsEnds = false} = {}): BlockOptions[][] {
  const groups = table.map(([expansion, kernel, stride, out, repetitions], i) => {
    const keeps = keepsEnds && (i === 0 || i === table.length - 1);
    return Array.from({length: keeps ? repetitions : Math.ceil(repetitions * depth)}, (_, repetition) => ({
      expansion,
      kernel,
      stride: repetition === 0 ? stride : 1,
      out: divisible(out * width, 8),
    }));
  });
  const total = groups.flat().length;
  let index = 0;
  return groups.map((blocks) => blocks.map((block) => ({...block, dropRate: (0.2 * index++) / total})));
}

/** Mobile inverted bottleneck with squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507). */
function mbConv(
  net: Net,
  name: string,
  x: Value,
  {expansion, kernel, stride, out, dropRate}: BlockOptions,
): Value {
  const channels = x.shape[3];
  const wide = divisible(channels * expansion, 8);
  const expands = wide !== channels;
  const layer = (index: number) => `${name}.block.${expands ? index : index - 1}`;
  return net.block(() => {
    const widened = (index: number, options: Omit<ConvOptions, 'out'>): NamedConv => [
      `${layer(index)}.0`,
      {...options, out: wide, norm: `${layer(index)}.1`, activation: 'silu'},
    ];
    const expand = expands ? [widened(0, {kernel: 1})] : [];
    const filter = widened(1, {kernel, stride, padding: (kernel - 1) / 2, groups: wide});
    const y = net.convs(x, [...expand, filter]);
    const squeezed = net.globalAverage(y, true);
    const small = Math.max(1, Math.floor(channels / 4));
    const hidden = net.conv(`${layer(2)}.fc1`, squeezed, {out: small, kernel: 1, activation: 'silu'});
    const gate = net.conv(`${layer(2)}.fc2`, hidden, {out: wide, kernel: 1, activation: 'sigmoid'});
    const residual = stride === 1 && channels === out ? x : undefined;
    const ending = {norm: `${layer(3)}.1`, residual, dropRate};
    return net.conv(`${layer(3)}.0`, y, {out, kernel: 1, gate, ...ending});
  });
}

/** The stages of an EfficientNet, scaled from B0. */
export function efficientnetStages(scale: EfficientNetScale): Stage[] {
  const groups = scaledBlocks(scale);
  const stages = groups.map((blocks, i): Stage => {
    const name = `features.${i + 1}`;
    return {
      name,
      forward: (net, x) =>
        blocks.reduce<Value>((y, options, j) => mbConv(net, `${name}.${j}`, y, options), x),
    };
  });
  const conv = (name: string, out: number, kernel: number, stride: number): Stage => ({
    name,
    forward: (net, x) =>
      net.conv(`${name}.0`, x, {
        out,
        kernel,
        stride,
        padding: (kernel - 1) / 2,
        norm: `${name}.1`,
        activation: 'silu',
      }),
  });
  const last = groups[groups.length - 1][0].out;
  return [
    conv('features.0', divisible(32 * scale.width, 8), 3, 2),
    ...stages,
    conv(`features.${stages.length + 1}`, 4 * last, 1, 1),
  ];
}

export const efficientnetPaper: Definition['paper'] = {
  authors: 'Tan, Le',
  year: 2019,
  title: 'EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks',
  url: 'https://arxiv.org/abs/1905.11946',
};

const originalHead = (dropout: number): Definition['originalHead'] => ({
  output: (net, x) => net.linear('classifier.1', net.dropout(x, dropout), {out: 1000}),
});

export const efficientnet_b0 = defineBackbone({
  name: 'efficientnet_b0',
  title: 'EfficientNet-B0',
  paper: efficientnetPaper,
  weights: torchvision('efficientnet_b0_rwightman-7f5810bc.pth', {accuracy: 77.692}),
  preprocessing: imagenet({resize: 256, crop: 224, interpolation: 'bicubic'}),
  stages: efficientnetStages({width: 1, depth: 1}),
  originalHead: originalHead(0.2),
});

export const efficientnet_b4 = defineBackbone({
  name: 'efficientnet_b4',
  title: 'EfficientNet-B4',
  paper: efficientnetPaper,
  weights: torchvision('efficientnet_b4_rwightman-23ab8bcd.pth', {accuracy: 83.384}),
  standIn: 'efficientnet_lite2',
  preprocessing: imagenet({resize: 384, crop: 380, interpolation: 'bicubic'}),
  stages: efficientnetStages({width: 1.4, depth: 1.8}),
  originalHead: originalHead(0.4),
});
