import type {Tensor} from '@tensorflow/tfjs-node';
import {tf} from '../tensorflow';
import {executeTyped, slopeAs, typeOf, widen} from './bfloat16';
import {hasLabKernels, operation} from './native';

const gate = operation<object>('Gate', {
  saves: {inputs: ['x', 'factor']},
  forward: ({x, factor}) => executeTyped('LabChannelScale', [typeOf('T', x)], [x, factor]),
  gradient: ([slope], [x, factor]) => {
    const inputs = [slopeAs(x, slope), x, factor];
    const [dx, dFactor] = executeTyped('LabChannelScaleGrad', [typeOf('T', x)], inputs, 2);
    return {x: () => dx, factor: () => dFactor};
  },
});

/**
 * A product with broadcasting. One factor for each photo and channel, [batch, 1, 1, channels], is quick to train, and what
 * comes out is narrow where x is.
 */
export function multiply(x: Tensor, factor: Tensor): Tensor {
  const [batch, height, width, channels] = factor.shape;
  const isGate =
    x.rank === 4 && height === 1 && width === 1 && batch === x.shape[0] && channels === x.shape[3];
  return isGate && hasLabKernels()
    ? gate({x, factor: widen(factor)}, {})[0]
    : tf.mul(widen(x), widen(factor));
}
