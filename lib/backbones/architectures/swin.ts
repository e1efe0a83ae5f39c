import {imagenet} from '../../pictures';
import {defineBackbone, type Stage} from '../architecture';
import type {Net, Value} from '../net';
import {perceptron, selfAttention} from './attention';
import {torchvision} from './published';

const epsilon = 1e-5;
/** Tokens along a window's side. */
const side = 7;
const windowSize = side * side;

/** Row of the table of relative positions for each pair of tokens of a window, query by query. */
const relativePositions = Int32Array.from({length: windowSize ** 2}, (_, pair) => {
  const [query, key] = [Math.floor(pair / windowSize), pair % windowSize];
  const rows = Math.floor(query / side) - Math.floor(key / side) + side - 1;
  const columns = (query % side) - (key % side) + side - 1;
  return rows * (2 * side - 1) + columns;
});

/**
 * After a cyclic shift a window holds tokens from opposite edges: -100 for each pair of tokens [window, query, key] that
 * were no neighbours before, 0 for the others.
 */
function shiftMask(height: number, width: number, shifts: [number, number]): Float32Array {
  const region = (place: number, length: number, shift: number) =>
    place < length - side ? 0 : place < length - shift || shift === 0 ? 1 : 2;
  const across = width / side;
  const windows = (height / side) * across;
  const mask = new Float32Array(windows * windowSize ** 2);
  for (let window = 0; window < windows; window++) {
    const regions = Array.from({length: windowSize}, (_, token) => {
      const row = Math.floor(window / across) * side + Math.floor(token / side);
      const column = (window % across) * side + (token % side);
      return 3 * region(row, height, shifts[0]) + region(column, width, shifts[1]);
    });
    for (let pair = 0; pair < windowSize ** 2; pair++) {
      const together = regions[Math.floor(pair / windowSize)] === regions[pair % windowSize];
      mask[window * windowSize ** 2 + pair] = together ? 0 : -100;
    }
  }
  return mask;
}

/** Self-attention within windows, which lie half a window further up and left in every second block, and the sum after it. */
function windowAttention(
  net: Net,
  name: string,
  x: Value,
  residual: Value,
  {heads, shifted, dropRate}: BlockOptions,
): Value {
  const [, height, width] = x.shape;
  const filled = (map: Value) =>
    net.pad(map, [0, (side - (height % side)) % side, 0, (side - (width % side)) % side]);
  const input = filled(x);
  const [, rows, columns] = input.shape;
  const shift = (length: number) => (shifted && length > side ? Math.floor(side / 2) : 0);
  const shifts: [number, number] = [shift(rows), shift(columns)];
  const moved = shifts.some((amount) => amount > 0);
  const windows = (rows / side) * (columns / side);

  const table = net.parameter(`${name}.relative_position_bias_table`, [(2 * side - 1) ** 2, heads]);
  const pairs = net.reshape(net.gather(table, relativePositions), [windowSize, windowSize, heads]);
  const positions = net.reshape(net.transpose(pairs, [2, 0, 1]), [1, heads, windowSize, windowSize]);
  const mask = () => net.constant(shiftMask(rows, columns, shifts), [windows, 1, windowSize, windowSize]);
  const bias = moved ? net.add(positions, mask()) : positions;

  const map = selfAttention(net, input, {
    heads,
    mix: `${name}.qkv`,
    project: `${name}.proj`,
    bias,
    windows: {side, shift: shifts},
    residual: filled(residual),
    dropRate,
  });
  return net.slice(map, [0, 0, 0, 0], [...residual.shape]);
}

interface BlockOptions {
  heads: number;
  shifted: boolean;
  dropRate: number;
}

function block(net: Net, name: string, x: Value, options: BlockOptions): Value {
  return net.block(() => {
    const normalised = net.layerNorm(`${name}.norm1`, x, {epsilon});
    const sum = windowAttention(net, `${name}.attn`, normalised, x, options);
    const widened = net.layerNorm(`${name}.norm2`, sum, {epsilon});
    const {dropRate} = options;
    return perceptron(net, widened, `${name}.mlp.0`, `${name}.mlp.3`, {residual: sum, dropRate});
  });
}

/** Four neighbours become one token, twice as wide. */
function mergePatches(net: Net, name: string, x: Value): Value {
  return net.block(() => {
    const [batch, height, width, channels] = x.shape;
    const even = net.pad(x, [0, height % 2, 0, width % 2]);
    const [rows, columns] = [even.shape[1] / 2, even.shape[2] / 2];
    const split = net.reshape(even, [batch, rows, 2, columns, 2, channels]);
    const merged = net.reshape(net.transpose(split, [0, 1, 3, 4, 2, 5]), [
      batch,
      rows,
      columns,
      4 * channels,
    ]);
    const normalised = net.layerNorm(`${name}.norm`, merged, {epsilon});
    return net.linear(`${name}.reduction`, normalised, {out: 2 * channels, bias: false});
  });
}

/** Patches, then blocks and mergings in turn, numbered as in torchvision. */
function stages(width: number, depths: number[], heads: number[], dropRate: number): Stage[] {
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  let drawn = 0;
  return depths.flatMap((depth, i): Stage[] => {
    const [reduction, blocks] = [`features.${2 * i}`, `features.${2 * i + 1}`];
    const patches: Stage = {
      name: reduction,
      forward: (net, x) => {
        const y = net.conv(`${reduction}.0`, x, {out: width, kernel: 4, stride: 4});
        return net.layerNorm(`${reduction}.2`, y, {epsilon});
      },
    };
    const merging: Stage = {name: reduction, forward: (net, x) => mergePatches(net, reduction, x)};
    const options = Array.from({length: depth}, (_, j): BlockOptions => {
      return {heads: heads[i], shifted: j % 2 === 1, dropRate: (dropRate * drawn++) / (total - 1)};
    });
    const forward: Stage['forward'] = (net, x) =>
      options.reduce((y, option, j) => block(net, `${blocks}.${j}`, y, option), x);
    return [i === 0 ? patches : merging, {name: blocks, forward}];
  });
}

/** The last layer norm, then the average over the map. */
function pool(net: Net, x: Value): Value {
  return net.globalAverage(net.layerNorm('norm', x, {epsilon}));
}

export const swin_t = defineBackbone({
  name: 'swin_t',
  title: 'Swin-T',
  paper: {
    authors: 'Liu, Lin, Cao, Hu, Wei, Zhang, Lin, Guo',
    year: 2021,
    title: 'Swin Transformer: Hierarchical Vision Transformer using Shifted Windows',
    url: 'https://arxiv.org/abs/2103.14030',
  },
  weights: torchvision('swin_t-704ceda3.pth', {accuracy: 81.474}),
  preprocessing: imagenet({resize: 232, crop: 224, interpolation: 'bicubic'}),
  stages: stages(96, [2, 2, 6, 2], [3, 6, 12, 24], 0.2),
  pool,
  originalHead: {output: (net, x) => net.linear('head', x, {out: 1000})},
});
