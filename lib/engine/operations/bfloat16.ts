/**
 * Products in bfloat16, float32's range with 8 bits of precision, summed in float32.
 *
 * A narrow tensor holds bfloat16. tfjs has no name for that and takes it for float32, so none of its own operations may
 * meet one: convolutions and matrix products may, and in training what they give, forward and backward, is float32
 * again. They follow their weights: where these are narrow, all that is multiplied is made so.
 *
 * Where the processor has no instructions for it, a narrow tensor is float32 rounded to bfloat16, and products are computed
 * in float32 and rounded then: the same numbers up to the order of sums, without the gain.
 */
import type {Tensor} from '@tensorflow/tfjs-node';
import {releasedAfterNext} from '../gradients';
import {inDouble} from '../precision';
import {type Attribute, backend, tf} from '../tensorflow';
import {
  execute,
  flag,
  hasBfloat16,
  integerType,
  operation,
  shapeTensor,
  T,
  type TypeAttribute,
} from './native';

const {TF_ATTR_TYPE, TF_FLOAT} = backend.binding;
/** TensorFlow's number for bfloat16, which the binding does not name. */
const TF_BFLOAT16 = 14;

const narrowData = new WeakSet<object>();

/** Whether a tensor holds bfloat16. */
export const isNarrow = ({dataId}: Tensor): boolean => narrowData.has(dataId);

function marked(x: Tensor): Tensor {
  narrowData.add(x.dataId);
  return x;
}

/** Runs an operation whose output is bfloat16, which tfjs is told to be float32. */
function executeNarrow(name: string, attributes: readonly Attribute[], inputs: readonly Tensor[]): Tensor {
  const [output] = backend.binding.executeOp(name, [...attributes], backend.getInputTensorIds(inputs), 1);
  return backend.createOutputTensor({...output, dtype: TF_FLOAT});
}

const castAttributes = (from: number, to: number): Attribute[] => [
  {name: 'SrcT', type: TF_ATTR_TYPE, value: from},
  {name: 'DstT', type: TF_ATTR_TYPE, value: to},
  flag('Truncate', false),
];
const toNarrow = (x: Tensor): Tensor => executeNarrow('Cast', castAttributes(TF_FLOAT, TF_BFLOAT16), [x]);
const toFloat = (x: Tensor): Tensor => execute('Cast', castAttributes(TF_BFLOAT16, TF_FLOAT), [x])[0];

const narrowing = operation<object>('Narrow', {
  forward: ({x}) => [marked(hasBfloat16() ? toNarrow(x) : toFloat(toNarrow(x)))],
  gradient: ([dy]) => ({x: () => dy.clone()}),
});

/** A tensor in bfloat16, to be multiplied; one that is narrow already stays. */
export function narrow(x: Tensor): Tensor {
  return isNarrow(x) || inDouble() ? x : narrowing({x}, {})[0];
}

/** A narrow tensor in float32 (no gradient); any other stays. */
export function widen(x: Tensor): Tensor {
  if (!isNarrow(x)) return x;
  return hasBfloat16() ? toFloat(x) : execute('Identity', [T], [x])[0];
}

/** What is multiplied with these weights, as they are: narrow or not. */
export const alike = (x: Tensor, weights: Tensor): Tensor => (isNarrow(weights) ? narrow(x) : x);

/** The same of a slope in a gradient, for which it is made once. */
export const slopeAlike = (dy: Tensor, weights: Tensor): Tensor =>
  isNarrow(weights) ? releasedAfterNext(narrow(dy)) : dy;

const isFloatType = (attribute: Attribute): attribute is TypeAttribute =>
  attribute.type === TF_ATTR_TYPE && [attribute.value].flat()[0] === TF_FLOAT;

/**
 * Runs an operation of one output on operands of one type (no gradient): where any is narrow, all are made so, and what
 * comes out is narrow.
 */
export function executeAlike(
  name: string,
  attributes: readonly Attribute[],
  inputs: readonly Tensor[],
): Tensor {
  if (!inputs.some(isNarrow)) return execute(name, attributes, inputs)[0];
  return tf.tidy(() => {
    const operands = inputs.map((input) => (input.dtype === 'float32' ? narrow(input) : input));
    if (!hasBfloat16()) return narrow(execute(name, attributes, operands)[0]);
    const typed = attributes.map((attribute) => {
      if (!isFloatType(attribute)) return attribute;
      const {value} = attribute;
      return {...attribute, value: Array.isArray(value) ? value.map(() => TF_BFLOAT16) : TF_BFLOAT16};
    });
    return marked(executeNarrow(name, typed, operands));
  });
}

/** Changes the shape of what may be narrow, and stays so. */
export function reshaped(x: Tensor, shape: number[]): Tensor {
  if (!isNarrow(x)) return x.reshape(shape);
  return executeAlike('Reshape', [T, integerType('Tshape')], [x, shapeTensor(shape)]);
}
