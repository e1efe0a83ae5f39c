/** Why ResNet has shortcuts: the gradients of the same deep stack with and without them. */
import {network, type NetworkDefinition} from '../backbones';
import {gradientNorms, type LayerNorms} from '../charts';
import {tf} from '../engine';
import {WholeNetwork} from '../heads';
import {layerGradientNorms} from '../training';
import type {Figure} from './display';

export interface StackOptions {
  /** Blocks of two convolutions each. Default: 24. */
  blocks?: number;
  /** Channels. Default: 16. */
  width?: number;
  /** Side of the photos. Default: 16. */
  size?: number;
  classes?: number;
  /** Whether BatchNorm follows each convolution. Default: true. */
  batchNorm?: boolean;
}

/** A stack of blocks of two convolutions of 3x3, with ResNet's shortcuts (He et al. 2016, arXiv:1512.03385) or without. */
export function stack(
  shortcuts: boolean,
  {blocks = 24, width = 16, size = 16, classes = 2, batchNorm = true}: StackOptions = {},
): NetworkDefinition {
  const settings = (norm: string) => ({
    out: width,
    kernel: 3,
    padding: 1,
    norm: batchNorm ? norm : undefined,
    activation: 'relu' as const,
  });
  return network({
    name: shortcuts ? 'with shortcuts' : 'plain',
    size,
    build: (net, photos) => {
      let x = net.conv('first', photos, settings('first.norm'));
      for (let block = 0; block < blocks; block++) {
        const name = `block ${block}`;
        const middle = net.conv(`${name}.1`, x, settings(`${name}.1.norm`));
        x = net.conv(`${name}.2`, middle, {
          ...settings(`${name}.2.norm`),
          residual: shortcuts ? x : undefined,
        });
      }
      return net.linear('out', net.globalAverage(x), {out: classes});
    },
  });
}

/** Gradient norms per layer of both stacks, freshly initialised by `seed`, for one batch of noise. */
export function shortcutGradients({seed = 1, ...options}: StackOptions & {seed?: number} = {}): Figure {
  const {size = 16, classes = 2} = options;
  const networks = [false, true].map((shortcuts): LayerNorms => {
    const definition = stack(shortcuts, options);
    const learner = WholeNetwork.random(definition, seed);
    const x = tf.randomNormal([16, size, size, 3], 0, 1, 'float32', seed);
    try {
      const labels = Int32Array.from({length: 16}, (_, photo) => photo % classes);
      return {name: definition.name, layers: layerGradientNorms(learner, x, labels)};
    } finally {
      x.dispose();
      learner.dispose();
    }
  });
  const {blocks = 24} = options;
  return gradientNorms(networks, {
    title: `Gradient norms of ${2 * blocks + 2} layers, with and without shortcuts`,
  });
}
