/**
 * Networks and photos of the formula's numbers, to the last bit that the precision at hand can hold: in float64, in which
 * PyTorch's side was made, they are not rounded to float32 on the way.
 */
import {type Architecture, Backbone, Weights} from '../lib/backbones';
import {formulaInput, formulaTensor} from '../lib/checkpoints';
import {type Tensor, tf} from '../lib/engine';

/** What is lost when numbers are rounded to float32. */
function remainder(values: Float64Array): Float32Array {
  return new Float32Array(values.map((value) => value - Math.fround(value)));
}

/** A backbone of formula weights, its original head included. */
export function formulaBackbone(architecture: Architecture, salt: string): Backbone {
  const backbone = Backbone.formula(architecture, salt);
  const {weights} = backbone;
  for (const [name, spec] of weights.specs) {
    const rest = new Weights(new Map([[name, spec]]), () => remainder(formulaTensor(name, spec.shape, salt)));
    tf.tidy(() => weights.get(name).assign(tf.add(weights.get(name), rest.get(name))));
    rest.dispose();
  }
  return backbone;
}

/** Photos [batch, height, width, 3]; `shape` is PyTorch's, [batch, 3, height, width]. */
export function formulaPhotos(shape: number[], salt: string): Tensor {
  return tf.tidy(() => {
    const values = formulaInput(shape, salt);
    const photos = tf.add(tf.tensor(new Float32Array(values), shape), tf.tensor(remainder(values), shape));
    return tf.transpose(photos, [0, 2, 3, 1]);
  });
}
