/**
 * Double precision. tfjs knows float32 alone, TensorFlow knows float64 too: within `inDoublePrecision` every operation
 * runs on float64 behind tfjs' back. It serves comparisons, not training: in float32 an activation near a kink (ReLU at
 * 0) can fall on the other side of it by rounding, and gradients jump there.
 */
import {type Attribute, backend, type Binding} from './tensorflow';

/** What convolutions and matrix products multiply, and what passes between them; all else is float32. */
export type Precision = 'float32' | 'bfloat16';

let isDouble = false;

/** Whether operations run in float64 just now; TensorFlow's fused kernels exist in float32 alone. */
export const inDouble = (): boolean => isDouble;

const single = backend.binding;
const {TF_ATTR_TYPE, TF_ATTR_BOOL, TF_FLOAT} = single;
/** TensorFlow's number for float64, which the binding does not name. */
const TF_DOUBLE = 2;

/** The tensors that hold float64. */
const wide = new Set<number>();

function cast(id: number, from: number, to: number): number {
  const type = (name: string, value: number): Attribute => ({name, type: TF_ATTR_TYPE, value});
  const truncate = {name: 'Truncate', type: TF_ATTR_BOOL, value: false};
  return single.executeOp('Cast', [type('SrcT', from), type('DstT', to), truncate], [id], 1)[0].id;
}

/** The binding with float64 wherever tfjs says float32. */
const overrides: Pick<Binding, 'createTensor' | 'deleteTensor' | 'tensorDataSync' | 'executeOp'> = {
  createTensor(shape, type, values) {
    const id = single.createTensor(shape, type, values);
    if (type !== TF_FLOAT) return id;
    const widened = cast(id, TF_FLOAT, TF_DOUBLE);
    single.deleteTensor(id);
    wide.add(widened);
    return widened;
  },
  deleteTensor(id) {
    wide.delete(id);
    single.deleteTensor(id);
  },
  tensorDataSync(id) {
    if (!wide.has(id)) return single.tensorDataSync(id);
    const rounded = cast(id, TF_DOUBLE, TF_FLOAT);
    const values = single.tensorDataSync(rounded);
    single.deleteTensor(rounded);
    return values;
  },
  executeOp(name, attributes, inputs, outputs) {
    const widened = attributes.map((attribute) => {
      const isFloat = attribute.type === TF_ATTR_TYPE && attribute.value === TF_FLOAT;
      return isFloat ? {...attribute, value: TF_DOUBLE} : attribute;
    });
    return single.executeOp(name, widened, inputs, outputs).map((output) => {
      if (output.dtype !== TF_DOUBLE) return output;
      wide.add(output.id);
      return {...output, dtype: TF_FLOAT};
    });
  },
};
const double = Object.create(single, Object.getOwnPropertyDescriptors(overrides)) as Binding;

/**
 * Runs `body` in float64. What is read back is rounded to float32. Tensors made inside must not meet tensors made
 * outside, other than by being disposed.
 */
export function inDoublePrecision<Result>(body: () => Result): Result {
  if (isDouble) return body();
  isDouble = true;
  backend.binding = double;
  try {
    return body();
  } finally {
    backend.binding = single;
    isDouble = false;
    wide.clear();
  }
}
