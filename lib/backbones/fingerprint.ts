import {createHash} from 'node:crypto';
import type {Value} from './net';
import {ShapeNet} from './shapes';

/** Calls of a net that compute nothing of their own, and those that stand for the calls they are made of. */
const [silent, composed] = [new Set(['block']), new Set(['attention', 'parallelConvs'])];

/**
 * The SHA-256, in hex, of all that a network computes for photos of `size` pixels a side: every call of its net in order,
 * with what goes into it. Two networks that differ in a layer, a stride or an activation differ here, whatever their names.
 */
export function fingerprint(
  size: number,
  parts: readonly {name: string; forward: (net: ShapeNet, x: Value) => Value}[],
): string {
  const hash = createHash('sha256');
  const numbers = new Map<Value, number>();
  const photos: Value = {shape: [1, size, size, 3]};
  const numbered = (value: Value) => numbers.set(value, numbers.size).get(value);
  numbered(photos);
  hash.update(`${size}\n`);

  const plain = (argument: unknown): unknown => {
    if (typeof argument !== 'object' || argument === null) return argument;
    const number = numbers.get(argument as Value);
    if (number !== undefined) return {value: number};
    if (Array.isArray(argument) || ArrayBuffer.isView(argument)) {
      return Array.from(argument as unknown as ArrayLike<unknown>, plain);
    }
    const fields = Object.entries(argument).filter(([, field]) => field !== undefined);
    return fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, plain(field)]);
  };

  /** A net that writes down what it is asked for. */
  const recorder: ShapeNet = new Proxy(new ShapeNet(), {
    get(net, method: string) {
      const called = Reflect.get(net, method) as (...given: unknown[]) => Value;
      if (typeof called !== 'function') return called;
      return (...given: unknown[]): Value => {
        if (silent.has(method)) return called.apply(net, given);
        if (composed.has(method)) return called.apply(recorder, given);
        hash.update(`${method} ${JSON.stringify(given.map(plain))}\n`);
        const {shape} = called.apply(net, given);
        const result = {shape};
        numbered(result);
        return result;
      };
    },
  });

  const last = parts.reduce((x, {name, forward}) => {
    hash.update(`# ${name}\n`);
    return forward(recorder, x);
  }, photos);
  hash.update(JSON.stringify(plain(last)));
  return hash.digest('hex');
}
