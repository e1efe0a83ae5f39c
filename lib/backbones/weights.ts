/** The tensors of a network by their checkpoint names, held in the engine's layout and read or written in PyTorch's. */
import type {NamedValues} from '../checkpoints';
import {LabError} from '../errors';
import {tf, type Tensor, type Variable} from '../engine';
import {mulberry32, fnv1a} from '../random';
import type {Layout, ParameterSpec} from './shapes';

/** Axes of PyTorch's layout in the order the engine wants: OIHW to HWIO, depthwise [channels, 1, height, width] to [height, width, channels, 1]. */
const toEngine: Record<Layout, number[] | null> = {
  convolution: [2, 3, 1, 0],
  depthwise: [2, 3, 0, 1],
  plain: null,
};
const toPyTorch: Record<Layout, number[] | null> = {
  convolution: [3, 2, 0, 1],
  depthwise: [2, 3, 0, 1],
  plain: null,
};

export class Weights {
  private readonly variables = new Map<string, Variable>();

  /** `values` gives each parameter's numbers in PyTorch's layout. */
  constructor(
    readonly specs: ReadonlyMap<string, ParameterSpec>,
    values: (spec: ParameterSpec) => Float32Array,
  ) {
    try {
      for (const spec of specs.values()) this.variables.set(spec.name, toVariable(spec, values(spec)));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get(name: string): Variable {
    const variable = this.variables.get(name);
    if (!variable) throw new LabError(`The network has no tensor named ${name}.`);
    return variable;
  }

  has(name: string): boolean {
    return this.variables.has(name);
  }

  names(): string[] {
    return [...this.variables.keys()];
  }

  /** Replaces a tensor's numbers, given in PyTorch's layout. */
  set(name: string, values: Float32Array): void {
    const variable = this.get(name);
    tf.tidy(() => variable.assign(arrange(this.spec(name), values)));
  }

  /** A tensor's numbers in PyTorch's layout. */
  read(name: string): NamedValues {
    return {name, shape: this.spec(name).shape, values: this.inPyTorchLayout(name, this.get(name))};
  }

  /** The numbers, in PyTorch's layout, of what belongs to a tensor and is laid out as it is: its gradient, say. */
  inPyTorchLayout(name: string, tensor: Tensor): Float32Array {
    const order = toPyTorch[this.spec(name).layout];
    const turned = tf.tidy(() => (order ? tf.transpose(tensor, order) : tensor.clone()));
    const values = turned.dataSync() as Float32Array;
    turned.dispose();
    return values;
  }

  dispose(): void {
    for (const variable of this.variables.values()) variable.dispose();
    this.variables.clear();
  }

  private spec(name: string): ParameterSpec {
    const spec = this.specs.get(name);
    if (!spec) throw new LabError(`The network has no tensor named ${name}.`);
    return spec;
  }
}

function arrange({layout, shape}: ParameterSpec, values: Float32Array): Tensor {
  const order = toEngine[layout];
  const tensor = tf.tensor(values, shape);
  return order ? tf.transpose(tensor, order) : tensor;
}

function toVariable(spec: ParameterSpec, values: Float32Array): Variable {
  const initial = tf.tidy(() => arrange(spec, values));
  const variable = tf.variable(initial, spec.trainable);
  initial.dispose();
  return variable;
}

/**
 * Seeded random weights: He's normal for convolutions and linear layers (He et al. 2015, arXiv:1502.01852), ones for
 * scales and variances, zeros for the rest; embeddings and tokens are drawn with a deviation of 0.02.
 */
export function randomValues(seed: number): (spec: ParameterSpec) => Float32Array {
  return ({name, shape}) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    if (shape.length > 1) {
      const isKernel = name.endsWith('weight');
      const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
      return gaussian(values, isKernel ? Math.sqrt(2 / fanIn) : 0.02, mulberry32(fnv1a(`${seed} ${name}`)));
    }
    return values.fill(/(weight|running_var)$/.test(name) ? 1 : 0);
  };
}

/** Fills with normal numbers by the Box-Muller transform. */
function gaussian(values: Float32Array, deviation: number, random: () => number): Float32Array {
  for (let i = 0; i < values.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
