/** Attention put together from a net's other words. */
import type {AttentionOptions, Net, Value} from './net';

type Parts = Pick<Net, 'add' | 'concat' | 'matMul' | 'reshape' | 'scale' | 'slice' | 'softmax' | 'transpose'>;

/** Moves a map cyclically by so many rows and columns, up and to the left. */
function roll(net: Parts, x: Value, shifts: readonly number[]): Value {
  return shifts.reduce((y, shift, i) => {
    if (shift === 0) return y;
    const axis = i + 1;
    const begin = y.shape.map((_, j) => (j === axis ? shift : 0));
    const size = y.shape.map((length, j) => (j === axis ? shift : length));
    const rest = y.shape.map((length, j) => (j === axis ? length - shift : length));
    const zero = y.shape.map(() => 0);
    return net.concat([net.slice(y, begin, rest), net.slice(y, zero, size)], axis);
  }, x);
}

/** Windows [batch * windows, token, width] of a map whose sides are multiples of a window's. */
function toWindows(net: Parts, x: Value, side: number): Value {
  const [batch, height, width, channels] = x.shape;
  const split = net.reshape(x, [batch, height / side, side, width / side, side, channels]);
  return net.reshape(net.transpose(split, [0, 1, 3, 2, 4, 5]), [-1, side * side, channels]);
}

function fromWindows(net: Parts, x: Value, [batch, height, width]: readonly number[], side: number): Value {
  const split = net.reshape(x, [batch, height / side, width / side, side, side, -1]);
  return net.reshape(net.transpose(split, [0, 1, 3, 2, 4, 5]), [batch, height, width, x.shape[2]]);
}

/** What `Net.attention` stands for. */
export function composedAttention(net: Parts, mixed: Value, {windows, ...options}: AttentionOptions): Value {
  if (!windows) return ofSequences(net, mixed, options);
  const {side, shift} = windows;
  const back = shift.map((amount, i) => (amount > 0 ? mixed.shape[i + 1] - amount : 0));
  const attended = ofSequences(net, toWindows(net, roll(net, mixed, shift), side), options);
  return roll(net, fromWindows(net, attended, mixed.shape, side), back);
}

function ofSequences(net: Parts, mixed: Value, {heads, bias}: AttentionOptions): Value {
  const [batch, tokens, mixedWidth] = mixed.shape;
  const [width, depth] = [mixedWidth / 3, mixedWidth / 3 / heads];
  const byHead = net.transpose(net.reshape(mixed, [batch, tokens, 3, heads, depth]), [2, 0, 3, 1, 4]);
  const [queries, keys, values] = [0, 1, 2].map((part) =>
    net.reshape(net.slice(byHead, [part, 0, 0, 0, 0], [1, -1, -1, -1, -1]), [batch, heads, tokens, depth]),
  );
  const products = net.matMul(net.scale(queries, depth ** -0.5), keys, {transposeB: true});
  const scores = bias ? net.add(net.reshape(products, [-1, ...bias.shape]), bias) : products;
  const shares = net.softmax(bias ? net.reshape(scores, [...products.shape]) : scores);
  return net.reshape(net.transpose(net.matMul(shares, values), [0, 2, 1, 3]), [batch, tokens, width]);
}
