/**
 * How TensorFlow's own operations are called, and how they are registered with tfjs-core as kernels of the `tensorflow`
 * backend: the gradient tape of tfjs drives them, and a gradient that nobody asks for is never computed.
 */
import type {NamedAttrMap, Tensor} from '@tensorflow/tfjs-node';
import {inDouble} from '../precision';
import {type Attribute, backend, engineReport, machine, tf} from '../tensorflow';

const {TF_ATTR_STRING, TF_ATTR_INT, TF_ATTR_TYPE, TF_ATTR_FLOAT, TF_ATTR_BOOL, TF_FLOAT, TF_INT32} =
  backend.binding;

export const text = (name: string, value: string | string[]): Attribute => ({
  name,
  type: TF_ATTR_STRING,
  value,
});
export const integer = (name: string, value: number | number[]): Attribute => ({
  name,
  type: TF_ATTR_INT,
  value,
});
export const float = (name: string, value: number): Attribute => ({name, type: TF_ATTR_FLOAT, value});
export const flag = (name: string, value: boolean): Attribute => ({name, type: TF_ATTR_BOOL, value});
/** An attribute that names a type, or a list of them. */
export interface TypeAttribute extends Attribute {
  value: number | number[];
}
export const floatType = (name: string): TypeAttribute => ({name, type: TF_ATTR_TYPE, value: TF_FLOAT});
export const integerType = (name: string): TypeAttribute => ({name, type: TF_ATTR_TYPE, value: TF_INT32});
export const floatTypes = (name: string, count: number): TypeAttribute => ({
  name,
  type: TF_ATTR_TYPE,
  value: new Array<number>(count).fill(TF_FLOAT),
});
export const T = floatType('T');

const {oneDNN, device} = engineReport();

/**
 * Whether the kernels that only the oneDNN build of TensorFlow (x86-64) has can be called: they run on the CPU and know
 * float32 alone. A CUDA build has them too, for what it computes on the CPU.
 */
export const hasOneDNN = (): boolean => oneDNN && device === 'CPU' && !inDouble();

/** Whether oneDNN's kernels take bfloat16, too, and the processor has instructions for it. */
export const hasBfloat16 = (): boolean => hasOneDNN() && machine.bfloat16;

/** Whether the kernels of `lib/engine/kernels` can be called: they run on the CPU and know float32 alone. */
export const hasLabKernels = (): boolean => device === 'CPU' && !inDouble();

/** Whether this project's convolutions and their gradients are mostly quicker than TensorFlow's: oneDNN's have AVX-512. */
export const hasLabProducts = (): boolean => hasLabKernels() && !(hasOneDNN() && machine.avx512);

/** A list of inputs of a kernel that may be there or not, and the attribute that tells. */
export const optional = (name: string, tensor?: Tensor): {inputs: Tensor[]; count: Attribute} => ({
  inputs: tensor ? [tensor] : [],
  count: integer(name, tensor ? 1 : 0),
});

/** Marks a kernel of oneDNN's. */
export const oneDNNKernel = text('_kernel', 'MklNameChangeOp');

export function execute(
  operation: string,
  attributes: readonly Attribute[],
  inputs: readonly Tensor[],
  outputs = 1,
): Tensor[] {
  return backend.executeMultipleOutputs(operation, attributes, inputs, outputs);
}

/** An operation of one tensor or two without attributes. */
export const unary = (name: string, x: Tensor): Tensor => execute(name, [T], [x])[0];
export const binary = (name: string, a: Tensor, b: Tensor): Tensor => execute(name, [T], [a, b])[0];

export const scalar = (value: number): Tensor => tf.scalar(value);
export const shapeTensor = (shape: readonly number[]): Tensor => tf.tensor1d([...shape], 'int32');

export interface Kernel<Options> {
  /** Which inputs and outputs the gradient needs. */
  saves?: {inputs?: string[]; outputs?: boolean[]};
  forward: (inputs: Record<string, Tensor>, options: Options) => Tensor[];
  gradient?: (dy: Tensor[], saved: Tensor[], options: Options) => Record<string, () => Tensor>;
}

/** Registers an operation and its gradient with tfjs-core; what is returned runs it and records it on the tape. */
export function operation<Options extends object>(
  name: string,
  {saves, forward, gradient}: Kernel<Options>,
): (inputs: Record<string, Tensor>, options: Options) => Tensor[] {
  const kernelName = `Lab${name}`;
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({inputs, attrs}) =>
      tf.tidy(() => forward(inputs as Record<string, Tensor>, attrs as unknown as Options)),
  });
  if (gradient) {
    tf.registerGradient({
      kernelName,
      inputsToSave: saves?.inputs ?? [],
      outputsToSave: saves?.outputs ?? [],
      gradFunc: (dy, saved, attrs) => gradient([dy].flat(), saved, attrs as unknown as Options),
    });
  }
  return (inputs, options) => {
    const outputs: unknown = tf.engine().runKernel(kernelName, inputs, options as unknown as NamedAttrMap);
    return (Array.isArray(outputs) ? outputs : [outputs]) as Tensor[];
  };
}

/**
 * An operation of one output whose gradient needs more than inputs and output: `forward` gives that as further tensors,
 * which come behind the inputs in `saved`. As outputs of their own they would each get a slope of zeros from tfjs.
 */
export function operationWithMemory<Options>({forward, gradient}: Required<Omit<Kernel<Options>, 'saves'>>) {
  return (inputs: Record<string, Tensor>, options: Options): Tensor => {
    const names = Object.keys(inputs);
    const recorded = tf.customGrad((...given: unknown[]) => {
      const save = given.pop() as (tensors: Tensor[]) => void;
      const [value, ...memory] = forward(inputs, options);
      save([...(given as Tensor[]), ...memory]);
      const gradFunc = (dy: Tensor | Tensor[], saved: Tensor[]) => {
        const found = gradient([dy].flat(), saved, options);
        return names.map((name) => found[name]());
      };
      return {value, gradFunc};
    });
    return recorded(...Object.values(inputs));
  };
}
