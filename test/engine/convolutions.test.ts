/** The kernels of convolutions, called by themselves. */
import test from 'node:test';
import {activate, engineReport, tf, type Tensor} from '../../lib/engine';
import {integer, text} from '../../lib/engine/operations/native';
import {backend} from '../../lib/engine/tensorflow';
import {activations, assertClose, assertRefused, tensor, withoutLeaks} from './compare';
import {convolution, plain, type WindowMoves} from './windows';

const skip = engineReport().device === 'CPU' ? false : "this project's kernels run on the CPU";

/** For filters of these sizes on photos of these, [height, width, in, out]; the last ones are worked on in several pieces. */
const gradients: [number[], number[], Partial<WindowMoves>][] = [
  [[2, 9, 8, 3], [3, 3, 3, 5], {strides: [2, 2], padding: [1, 1, 1, 1]}],
  [[2, 9, 8, 2], [2, 4, 2, 16], {strides: [3, 1], padding: [0, 2, 3, 0]}],
  [[3, 5, 5, 19], [3, 3, 19, 24], {padding: [1, 1, 1, 1]}],
  [[2, 8, 7, 12], [1, 1, 12, 33], {strides: [2, 2]}],
  [[2, 4, 4, 7], [4, 4, 7, 40], {}],
  [[2, 3, 2, 6], [5, 7, 6, 8], {strides: [2, 3], padding: [2, 2, 4, 4]}],
  [[25, 12, 12, 8], [3, 1, 8, 17], {padding: [1, 1, 0, 0]}],
  [[2, 70, 33, 6], [3, 3, 6, 9], {padding: [1, 0, 0, 1]}],
];

for (const [photo, filterShape, changes] of gradients) {
  test(`the gradient of a filter [${filterShape.join(', ')}] on photos [${photo.join(', ')}]`, {skip}, () => {
    const window = {...plain, ...changes};
    withoutLeaks(() =>
      tf.tidy(() => {
        const x = tensor(photo);
        const dy = tensor(convolution(x, tensor(filterShape), window).shape, 2);
        const attributes = [
          integer('strides', window.strides),
          integer('padding', window.padding),
          integer('filter', filterShape.slice(0, 2)),
        ];
        const [found] = backend.executeMultipleOutputs('LabConvolutionGradFilter', attributes, [dy, x], 1);
        const expected = tf.grad((given) => convolution(x, given, window))(tensor(filterShape), dy);
        assertClose(found, expected, 'gradient');
      }),
    );
  });
}

test(
  'the gradient of a filter: an empty batch gives zeros, what does not belong together is refused',
  {skip},
  () => {
    const attributes = [
      integer('strides', [1, 1]),
      integer('padding', [0, 0, 0, 0]),
      integer('filter', [3, 3]),
    ];
    const run = (slope: number[], photo: number[]) =>
      backend.executeMultipleOutputs(
        'LabConvolutionGradFilter',
        attributes,
        [tensor(slope), tensor(photo)],
        1,
      )[0];
    tf.tidy(() => assertClose(run([0, 2, 2, 5], [0, 4, 4, 3]), tf.zeros([3, 3, 3, 5]), 'zeros'));
    for (const [slope, photo, message] of [
      [[2, 2, 2, 5], [2, 5, 4, 3], /slope is not one of this convolution/],
      [[1, 2, 2, 5], [2, 4, 4, 3], /slope is not one of this convolution/],
      [[2, 1, 1, 5], [2, 2, 2, 3], /slope is not one of this convolution/],
      [[2, 2, 5], [2, 4, 4, 3], /four axes/],
    ] as const) {
      assertRefused('LabConvolutionGradFilter', attributes, [[...slope], [...photo]], message);
    }
  },
);

type Padding = WindowMoves['padding'];

const minimal = (
  x: Tensor,
  filter: Tensor,
  padding: Padding,
  turned: boolean,
  options: Partial<Extra> = {},
) => {
  const {bias, residual, activation} = options;
  const attributes = [
    integer('padding', padding),
    integer('turned', turned ? 1 : 0),
    integer('biases', bias ? 1 : 0),
    integer('residuals', residual ? 1 : 0),
    text('activation', activation ?? 'none'),
  ];
  const inputs = [x, filter, ...(bias ? [bias] : []), ...(residual ? [residual] : [])];
  return backend.executeMultipleOutputs('LabWinograd', attributes, inputs, 1)[0];
};

interface Extra {
  bias: Tensor;
  residual: Tensor;
  activation: (typeof activations)[number];
}

