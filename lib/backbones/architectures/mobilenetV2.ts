import {imagenet} from '../../pictures';
import {type Definition, defineBackbone, type Stage} from '../architecture';
import type {ConvOptions, NamedConv, Net, Value} from '../net';
import {divisible, torchvision} from './published';

/** Expansion, output channels, repetitions, stride of the first (table 2 of the paper). */
const table = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

interface BlockOptions {
  expansion: number;
  out: number;
  stride: number;
}

/** Inverted residual with a linear bottleneck: widen by 1x1, filter each channel by itself, narrow by 1x1. */
function invertedResidual(net: Net, name: string, x: Value, {expansion, out, stride}: BlockOptions): Value {
  const channels = x.shape[3];
  const wide = channels * expansion;
  const layer = (index: number) => `${name}.conv.${index}`;
  const last = expansion === 1 ? 1 : 2;
  return net.block(() => {
    const widened = (index: number, options: Omit<ConvOptions, 'out'>): NamedConv => [
      `${layer(index)}.0`,
      {...options, out: wide, norm: `${layer(index)}.1`, activation: 'relu6'},
    ];
    const expand = expansion === 1 ? [] : [widened(0, {kernel: 1})];
    const filter = widened(last - 1, {kernel: 3, stride, padding: 1, groups: wide});
    const y = net.convs(x, [...expand, filter]);
    const residual = stride === 1 && channels === out ? x : undefined;
    return net.conv(layer(last), y, {out, kernel: 1, norm: layer(last + 1), residual});
  });
}

/** The stages of a MobileNetV2 whose channels are multiplied by `width`. */
export function mobilenetV2Stages(width = 1): Stage[] {
  const channels = (base: number) => divisible(base * width, 8);
  const blocks = table.flatMap(([expansion, out, repetitions, stride]) =>
    Array.from({length: repetitions}, (_, i) => ({
      expansion,
      out: channels(out),
      stride: i === 0 ? stride : 1,
    })),
  );
  const conv = (
    name: string,
    options: {out: number; kernel: number; stride?: number; padding?: number},
  ): Stage => ({
    name,
    forward: (net, x) => net.conv(`${name}.0`, x, {...options, norm: `${name}.1`, activation: 'relu6'}),
  });
  return [
    conv('features.0', {out: channels(32), kernel: 3, stride: 2, padding: 1}),
    ...blocks.map((block, i): Stage => {
      const name = `features.${i + 1}`;
      return {name, forward: (net, x) => invertedResidual(net, name, x, block)};
    }),
    conv(`features.${blocks.length + 1}`, {out: divisible(1280 * Math.max(1, width), 8), kernel: 1}),
  ];
}

export const mobilenetV2Paper: Definition['paper'] = {
  authors: 'Sandler, Howard, Zhu, Zhmoginov, Chen',
  year: 2018,
  title: 'MobileNetV2: Inverted Residuals and Linear Bottlenecks',
  url: 'https://arxiv.org/abs/1801.04381',
};

export const mobilenet_v2 = defineBackbone({
  name: 'mobilenet_v2',
  title: 'MobileNetV2',
  paper: mobilenetV2Paper,
  weights: torchvision('mobilenet_v2-b0353104.pth', {accuracy: 71.878}),
  standIn: 'efficientnet_lite0',
  preprocessing: imagenet({resize: 256, crop: 224}),
  stages: mobilenetV2Stages(),
  originalHead: {output: (net, x) => net.linear('classifier.1', net.dropout(x, 0.2), {out: 1000})},
});
