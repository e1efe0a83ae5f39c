import {imagenet} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import type {Net, Value} from '../net';
import {torchvision} from './published';

const growth = 32;

/** What a dense block has come to: all channels but the newest, and these; before its first layer there are none. */
type Grown = {joined: Value; grown?: Value};

/** Joins the newest channels to the others before a batch normalisation with ReLU; the first layer has nothing to join. */
function normalise(net: Net, name: string, {joined, grown}: Grown) {
  const relu = {activation: 'relu' as const};
  if (grown) return net.joinedBatchNorm(name, [joined, grown], relu);
  return {joined, y: net.batchNorm(name, joined, relu)};
}

/** Batch normalisation, ReLU and convolution, twice: 1x1 to four times the growth, then 3x3. */
function denseLayer(net: Net, name: string, x: Grown): Grown {
  return net.block(() => {
    const {joined, y} = normalise(net, `${name}.norm1`, x);
    const narrow = {out: 4 * growth, kernel: 1, norm: `${name}.norm2`, activation: 'relu' as const};
    const squeezed = net.conv(`${name}.conv1`, y, narrow);
    const grown = net.conv(`${name}.conv2`, squeezed, {out: growth, kernel: 3, padding: 1, bias: false});
    return {joined, grown};
  });
}

function transition(net: Net, name: string, x: Value): Value {
  return net.block(() => {
    const normalised = net.batchNorm(`${name}.norm`, x, {activation: 'relu'});
    const halved = net.conv(`${name}.conv`, normalised, {out: x.shape[3] / 2, kernel: 1, bias: false});
    return net.averagePool(halved, {kernel: 2, stride: 2});
  });
}

/** The stem and the dense blocks; the transition (at the end: the last normalisation) belongs to the block before it. */
function stages(blocks: number[]): Stage[] {
  const stem: Stage = {
    name: 'stem',
    forward: (net, x) => {
      const convolution = {out: 2 * growth, kernel: 7, stride: 2, padding: 3};
      const y = net.conv('features.conv0', x, {...convolution, norm: 'features.norm0', activation: 'relu'});
      return net.maxPool(y, {kernel: 3, stride: 2, padding: 1});
    },
  };
  const dense = blocks.map((layers, i): Stage => {
    const name = `denseblock${i + 1}`;
    const forward: Stage['forward'] = (net, x) => {
      let block: Grown = {joined: x};
      for (let j = 1; j <= layers; j++) block = denseLayer(net, `features.${name}.denselayer${j}`, block);
      const y = block.grown ? net.concat([block.joined, block.grown], 3) : block.joined;
      return i < blocks.length - 1
        ? transition(net, `features.transition${i + 1}`, y)
        : net.batchNorm('features.norm5', y, {activation: 'relu'});
    };
    return {name, forward};
  });
  return [stem, ...dense];
}

export const densenet121 = defineBackbone({
  name: 'densenet121',
  title: 'DenseNet-121',
  paper: {
    authors: 'Huang, Liu, van der Maaten, Weinberger',
    year: 2016,
    title: 'Densely Connected Convolutional Networks',
    url: 'https://arxiv.org/abs/1608.06993',
  },
  weights: torchvision('densenet121-a639ec97.pth', {accuracy: 74.434}),
  preprocessing: imagenet({resize: 256, crop: 224}),
  stages: stages([6, 12, 24, 16]),
  originalHead: {output: (net, x) => net.linear('classifier', x, {out: 1000})},
  rename: (name) => name.replace(/(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)/, '$1'),
});
