import type {Tensor} from '@tensorflow/tfjs-node';
import {backend, tf} from '../tensorflow';
import {type Attribute} from '../tensorflow';
import {execute, floatType, shapeTensor} from './native';

const {TF_ATTR_TYPE, TF_INT32} = backend.binding;
const integerType = (name: string): Attribute => ({name, type: TF_ATTR_TYPE, value: TF_INT32});

/**
 * What dropout multiplies by (Srivastava et al. 2014): 0 with probability `rate`, else 1 / (1 - rate). The same `random`
 * gives the same mask.
 */
export function dropoutMask(shape: readonly number[], rate: number, random: () => number): Tensor {
  return tf.tidy(() => {
    const seed = tf.tensor1d(
      [random(), random()].map((value) => Math.floor(value * 2 ** 31)),
      'int32',
    );
    const types = [floatType('dtype'), integerType('T'), integerType('Tseed')];
    const [uniform] = execute('StatelessRandomUniform', types, [shapeTensor(shape), seed]);
    return tf.mul(tf.cast(tf.greaterEqual(uniform, rate), 'float32'), 1 / (1 - rate));
  });
}