/** Photos [batch, height, width, channel], how many channels come out, and the padding. */
const minimalOnes: [what: string, photo: number[], out: number, padding: Padding][] = [
  ['a tile alone', [1, 4, 4, 3], 5, [1, 1, 1, 1]],
  ['one place of output', [2, 3, 3, 8], 8, [0, 0, 0, 0]],
  ['tiles that end beyond the output, a rest of channels', [3, 7, 10, 21], 37, [1, 1, 1, 1]],
  ['another padding on each side', [2, 9, 6, 16], 32, [0, 2, 1, 0]],
  ['the whole reach of padding', [2, 5, 5, 17], 6, [2, 2, 2, 2]],
  ['more tiles than are kept at a time', [1, 110, 110, 96], 24, [1, 1, 1, 1]],
  ['more sums than are kept at a time', [1, 7, 6, 515], 356, [1, 1, 1, 1]],
];

for (const [what, photo, out, padding] of minimalOnes) {
  test(`minimal filtering, ${what}: value and gradients`, {skip}, () =>
    withoutLeaks(() =>
      tf.tidy(() => {
        const [x, filter] = [tensor(photo), tensor([3, 3, photo[3], out], 2)];
        const reference = (image: Tensor, given: Tensor) => convolution(image, given, {...plain, padding});
        const expected = reference(x, filter);
        assertClose(minimal(x, filter, padding, false), expected, 'value');
        const dy = tensor(expected.shape, 3);
        const [dx, dFilter] = tf.grads(reference)([x, filter], dy);
        const around = padding.map((amount) => 2 - amount) as Padding;
        assertClose(minimal(dy, filter, around, true), dx, 'gradient of the input');
        const [found] = backend.executeMultipleOutputs(
          'LabWinogradGradFilter',
          [integer('padding', padding)],
          [dy, x],
          1,
        );
        assertClose(found, dFilter, 'gradient of the filter');
      }),
    ),
  );
}

test('minimal filtering with bias, residual and every activation', {skip}, () =>
  withoutLeaks(() =>
    tf.tidy(() => {
      const padding: Padding = [1, 1, 1, 1];
      const [x, filter] = [tensor([2, 6, 7, 12]), tensor([3, 3, 12, 19], 2)];
      const [bias, residual] = [tensor([19], 3), tensor([2, 6, 7, 19], 4)];
      const plainly = convolution(x, filter, {...plain, padding});
      for (const activation of activations) {
        for (const extra of [{bias}, {residual}, {bias, residual}] as Partial<Extra>[]) {
          const sum = [extra.bias, extra.residual].reduce<Tensor>(
            (total, term) => (term ? tf.add(total, term) : total),
            plainly,
          );
          const found = minimal(x, filter, padding, false, {...extra, activation});
          assertClose(found, activation ? activate(sum, activation) : sum, activation ?? 'none');
        }
      }
    }),
  ),
);

test('minimal filtering: an empty batch, and what does not belong together', {skip}, () => {
  const padding = integer('padding', [1, 1, 1, 1]);
  const attributes = [
    padding,
    integer('turned', 0),
    integer('biases', 0),
    integer('residuals', 0),
    text('activation', 'none'),
  ];
  tf.tidy(() => {
    const [x, filter] = [tensor([0, 4, 4, 3]), tensor([3, 3, 3, 5])];
    assertClose(minimal(x, filter, [1, 1, 1, 1], false), tf.zeros([0, 4, 4, 5]), 'nothing');
    const [zeros] = backend.executeMultipleOutputs(
      'LabWinogradGradFilter',
      [padding],
      [tensor([0, 4, 4, 5]), x],
      1,
    );
    assertClose(zeros, tf.zeros([3, 3, 3, 5]), 'zeros');
  });
  for (const [shapes, message] of [
    [
      [
        [4, 4, 3],
        [3, 3, 3, 5],
      ],
      /four axes/,
    ],
    [
      [
        [1, 4, 4, 3],
        [3, 2, 3, 5],
      ],
      /not one of 3x3 places and 3 channels/,
    ],
    [
      [
        [1, 4, 4, 3],
        [3, 3, 4, 5],
      ],
      /not one of 3x3 places and 3 channels/,
    ],
    [
      [
        [1, 4, 4, 0],
        [3, 3, 0, 5],
      ],
      /no channels/,
    ],
    [
      [
        [1, 4, 4, 3],
        [3, 3, 3, 0],
      ],
      /no channels/,
    ],
    [
      [
        [1, 0, 4, 3],
        [3, 3, 3, 5],
      ],
      /larger than the image/,
    ],
  ] as const) {
    assertRefused(
      'LabWinograd',
      attributes,
      shapes.map((shape) => [...shape]),
      message,
    );
  }
  for (const [shapes, message] of [
    [
      [
        [1, 4, 3, 5],
        [1, 4, 4, 3],
      ],
      /slope is not one of this convolution/,
    ],
    [
      [
        [2, 4, 4, 5],
        [1, 4, 4, 3],
      ],
      /slope is not one of this convolution/,
    ],
    [
      [
        [1, 4, 4, 0],
        [1, 4, 4, 3],
      ],
      /no channels/,
    ],
  ] as const) {
    assertRefused(
      'LabWinogradGradFilter',
      [padding],
      shapes.map((shape) => [...shape]),
      message,
    );
  }
});
