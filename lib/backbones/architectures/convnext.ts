import {imagenet} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import type {Net, Value} from '../net';
import {torchvision} from './published';

const epsilon = 1e-6;

/** 7x7 depthwise convolution, layer norm, a perceptron four times as wide, scaled per channel. */
function block(net: Net, name: string, x: Value, dropRate: number): Value {
  const channels = x.shape[3];
  return net.block(() => {
    let y = net.conv(`${name}.block.0`, x, {out: channels, kernel: 7, padding: 3, groups: channels});
    y = net.layerNorm(`${name}.block.2`, y, {epsilon});
    y = net.linear(`${name}.block.3`, y, {out: 4 * channels, activation: 'gelu'});
    const scale = `${name}.layer_scale`;
    return net.linear(`${name}.block.5`, y, {out: channels, scale, residual: x, dropRate});
  });
}

/** Patches, then blocks and halvings in turn, numbered as in torchvision. */
function stages(depths: number[], widths: number[], dropRate: number): Stage[] {
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  let drawn = 0;
  return depths.flatMap((depth, i): Stage[] => {
    const [reduction, blocks] = [`features.${2 * i}`, `features.${2 * i + 1}`];
    const out = widths[i];
    const patches: Stage = {
      name: reduction,
      forward: (net, x) =>
        net.layerNorm(`${reduction}.1`, net.conv(`${reduction}.0`, x, {out, kernel: 4, stride: 4}), {
          epsilon,
        }),
    };
    const halving: Stage = {
      name: reduction,
      forward: (net, x) =>
        net.conv(`${reduction}.1`, net.layerNorm(`${reduction}.0`, x, {epsilon}), {
          out,
          kernel: 2,
          stride: 2,
        }),
    };
    const rates = Array.from({length: depth}, () => (dropRate * drawn++) / (total - 1));
    const forward: Stage['forward'] = (net, x) =>
      rates.reduce((y, rate, j) => block(net, `${blocks}.${j}`, y, rate), x);
    return [i === 0 ? patches : halving, {name: blocks, forward}];
  });
}

/** Average over the map, then the layer norm that torchvision counts to the classifier. */
function pool(net: Net, x: Value): Value {
  return net.layerNorm('classifier.0', net.globalAverage(x), {epsilon});
}

export const convnext_tiny = defineBackbone({
  name: 'convnext_tiny',
  title: 'ConvNeXt-Tiny',
  paper: {
    authors: 'Liu, Mao, Wu, Feichtenhofer, Darrell, Xie',
    year: 2022,
    title: 'A ConvNet for the 2020s',
    url: 'https://arxiv.org/abs/2201.03545',
  },
  weights: torchvision('convnext_tiny-983f1562.pth', {accuracy: 82.52}),
  preprocessing: imagenet({resize: 236, crop: 224}),
  stages: stages([3, 3, 9, 3], [96, 192, 384, 768], 0.1),
  pool,
  originalHead: {output: (net, x) => net.linear('classifier.2', x, {out: 1000})},
});
