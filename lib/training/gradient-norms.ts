import {gradients, tf, type Tensor} from '../engine';
import type {Learner} from '../heads';
import {crossEntropy} from './losses';

/**
 * The L2 norm of the gradient of the cross-entropy in the weights of each layer that multiplies (convolutions and linear
 * layers), in the order of the network, for one batch. Nothing of the network is changed.
 */
export function layerGradientNorms(
  learner: Learner,
  x: Tensor,
  labels: Int32Array,
): {layer: string; norm: number}[] {
  const kernels = [...learner.trainable()].filter(
    ([name, {variable}]) => name.endsWith('.weight') && variable.rank > 1,
  );
  const pass = learner.forTraining({});
  try {
    const {value, grads} = gradients(
      () => pass.loss(x, (logits) => crossEntropy(logits, labels, {})).loss,
      kernels.map(([, {variable}]) => variable),
    );
    const norms = kernels.map(([name, {variable}]) => {
      const norm = tf.tidy(() => tf.norm(grads[variable.name]));
      const [length] = norm.dataSync();
      norm.dispose();
      return {layer: name.replace(/\.weight$/, ''), norm: length};
    });
    tf.dispose([value, grads]);
    return norms;
  } finally {
    pass.dispose();
  }
}
