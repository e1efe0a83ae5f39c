/**
 * TensorFlow's own operations, each with its gradient. This folder alone knows their names. All images are
 * [batch, height, width, channel].
 */
export {type Activation, activate} from './activations';
export {attention, type AttentionOptions, type AttentionWindows} from './attention';
export {isNarrow, narrow, widen} from './bfloat16';
export {biasedConv2d, type BiasedOptions, conv2d, fusedConv2d, type FusedOptions} from './convolution';
export {affine, biasAdd, fusedLinear, joinedAffine, joinedBiasAdd, linear} from './dense';
export {dropoutMask} from './dropout';
export {multiply} from './gating';
export {
  batchNorm,
  type BatchNormOptions,
  type BatchNormParameters,
  type BatchNormResult,
  composedBatchNorm,
  joinedBatchNorm,
  layerNorm,
} from './normalisation';
export {adamStep, type AdamSettings, type Moved, type Moving, sgdStep, type SgdSettings} from './optimizers';
export {pad, type Padding, samePadding} from './padding';
export {hasLabKernels} from './native';
export {photoViews, type RawAxis, type RawView} from './photos';
export {expandedDepthwise} from './expandedDepthwise';
export {averagePool, globalAverage, maxPool} from './pooling';
export {add, concat, reshape, slice} from './shaping';
export {crossEntropy, softmax} from './softmax';
export type {WindowMoves} from './window';
