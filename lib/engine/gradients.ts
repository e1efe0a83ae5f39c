import type {NamedTensorMap, Scalar, Tensor, Variable} from '@tensorflow/tfjs-node';
import {tf} from './tensorflow';

/**
 * A loss and its slope in every variable, by the variables' names. Whatever is thrown on the way leaves no tensor behind:
 * by itself tfjs disposes what it keeps for a backward pass only after one that succeeds.
 */
export function gradients(loss: () => Tensor, variables: Variable[]): {value: Tensor; grads: NamedTensorMap} {
  try {
    return tf.tidy(() => tf.variableGrads(loss as () => Scalar, variables));
  } catch (error) {
    const {state} = tf.engine();
    if (state.gradientDepth === 0) {
      for (const {saved} of state.activeTape ?? []) tf.dispose(saved ?? []);
      state.activeTape = [];
    }
    throw error;
  }
}
