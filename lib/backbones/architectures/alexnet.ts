import {imagenet} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import type {ConvOptions} from '../net';
import {flattened, torchvision} from './published';

/** Index in `features`, the convolution there, whether a max pooling follows. */
const layers: [number, ConvOptions, boolean][] = [
  [0, {out: 64, kernel: 11, stride: 4, padding: 2}, true],
  [3, {out: 192, kernel: 5, padding: 2}, true],
  [6, {out: 384, kernel: 3, padding: 1}, false],
  [8, {out: 256, kernel: 3, padding: 1}, false],
  [10, {out: 256, kernel: 3, padding: 1}, true],
];

/** AlexNet in the width of its one-tower version; a pooling belongs to the stage before it. */
export const alexnet = defineBackbone({
  name: 'alexnet',
  title: 'AlexNet',
  paper: {
    authors: 'Krizhevsky',
    year: 2014,
    title: 'One weird trick for parallelizing convolutional neural networks',
    url: 'https://arxiv.org/abs/1404.5997',
  },
  weights: torchvision('alexnet-owt-7be5be79.pth', {accuracy: 56.522}),
  preprocessing: imagenet({resize: 256, crop: 224}),
  stages: layers.map(([index, convolution, pools]): Stage => {
    const name = `features.${index}`;
    return {
      name,
      forward: (net, x) => {
        const y = net.conv(name, x, {...convolution, activation: 'relu'});
        return pools ? net.maxPool(y, {kernel: 3, stride: 2}) : y;
      },
    };
  }),
  originalHead: {
    input: (net, x) => flattened(net, x, 6),
    layers: ['classifier.1', 'classifier.4'].map((name): Stage => ({
      name,
      forward: (net, x) => net.linear(name, net.dropout(x, 0.5), {out: 4096, activation: 'relu'}),
    })),
    output: (net, x) => net.linear('classifier.6', x, {out: 1000}),
  },
});
