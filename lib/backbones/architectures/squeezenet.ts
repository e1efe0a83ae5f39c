import {imagenet} from '../../pictures';
import {type Definition, defineBackbone, type Stage} from '../architecture';
import type {Net, PoolOptions, Value} from '../net';
import {torchvision} from './published';

const pooling: PoolOptions = {kernel: 3, stride: 2, ceil: true};

/** Fire: squeeze to few channels by 1x1, expand by 1x1 and 3x3 side by side. */
function fire(net: Net, name: string, x: Value, squeeze: number, expand: number): Value {
  return net.block(() => {
    const small = net.conv(`${name}.squeeze`, x, {out: squeeze, kernel: 1, activation: 'relu'});
    return net.parallelConvs(small, [
      [`${name}.expand1x1`, {out: expand, kernel: 1, activation: 'relu'}],
      [`${name}.expand3x3`, {out: expand, kernel: 3, padding: 1, activation: 'relu'}],
    ]);
  });
}

/** Index in `features`, squeeze channels, expand channels of each side, whether a max pooling follows. */
const fires: [number, number, number, boolean][] = [
  [3, 16, 64, false],
  [4, 16, 64, true],
  [6, 32, 128, false],
  [7, 32, 128, true],
  [9, 48, 192, false],
  [10, 48, 192, false],
  [11, 64, 256, false],
  [12, 64, 256, false],
];

/** The stages of SqueezeNet 1.1 with its channels multiplied by `width`; a pooling belongs to the stage before it. */
export function squeezenetStages(width = 1): Stage[] {
  return [
    {
      name: 'features.0',
      forward: (net, x) => {
        const stem = net.conv('features.0', x, {out: 64 * width, kernel: 3, stride: 2, activation: 'relu'});
        return net.maxPool(stem, pooling);
      },
    },
    ...fires.map(([index, squeeze, expand, pool]): Stage => {
      const name = `features.${index}`;
      return {
        name,
        forward: (net, x) => {
          const y = fire(net, name, x, squeeze * width, expand * width);
          return pool ? net.maxPool(y, pooling) : y;
        },
      };
    }),
  ];
}

export const squeezenetPaper: Definition['paper'] = {
  authors: 'Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer',
  year: 2016,
  title: 'SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size',
  url: 'https://arxiv.org/abs/1602.07360',
};

export const squeezenet1_1 = defineBackbone({
  name: 'squeezenet1_1',
  title: 'SqueezeNet 1.1',
  paper: squeezenetPaper,
  weights: torchvision('squeezenet1_1-b8a52dc0.pth', {accuracy: 58.178}),
  standIn: 'efficientnet_lite1',
  preprocessing: imagenet({resize: 256, crop: 224}),
  stages: squeezenetStages(),
  originalHead: {
    input: (_net, x) => x,
    output: (net, x) =>
      net.globalAverage(
        net.conv('classifier.1', net.dropout(x, 0.5), {out: 1000, kernel: 1, activation: 'relu'}),
      ),
  },
});
