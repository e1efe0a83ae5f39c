import {imagenet} from '../../batches';
import {LabError} from '../../errors';
import {type Definition, defineBackbone, type Stage} from '../architecture';
import type {Net, Value} from '../net';

const epsilon = 1e-6;

export interface DeitOptions {
  /** Width of a token. */
  width: number;
  depth: number;
  heads: number;
  /** Pixels of a patch's side. */
  patch: number;
  /** Pixels of a photo's side; the position embedding fits this size alone. */
  size: number;
}

/** Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762): softmax(Q K^T / sqrt(d)) V in each head. */
function attention(net: Net, name: string, x: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape;
  const depth = width / heads;
  const mixed = net.reshape(net.linear(`${name}.qkv`, x, {out: 3 * width}), [batch, tokens, 3, heads, depth]);
  const byHead = net.transpose(mixed, [2, 0, 3, 1, 4]);
  const [queries, keys, values] = [0, 1, 2].map((part) =>
    net.reshape(net.slice(byHead, [part, 0, 0, 0, 0], [1, -1, -1, -1, -1]), [batch, heads, tokens, depth]),
  );
  const scores = net.matMul(net.scale(queries, depth ** -0.5), keys, {transposeB: true});
  const attended = net.matMul(net.softmax(scores), values);
  return net.linear(
    `${name}.proj`,
    net.reshape(net.transpose(attended, [0, 2, 1, 3]), [batch, tokens, width]),
    {
      out: width,
    },
  );
}

/** A pre-norm transformer block: attention, then a perceptron of one hidden layer four times as wide. */
function block(net: Net, name: string, x: Value, heads: number): Value {
  const width = x.shape[2];
  return net.block(() => {
    const attended = net.add(
      x,
      attention(net, `${name}.attn`, net.layerNorm(`${name}.norm1`, x, {epsilon}), heads),
    );
    const normalised = net.layerNorm(`${name}.norm2`, attended, {epsilon});
    const hidden = net.linear(`${name}.mlp.fc1`, normalised, {out: 4 * width, activation: 'gelu'});
    return net.add(attended, net.linear(`${name}.mlp.fc2`, hidden, {out: width}));
  });
}

/** The stages of a vision transformer in timm's names: patches, blocks, the last norm. */
export function deitStages({width, depth, heads, patch, size}: DeitOptions): Stage[] {
  const side = size / patch;
  return [
    {
      name: 'patch_embed',
      forward: (net, x) => {
        if (x.shape[1] !== size || x.shape[2] !== size) {
          throw new LabError(
            `This transformer takes photos of ${size} x ${size} pixels, got ${x.shape[1]} x ${x.shape[2]}.`,
          );
        }
        const batch = x.shape[0];
        const patches = net.conv('patch_embed.proj', x, {out: width, kernel: patch, stride: patch});
        const tokens = net.reshape(patches, [batch, side * side, width]);
        const zeros = net.scale(net.slice(tokens, [0, 0, 0], [batch, 1, width]), 0);
        const classToken = net.add(zeros, net.parameter('cls_token', [1, 1, width]));
        return net.add(
          net.concat([classToken, tokens], 1),
          net.parameter('pos_embed', [1, side * side + 1, width]),
        );
      },
    },
    ...Array.from({length: depth}, (_, i): Stage => {
      const name = `blocks.${i}`;
      return {name, forward: (net, x) => block(net, name, x, heads)};
    }),
    {name: 'norm', forward: (net, x) => net.layerNorm('norm', x, {epsilon})},
  ];
}

export const deitPaper: Definition['paper'] = {
  authors: 'Touvron, Cord, Douze, Massa, Sablayrolles, Jégou',
  year: 2021,
  title: 'Training data-efficient image transformers & distillation through attention',
  url: 'https://arxiv.org/abs/2012.12877',
};

export const deit_tiny_patch16_224 = defineBackbone({
  name: 'deit_tiny_patch16_224',
  title: 'DeiT-Tiny',
  paper: deitPaper,
  weights: {
    url: 'https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth',
    sha256Prefix: 'a1311bcf',
    accuracy: 72.2,
    licence: 'Apache-2.0',
  },
  preprocessing: imagenet({resize: 256, crop: 224, interpolation: 'bicubic'}),
  stages: deitStages({width: 192, depth: 12, heads: 3, patch: 16, size: 224}),
  classifier: {
    owns: (name) => name.startsWith('head.'),
    forward: (net, x) => {
      const [batch, , width] = x.shape;
      return net.linear('head', net.reshape(net.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]), {
        out: 1000,
      });
    },
  },
});
