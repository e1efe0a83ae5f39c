import {imagenet} from '../../pictures';
import {type Definition, defineBackbone, type Stage} from '../architecture';
import type {Net, Value} from '../net';
import {torchvision} from './published';

/** The way past a block: the block's input, by 1x1 where its size or width changes. */
function shortcut(net: Net, name: string, x: Value, out: number, stride: number): Value {
  if (stride === 1 && x.shape[3] === out) return x;
  return net.conv(`${name}.downsample.0`, x, {out, kernel: 1, stride, norm: `${name}.downsample.1`});
}

interface BlockOptions {
  /** Channels of the 3x3 convolutions before `groups` widens them: 64, 128, 256, 512. */
  planes: number;
  stride: number;
}

type Block = (net: Net, name: string, x: Value, options: BlockOptions) => Value;

/** Two 3x3 convolutions and the shortcut. */
const basic: Block = (net, name, x, {planes, stride}) => {
  const y = net.conv(`${name}.conv1`, x, {
    out: planes,
    kernel: 3,
    stride,
    padding: 1,
    norm: `${name}.bn1`,
    activation: 'relu',
  });
  const residual = shortcut(net, name, x, planes, stride);
  return net.conv(`${name}.conv2`, y, {
    out: planes,
    kernel: 3,
    padding: 1,
    norm: `${name}.bn2`,
    residual,
    activation: 'relu',
  });
};

/** Narrow by 1x1, a 3x3 convolution in groups, which holds the stride as in torchvision, and widen by 1x1. */
const bottleneck =
  ({groups, widthPerGroup}: {groups: number; widthPerGroup: number}): Block =>
  (net, name, x, {planes, stride}) => {
    const width = (planes * widthPerGroup * groups) / 64;
    const layer = (index: number) => ({norm: `${name}.bn${index}`, activation: 'relu' as const});
    let y = net.conv(`${name}.conv1`, x, {out: width, kernel: 1, ...layer(1)});
    y = net.conv(`${name}.conv2`, y, {out: width, kernel: 3, stride, padding: 1, groups, ...layer(2)});
    const residual = shortcut(net, name, x, 4 * planes, stride);
    return net.conv(`${name}.conv3`, y, {out: 4 * planes, kernel: 1, residual, ...layer(3)});
  };

/** The stem and the four layers of a residual network with so many blocks in each. */
function resnetStages(block: Block, blocks: number[]): Stage[] {
  const stem: Stage = {
    name: 'stem',
    forward: (net, x) => {
      const y = net.conv('conv1', x, {
        out: 64,
        kernel: 7,
        stride: 2,
        padding: 3,
        norm: 'bn1',
        activation: 'relu',
      });
      return net.maxPool(y, {kernel: 3, stride: 2, padding: 1});
    },
  };
  const layers = blocks.map((count, i): Stage => {
    const name = `layer${i + 1}`;
    const forward: Stage['forward'] = (net, x) => {
      let y = x;
      for (let j = 0; j < count; j++) {
        const input = y;
        const stride = i > 0 && j === 0 ? 2 : 1;
        y = net.block(() => block(net, `${name}.${j}`, input, {planes: 64 * 2 ** i, stride}));
      }
      return y;
    };
    return {name, forward};
  });
  return [stem, ...layers];
}

const paper: Definition['paper'] = {
  authors: 'He, Zhang, Ren, Sun',
  year: 2015,
  title: 'Deep Residual Learning for Image Recognition',
  url: 'https://arxiv.org/abs/1512.03385',
};

const shared: Pick<Definition, 'preprocessing' | 'originalHead'> = {
  preprocessing: imagenet({resize: 256, crop: 224}),
  originalHead: {output: (net, x) => net.linear('fc', x, {out: 1000})},
};

export const resnet18 = defineBackbone({
  name: 'resnet18',
  title: 'ResNet-18',
  paper,
  weights: torchvision('resnet18-f37072fd.pth', {accuracy: 69.758}),
  stages: resnetStages(basic, [2, 2, 2, 2]),
  ...shared,
});

export const resnet50 = defineBackbone({
  name: 'resnet50',
  title: 'ResNet-50',
  paper,
  weights: torchvision('resnet50-0676ba61.pth', {accuracy: 76.13}),
  stages: resnetStages(bottleneck({groups: 1, widthPerGroup: 64}), [3, 4, 6, 3]),
  ...shared,
});

/** ResNet-50 with the 3x3 convolution of each block split into 32 groups. */
export const resnext50_32x4d = defineBackbone({
  name: 'resnext50_32x4d',
  title: 'ResNeXt-50 32x4d',
  paper: {
    authors: 'Xie, Girshick, Dollár, Tu, He',
    year: 2016,
    title: 'Aggregated Residual Transformations for Deep Neural Networks',
    url: 'https://arxiv.org/abs/1611.05431',
  },
  weights: torchvision('resnext50_32x4d-7cdf4587.pth', {accuracy: 77.618}),
  stages: resnetStages(bottleneck({groups: 32, widthPerGroup: 4}), [3, 4, 6, 3]),
  ...shared,
});
