/**
 * Products in bfloat16, float32's range with 8 bits of precision, summed in float32.
 *
 * A narrow tensor holds bfloat16. tfjs has no name for that and takes it for float32, so none of its own operations may
 * meet one: convolutions, matrix products and normalisations may. Products follow their weights: where these are narrow,
 * all that is multiplied is made so. The slope in a narrow value may be float32, that in any other is never narrow.
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

/** An attribute that names the type of numbers that a tensor holds. */
export const typeOf = (name: string, x?: Tensor): Attribute => floatOf(name, x !== undefined && isNarrow(x));

/** An attribute that names float32 or bfloat16. */
export const floatOf = (name: string, isNarrow: boolean): Attribute => ({
  name,
  type: TF_ATTR_TYPE,
  value: isNarrow && hasBfloat16() ? TF_BFLOAT16 : TF_FLOAT,
});

/** Runs an operation of which any output may be bfloat16, which tfjs is told to be float32 (no gradient). */
export const executeTyped = (
  name: string,
  attributes: readonly Attribute[],
  inputs: readonly Tensor[],
  outputs = 1,
): Tensor[] =>
  backend.binding
    .executeOp(name, [...attributes], backend.getInputTensorIds(inputs), outputs)
    .map((output) =>
      output.dtype === TF_BFLOAT16
        ? marked(backend.createOutputTensor({...output, dtype: TF_FLOAT}))
        : backend.createOutputTensor(output),
    );

const castAttributes = (from: number, to: number): Attribute[] => [
  {name: 'SrcT', type: TF_ATTR_TYPE, value: from},
  {name: 'DstT', type: TF_ATTR_TYPE, value: to},
  flag('Truncate', false),
];
const toNarrow = (x: Tensor): Tensor => executeTyped('Cast', castAttributes(TF_FLOAT, TF_BFLOAT16), [x])[0];
const toFloat = (x: Tensor): Tensor => execute('Cast', castAttributes(TF_BFLOAT16, TF_FLOAT), [x])[0];

const narrowing = operation<object>('Narrow', {
  forward: ({x}) => [marked(hasBfloat16() ? toNarrow(x) : toFloat(toNarrow(x)))],
  gradient: ([dy]) => ({x: () => (isNarrow(dy) ? widen(dy) : dy.clone())}),
});

/** A tensor in bfloat16, to be multiplied; one that is narrow already stays. */
export function narrow(x: Tensor): Tensor {
  return isNarrow(x) || inDouble() ? x : narrowing({x}, {})[0];
}

const widening = operation<object>('Widen', {
  forward: ({x}) => [hasBfloat16() ? toFloat(x) : execute('Identity', [T], [x])[0]],
  gradient: ([dy]) => ({x: () => dy.clone()}),
});

/** A narrow tensor in float32; any other stays. */
export const widen = (x: Tensor): Tensor => (isNarrow(x) ? widening({x}, {})[0] : x);

/** A tensor narrow or not, as another is. */
export const typedAs = (other: Tensor, x: Tensor): Tensor => (isNarrow(other) ? narrow(x) : widen(x));

/** Narrow copies of what several products may take, each on the gradient tape on which it was made. */
const copies = new WeakMap<Tensor, {copy: Tensor; tape: unknown}>();

/** What is multiplied with these weights, as they are: narrow or not. */
export function alike(x: Tensor, weights: Tensor): Tensor {
  if (!isNarrow(weights)) return x;
  const tape = tf.engine().state.activeTape;
  const known = copies.get(x);
  if (known && known.tape === tape && !known.copy.isDisposed) return known.copy;
  const copy = narrow(x);
  copies.set(x, {copy, tape});
  return copy;
}

/** A slope in a gradient for kernels that take one type of it and of what was given; made once. */
export const slopeAs = (given: Tensor, dy: Tensor): Tensor =>
  isNarrow(given) === isNarrow(dy) ? dy : releasedAfterNext(typedAs(given, dy));

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
    return executeTyped(name, typed, operands)[0];
  });
}

/** Changes the shape of what may be narrow, and stays so. */
export function reshaped(x: Tensor, shape: number[]): Tensor {
  if (!isNarrow(x)) return x.reshape(shape);
  return executeAlike('Reshape', [T, integerType('Tshape')], [x, shapeTensor(shape)]);
}

/** tfjs adds the slopes in a value that several operations take, which may be narrow. */
const {kernelFunc: addFloats} = tf.getKernel('Add', 'tensorflow');
tf.unregisterKernel('Add', 'tensorflow');
tf.registerKernel({
  kernelName: 'Add',
  backendName: 'tensorflow',
  kernelFunc: (call) => {
    const {a, b} = call.inputs as Record<'a' | 'b', Tensor>;
    if (isNarrow(a) && isNarrow(b)) return executeTyped('LabAdd', [typeOf('T', a)], [a, b])[0];
    return tf.tidy(() => addFloats({...call, inputs: {a: widen(a), b: widen(b)}}) as Tensor);
  },
});
