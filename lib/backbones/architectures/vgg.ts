import {imagenet} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import {flattened, torchvision} from './published';

/** Channels and number of the 3x3 convolutions of each block (configuration D of the paper's table 1). */
const blocks: [number, number][] = [
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 3],
  [512, 3],
];

/** A stage per block, its max pooling included; names count convolutions, activations and poolings as torchvision does. */
function stages(): Stage[] {
  let index = 0;
  return blocks.map(([out, count], i) => {
    const names = Array.from({length: count}, (_, j) => `features.${index + 2 * j}`);
    index += 2 * count + 1;
    return {
      name: `block${i + 1}`,
      forward: (net, x) => {
        const convolution = {out, kernel: 3, padding: 1, activation: 'relu' as const};
        const y = names.reduce((value, name) => net.conv(name, value, convolution), x);
        return net.maxPool(y, {kernel: 2, stride: 2});
      },
    };
  });
}

export const vgg16 = defineBackbone({
  name: 'vgg16',
  title: 'VGG-16',
  paper: {
    authors: 'Simonyan, Zisserman',
    year: 2014,
    title: 'Very Deep Convolutional Networks for Large-Scale Image Recognition',
    url: 'https://arxiv.org/abs/1409.1556',
  },
  weights: torchvision('vgg16-397923af.pth', {accuracy: 71.592}),
  preprocessing: imagenet({resize: 256, crop: 224}),
  stages: stages(),
  originalHead: {
    input: (net, x) => flattened(net, x, 7),
    layers: [
      {
        name: 'classifier.0',
        forward: (net, x) => net.linear('classifier.0', x, {out: 4096, activation: 'relu'}),
      },
      {
        name: 'classifier.3',
        forward: (net, x) => net.linear('classifier.3', net.dropout(x, 0.5), {out: 4096, activation: 'relu'}),
      },
    ],
    output: (net, x) => net.linear('classifier.6', net.dropout(x, 0.5), {out: 1000}),
  },
});
