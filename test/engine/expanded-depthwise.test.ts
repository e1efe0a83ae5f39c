/** A widening convolution and the depthwise one behind it at once, beside one after the other: sums may differ in their last bit. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  expandedDepthwise,
  fusedConv2d,
  globalAverage,
  isNarrow,
  narrow,
  type Tensor,
  tf,
  widen,
} from '../../lib/engine';
import {text} from '../../lib/engine/operations/native';
import {executeTyped, typeOf} from '../../lib/engine/operations/bfloat16';
import {hasTiles} from '../../lib/engine/operations/tiles';
import {labWindow} from '../../lib/engine/operations/window';
import {activations, assertClose, tensor, withoutLeaks} from './compare';
import {plain, type WindowMoves} from './windows';

const skip = hasTiles() ? false : 'this processor has no tiles';

/** A step of bfloat16. */
const rounding = 2 ** -7;

/** Photos [batch, height, width, in], channels between the two, the depthwise filter's size and window. */
const cases: [number[], number, [number, number], Partial<WindowMoves>][] = [
  [[2, 7, 7, 32], 64, [3, 3], {padding: [1, 1, 1, 1]}],
  [[3, 9, 8, 20], 50, [5, 5], {padding: [2, 2, 2, 2]}],
  [[1, 17, 13, 16], 33, [3, 3], {strides: [2, 2], padding: [1, 1, 1, 1]}],
  [[2, 11, 12, 24], 96, [5, 5], {strides: [2, 2], padding: [1, 2, 2, 1]}],
  [[2, 6, 9, 40], 40, [2, 4], {strides: [3, 1], padding: [0, 1, 3, 0]}],
  [[1, 5, 4, 17], 18, [7, 7], {padding: [3, 3, 3, 3]}],
  [[17, 3, 3, 33], 65, [3, 3], {}],
  [[2, 4, 1500, 16], 34, [3, 3], {padding: [1, 1, 1, 1]}],
  [[1, 300, 40, 16], 32, [5, 5], {strides: [2, 1], padding: [2, 2, 2, 2]}],
];

const moving = (changes: Partial<WindowMoves>): WindowMoves => ({...plain, ...changes});

function layers(
  [batch, height, width, depth]: number[],
  wide: number,
  size: [number, number],
  moves: WindowMoves,
) {
  const x = tensor([batch, height, width, depth]);
  const expansion = {filter: narrow(tensor([1, 1, depth, wide], 2)), bias: tensor([wide], 3), window: plain};
  const depthwise = {filter: tensor([...size, wide, 1], 4), bias: tensor([wide], 5), window: moves};
  return {x, expansion, depthwise};
}

for (const [photos, wide, size, changes] of cases) {
  const name = `photos [${photos.join(', ')}], ${wide} channels, ${size.join(' x ')}`;
  test(`${name}: value and mean`, {skip}, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const {x, expansion, depthwise} = layers(photos, wide, size, moving(changes));
        for (const given of [x, narrow(x)]) {
          for (const activation of [undefined, ...activations]) {
            const made = expandedDepthwise(given, expansion, depthwise, activation)!;
            const between = fusedConv2d(given, expansion.filter, expansion.bias, plain, {activation});
            const expected = fusedConv2d(between, depthwise.filter, depthwise.bias, depthwise.window, {
              isDepthwise: true,
              activation,
            });
            assert.ok(isNarrow(made.y));
            assert.deepEqual(made.y.shape, expected.shape);
            assertClose(widen(made.y), widen(expected), `value, ${activation}`, rounding);
            assertClose(made.mean, globalAverage(expected, true), `mean, ${activation}`, rounding);
          }
        }
      }),
    );
  });
}

test('where it cannot be done at once, it is left to others', () => {
  tf.tidy(() => {
    const {x, expansion, depthwise} = layers([2, 7, 7, 32], 64, [3, 3], plain);
    const tall = {...expansion, filter: narrow(tensor([3, 3, 32, 64]))};
    const moved = {...expansion, window: moving({strides: [2, 2]})};
    const wide = {...expansion, filter: widen(expansion.filter)};
    for (const first of [tall, moved, wide]) {
      assert.equal(expandedDepthwise(x, first, depthwise, 'relu'), undefined);
    }
    const dilated = {...depthwise, window: moving({dilations: [2, 2]})};
    const outside = {...depthwise, window: moving({padding: [3, 0, 0, 0]})};
    const doubled = {...depthwise, filter: tensor([3, 3, 64, 2])};
    for (const second of [dilated, outside, doubled]) {
      assert.equal(expandedDepthwise(x, expansion, second, 'relu'), undefined);
    }
  });
});

test('the kernel refuses what does not fit together', {skip}, () => {
  tf.tidy(() => {
    const {x, expansion, depthwise} = layers([2, 7, 7, 32], 64, [3, 3], plain);
    const good = [x, expansion.filter, expansion.bias, depthwise.filter, depthwise.bias];
    const run = (place: number, wrong: Tensor, window = plain) => {
      const inputs = good.map((input, i) => (i === place ? wrong : input));
      const attributes = [typeOf('X', x), ...labWindow(window), text('activation', 'none')];
      return executeTyped('LabExpandedDepthwise', attributes, inputs, 2);
    };
    assert.equal(run(0, x).length, 2);
    const wrong: [number, Tensor, RegExp][] = [
      [0, tensor([2, 7, 7, 16]), /single places of 16 channels/],
      [0, tensor([98, 32]), /four axes/],
      [2, tensor([63]), /63 elements in place of 64/],
      [3, tensor([3, 3, 32, 1]), /not one of 64 channels/],
      [3, tensor([9, 3, 64, 1]), /larger than the image/],
      [4, tensor([65]), /65 elements in place of 64/],
    ];
    for (const [place, input, message] of wrong) assert.throws(() => run(place, input), message);
    assert.throws(() => run(0, x, moving({padding: [3, 0, 0, 0]})), /nothing but padding/);
  });
});
