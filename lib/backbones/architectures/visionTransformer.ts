import {imagenet} from '../../pictures';
import {LabError} from '../../errors';
import {type Definition, defineBackbone, type Stage} from '../architecture';
import type {LinearOptions, Net, Value} from '../net';
import {perceptron, selfAttention} from './attention';
import {torchvision} from './published';

const epsilon = 1e-6;

/** The names of the same tensors in timm and in torchvision. */
interface Names {
  patches: string;
  classToken: string;
  positions: string;
  block(index: number): string;
  norms: [string, string];
  /** Queries, keys and values; the joint to `weight`; the layer that mixes the heads. */
  attention: [mix: string, join: LinearOptions['join'], project: string];
  perceptron: [string, string];
  norm: string;
}

const timm: Names = {
  patches: 'patch_embed.proj',
  classToken: 'cls_token',
  positions: 'pos_embed',
  block: (index) => `blocks.${index}`,
  norms: ['norm1', 'norm2'],
  attention: ['attn.qkv', '.', 'attn.proj'],
  perceptron: ['mlp.fc1', 'mlp.fc2'],
  norm: 'norm',
};

const torchvisions: Names = {
  patches: 'conv_proj',
  classToken: 'class_token',
  positions: 'encoder.pos_embedding',
  block: (index) => `encoder.layers.encoder_layer_${index}`,
  norms: ['ln_1', 'ln_2'],
  attention: ['self_attention.in_proj', '_', 'self_attention.out_proj'],
  perceptron: ['mlp.0', 'mlp.3'],
  norm: 'encoder.ln',
};

export interface VisionTransformerOptions {
  names: Names;
  /** Width of a token. */
  width: number;
  depth: number;
  heads: number;
  /** Pixels of a patch's side. */
  patch: number;
}

/** Patches as tokens behind a class token, with their positions added. */
function embed(net: Net, x: Value, {names, width, patch}: VisionTransformerOptions): Value {
  const [batch, height, breadth] = x.shape;
  if (height !== breadth || height % patch !== 0) {
    throw new LabError(
      `This transformer takes square photos of a multiple of ${patch} pixels a side, got ${height} x ${breadth}.`,
    );
  }
  const count = (height / patch) ** 2;
  const patches = net.conv(names.patches, x, {out: width, kernel: patch, stride: patch});
  const tokens = net.reshape(patches, [batch, count, width]);
  const zeros = net.constant(new Float32Array(batch * width), [batch, 1, width]);
  const classToken = net.add(zeros, net.parameter(names.classToken, [1, 1, width]));
  return net.add(net.concat([classToken, tokens], 1), net.parameter(names.positions, [1, count + 1, width]));
}

/** A pre-norm transformer block. */
function block(net: Net, x: Value, index: number, {names, heads}: VisionTransformerOptions): Value {
  const name = (part: string) => `${names.block(index)}.${part}`;
  const [norm1, norm2] = names.norms.map(name);
  const [mix, join, project] = names.attention;
  const [first, second] = names.perceptron.map(name);
  return net.block(() => {
    const normalised = net.layerNorm(norm1, x, {epsilon});
    const layers = {mix: name(mix), join, project: name(project)};
    const sum = selfAttention(net, normalised, {heads, ...layers, residual: x});
    return perceptron(net, net.layerNorm(norm2, sum, {epsilon}), first, second, {residual: sum});
  });
}

/** The stages of a vision transformer, and its pooling: the class token, normalised. */
export function visionTransformer(
  options: VisionTransformerOptions,
): Required<Pick<Definition, 'stages' | 'pool' | 'boundToSize'>> {
  const {names, depth} = options;
  const blocks = Array.from({length: depth}, (_, i): Stage => {
    return {name: names.block(i), forward: (net, x) => block(net, x, i, options)};
  });
  return {
    boundToSize: true,
    stages: [{name: names.patches, forward: (net, x) => embed(net, x, options)}, ...blocks],
    pool: (net, x) => {
      const [batch, , width] = x.shape;
      const classToken = net.reshape(net.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]);
      return net.layerNorm(names.norm, classToken, {epsilon});
    },
  };
}

export const deitPaper: Definition['paper'] = {
  authors: 'Touvron, Cord, Douze, Massa, Sablayrolles, Jégou',
  year: 2021,
  title: 'Training data-efficient image transformers & distillation through attention',
  url: 'https://arxiv.org/abs/2012.12877',
};

/** A DeiT in timm's names. */
export const deit = (options: Omit<VisionTransformerOptions, 'names'>) =>
  visionTransformer({names: timm, ...options});

const tiny = deit({width: 192, depth: 12, heads: 3, patch: 16});

export const deit_tiny_patch16_224 = defineBackbone({
  name: 'deit_tiny_patch16_224',
  title: 'DeiT-Tiny',
  paper: deitPaper,
  weights: {
    source: {
      url: 'https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth',
      sha256Prefix: 'a1311bcf',
    },
    accuracy: 72.2,
    licence: 'Apache-2.0',
  },
  preprocessing: imagenet({resize: 256, crop: 224, interpolation: 'bicubic'}),
  ...tiny,
  originalHead: {output: (net, x) => net.linear('head', x, {out: 1000})},
});

const base = visionTransformer({
  names: torchvisions,
  width: 768,
  depth: 12,
  heads: 12,
  patch: 16,
});

export const vit_b_16 = defineBackbone({
  name: 'vit_b_16',
  title: 'ViT-B/16',
  paper: {
    authors: 'Dosovitskiy, Beyer, Kolesnikov, Weissenborn, Zhai, Unterthiner, et al.',
    year: 2020,
    title: 'An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale',
    url: 'https://arxiv.org/abs/2010.11929',
  },
  weights: torchvision('vit_b_16-c867db91.pth', {accuracy: 81.072}),
  preprocessing: imagenet({resize: 256, crop: 224}),
  ...base,
  originalHead: {output: (net, x) => net.linear('heads.head', x, {out: 1000})},
  rename: (name) => name.replace('mlp.linear_1.', 'mlp.0.').replace('mlp.linear_2.', 'mlp.3.'),
});
