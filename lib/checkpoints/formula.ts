/**
 * Weights and inputs made by a formula that PyTorch's side of the parity check uses too, so that two implementations of
 * an architecture can be compared without shipping weights. Numbers are in double precision, as PyTorch's side has them. u stands for the numbers of mulberry32, seeded with the
 * FNV-1a hash of a text, one per element in row-major (PyTorch) order.
 */
import {fnv1a, mulberry32} from '../random';
import {sizeOf} from './tensor';

const positional = new Set([
  'class_token',
  'cls_token',
  'pos_embedding',
  'pos_embed',
  'relative_position_bias_table',
]);

/** The weights of the tensor `name` of a PyTorch `shape`; `salt` picks another set of weights. */
export function formulaTensor(name: string, shape: readonly number[], salt: string): Float64Array {
  const {scale, shift} = formulaOf(name.split('.').at(-1) ?? name, shape);
  return draw(salt + name, sizeOf(shape), (u) => scale * u + shift);
}

/** A batch of images of the shape [batch, channel, height, width], values in [-1.5, 1.5). */
export function formulaInput(shape: readonly number[], salt: string): Float64Array {
  return draw(`${salt}input`, sizeOf(shape), (u) => (2 * u - 1) * 1.5);
}

/** The vector in [-1, 1) a gradient of the tensor `name` is multiplied with, so that one number checks all its elements. */
export function formulaProbe(name: string, shape: readonly number[], salt: string): Float64Array {
  return draw(`${salt}${name}#probe`, sizeOf(shape), (u) => 2 * u - 1);
}

/** The values are scale * u + shift. */
function formulaOf(part: string, shape: readonly number[]): {scale: number; shift: number} {
  if (part === 'running_var') return {scale: 1, shift: 0.5};
  if (part === 'running_mean') return symmetric(0.1);
  if (positional.has(part)) return symmetric(0.1);
  if (part === 'layer_scale') return {scale: 0.2, shift: 0};
  if (part === 'bias' || part === 'in_proj_bias') return symmetric(0.1);
  if (shape.length === 1) return {scale: 0.5, shift: 0.75};
  const fanIn = sizeOf(shape.slice(1));
  return symmetric(Math.sqrt((shape.length === 4 ? 6 : 3) / fanIn));
}

/** Uniform in [-bound, bound). */
function symmetric(bound: number) {
  return {scale: 2 * bound, shift: -bound};
}

function draw(seed: string, count: number, value: (u: number) => number): Float64Array {
  const random = mulberry32(fnv1a(seed));
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = value(random());
  return values;
}
