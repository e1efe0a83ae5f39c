import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type Activation,
  affine,
  batchNorm,
  joinedAffine,
  joinedBatchNorm,
  layerNorm,
  tf,
  type Tensor,
} from '../../lib/engine';
import {assertClose, assertSame, tensor, withoutLeaks} from './compare';

const epsilon = 1e-3;
const momentum = 0.1;
/** Whole vectors of every width, and a rest. */
const channels = 27;
const running = () => ({
  mean: tensor([channels], 4),
  variance: tf.tidy(() => tf.add(tf.square(tensor([channels], 5)), 0.1)),
});

const definitions: Partial<Record<Activation | 'none', (x: Tensor) => Tensor>> = {
  none: (x) => x,
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.clipByValue(x, 0, 6),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
};

/** Numbers around 1 with a deviation of 2, so that a relu6 cuts at both ends. */
const image = () => tf.tidy(() => tf.add(tf.mul(tensor([4, 5, 6, channels]), 2), 1));

for (const [name, activation] of Object.entries(definitions)) {
  for (const withResidual of [false, true]) {
    const what = `${withResidual ? 'a residual, ' : ''}activation ${name}`;
    test(`batch normalisation of a batch, ${what}: value and gradients`, () => {
      const {mean, variance} = running();
      const inputs = [image(), tensor([channels], 2).mul(3), tensor([channels], 3)];
      if (withResidual) inputs.push(tensor([4, 5, 6, channels], 6));
      assertSame(
        (x, scale, offset, residual) =>
          batchNorm(
            x,
            {scale, offset, mean, variance},
            {epsilon, momentum, residual, activation: name === 'none' ? undefined : (name as Activation)},
          ).y,
        (x, scale, offset, residual) => {
          const centred = tf.sub(x, tf.mean(x, [0, 1, 2]));
          const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), [0, 1, 2]), epsilon));
          const normalised = tf.add(tf.mul(tf.mul(centred, inverse), scale), offset);
          return activation(residual ? tf.add(normalised, residual) : normalised);
        },
        inputs,
      );
      tf.dispose([mean, variance, inputs]);
    });
  }
}

/** Two values that are joined, the first with a rest behind its whole vectors. */
const halves = () => [tensor([4, 5, 6, 11], 7), tensor([4, 5, 6, channels - 11], 8)];

for (const activation of [undefined, 'relu'] as const) {
  test(`what is joined, and its batch normalisation, activation ${activation ?? 'none'}: value and gradients`, () => {
    const {mean, variance} = running();
    const inputs = [...halves(), tensor([channels], 2), tensor([channels], 3)];
    const both = ({joined, y}: {joined: Tensor; y: Tensor}) => tf.add(y, tf.square(joined));
    const settings = {epsilon, momentum, activation};
    assertSame(
      (first, second, scale, offset) =>
        both(joinedBatchNorm([first, second], {scale, offset, mean, variance}, settings)),
      (first, second, scale, offset) => {
        const joined = tf.concat([first, second], 3);
        return both({joined, y: batchNorm(joined, {scale, offset, mean, variance}, settings).y});
      },
      inputs,
    );
    tf.dispose([mean, variance, inputs]);
  });

  test(`running statistics of what is joined, activation ${activation ?? 'none'}`, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const [first, second] = halves();
        const parameters = {scale: tensor([channels], 2), offset: tensor([channels], 3), ...running()};
        const settings = {epsilon, momentum, activation};
        const after = joinedBatchNorm([first, second], parameters, settings);
        const expected = batchNorm(tf.concat([first, second], 3), parameters, settings);
        assertClose(after.mean, expected.mean, 'mean');
        assertClose(after.variance, expected.variance, 'variance');
      }),
    );
  });

  test(`factor and shift of what is joined, activation ${activation ?? 'none'}`, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const [first, second] = halves();
        const [factor, shift] = [tensor([channels], 2), tensor([channels], 3)];
        const {joined, y} = joinedAffine([first, second], factor, shift, activation);
        const expected = tf.concat([first, second], 3);
        assertClose(joined, expected, 'joined', 0);
        assertClose(y, affine(expected, factor, shift, activation), 'y');
      }),
    );
  });
}

test('batch statistics do not cancel where the mean is large', () => {
  withoutLeaks(() =>
    tf.tidy(() => {
      const x = tf.add(image(), 1e4);
      const {scale, offset, mean, variance} = {
        scale: tf.ones([channels]),
        offset: tf.zeros([channels]),
        ...running(),
      };
      const {y} = batchNorm(x, {scale, offset, mean, variance}, {epsilon, momentum});
      const deviation = tf.sqrt(tf.mean(tf.square(y), [0, 1, 2]));
      assertClose(deviation, tf.ones([channels]), 'deviation', 1e-3);
    }),
  );
});

for (const activation of [undefined, 'relu'] as const) {
  test(`running statistics after a batch, the variance unbiased, activation ${activation ?? 'none'}`, () => {
    withoutLeaks(() =>
      tf.tidy(() => {
        const x = image();
        const parameters = {scale: tensor([channels], 2), offset: tensor([channels], 3), ...running()};
        const after = batchNorm(x, parameters, {epsilon, momentum, activation});
        const {mean, variance} = tf.moments(x, [0, 1, 2]);
        const count = 4 * 5 * 6;
        const moved = (old: Tensor, seen: Tensor) =>
          tf.add(tf.mul(old, 1 - momentum), tf.mul(seen, momentum));
        assertClose(after.mean, moved(parameters.mean, mean), 'mean');
        assertClose(
          after.variance,
          moved(parameters.variance, tf.mul(variance, count / (count - 1))),
          'variance',
        );
      }),
    );
  });
}

for (const shape of [
  [2, 5, 27],
  [6, 27],
]) {
  test(`layer normalisation of [${shape.join(', ')}]: value and gradients`, () => {
    const inputs = [tensor(shape), tensor([27], 2), tensor([27], 3)];
    assertSame(
      (x, scale, offset) => layerNorm(x, scale, offset, 1e-6),
      (x, scale, offset) => {
        const centred = tf.sub(x, tf.mean(x, -1, true));
        const deviation = tf.sqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-6));
        return tf.add(tf.mul(tf.div(centred, deviation), scale), offset);
      },
      inputs,
    );
    tf.dispose(inputs);
  });
}

test('layer normalisation of a constant row is its offset', () => {
  withoutLeaks(() =>
    tf.tidy(() => {
      const y = layerNorm(tf.fill([1, 4], 1e3), tf.ones([4]), tf.tensor([1, 2, 3, 4]), 1e-6);
      assert.deepEqual([...y.dataSync()], [1, 2, 3, 4]);
    }),
  );
});
