import assert from 'node:assert/strict';
import test from 'node:test';
import {
  activate,
  add,
  batchNorm,
  biasAdd,
  concat,
  conv2d,
  gradients,
  inDoublePrecision,
  linear,
  maxPool,
  reshape,
  slice,
  tf,
  type Tensor,
  type Variable,
} from '../../lib/engine';
import {tensor, withoutLeaks} from './compare';
import {plain} from './windows';

/** A function whose gradient cannot be computed. */
const withoutGradient = tf.customGrad((x) => ({
  value: (x as Tensor).clone(),
  gradFunc: (): Tensor => {
    throw new Error('in the backward pass');
  },
}));

/** A network of this project's operations; `middle` stands between its layers. */
function loss([filter, bias, weight]: Variable[], middle: (x: Tensor) => Tensor): Tensor {
  const x = tensor([2, 6, 6, 3]);
  const convolved = middle(activate(biasAdd(conv2d(x, filter, plain), bias), 'silu'));
  const ones = {scale: tf.ones([4]), offset: tf.zeros([4]), mean: tf.zeros([4]), variance: tf.ones([4])};
  const {y} = batchNorm(convolved, ones, {epsilon: 1e-5, momentum: 0.1, activation: 'relu'});
  const pooled = maxPool(y, [2, 2], {...plain, strides: [2, 2]});
  return tf.sum(tf.square(linear(pooled.reshape([2, -1]), weight)));
}

function withVariables(action: (variables: Variable[]) => void): void {
  withoutLeaks(() => {
    const variables = [tensor([3, 3, 3, 4], 2), tensor([4], 3), tensor([5, 16], 4)].map((initial) => {
      const variable = tf.variable(initial);
      initial.dispose();
      return variable;
    });
    try {
      action(variables);
    } finally {
      tf.dispose(variables);
    }
  });
}

/** The values of a pass that succeeds. */
function numbersOf(variables: Variable[]): number[][] {
  const {value, grads} = gradients(() => loss(variables, (x) => x), variables);
  const numbers = [value, ...variables.map(({name}) => grads[name])].map((slope) => [...slope.dataSync()]);
  tf.dispose([value, grads]);
  return numbers;
}

const failing: [string, RegExp, (x: Tensor) => Tensor][] = [
  [
    'the forward pass',
    /in the forward pass/,
    () => {
      throw new Error('in the forward pass');
    },
  ],
  ['the backward pass', /in the backward pass/, withoutGradient],
  ['an operation', /cannot filter an image of 4 channels/, (x) => conv2d(x, tensor([1, 1, 3, 3]), plain)],
];

for (const [where, message, middle] of failing) {
  test(`an error in ${where} leaves no tensor behind, and the next pass is as if nothing had been`, () => {
    withVariables((variables) => {
      const before = numbersOf(variables);
      for (let i = 0; i < 2; i++) {
        withoutLeaks(() => {
          assert.throws(() => gradients(() => loss(variables, middle), variables), message);
        });
      }
      const kept = tensor([2, 3], 7);
      assert.deepEqual(
        withoutLeaks(() => numbersOf(variables)),
        before,
      );
      assert.equal(kept.dataSync().length, 6);
      kept.dispose();
    });
  });
}

test('an error in double precision leaves single precision behind it, and no tensor', () => {
  withVariables((variables) => {
    const before = numbersOf(variables);
    withoutLeaks(() => {
      assert.throws(
        () =>
          inDoublePrecision(() => {
            withVariables((inDouble) => gradients(() => loss(inDouble, withoutGradient), inDouble));
          }),
        /in the backward pass/,
      );
    });
    assert.deepEqual(numbersOf(variables), before);
  });
});

/** A part of a network whose gradients need no values, some of tfjs's own operations among them. */
function part(x: Tensor): Tensor {
  const [rows, columns] = x.shape;
  const halves = [0, columns / 2].map((begin) => slice(x, [0, begin], [-1, columns / 2]));
  const joined = tf.transpose(reshape(concat(halves, 1), [columns, rows])).reshape([rows, columns]);
  return add(x, joined);
}

/** The bytes held when the gradient of the first of many parts is computed. */
function bytesAtTheFirst(parts: number): number {
  let bytes = 0;
  const probe = tf.customGrad((x) => ({
    value: (x as Tensor).clone(),
    gradFunc: (dy) => {
      bytes = tf.memory().numBytes;
      return dy.clone();
    },
  }));
  const variable = tf.tidy(() => tf.variable(tensor([64, 256], 1)));
  const {value, grads} = gradients(() => {
    let x = probe(variable);
    for (let i = 0; i < parts; i++) x = tf.tidy(() => part(x));
    return tf.sum(x);
  }, [variable]);
  tf.dispose([value, grads, variable]);
  return bytes;
}

test('a backward pass holds no more the longer it is, where gradients need no values', () => {
  const few = bytesAtTheFirst(4);
  assert.ok(few > 64 * 256 * 4, 'at least one slope is there');
  assert.equal(bytesAtTheFirst(40), few);
});

test('what a gradient hands on as it is stays until it is used', () => {
  const same = tf.customGrad((...given) => {
    const [a, b] = given as Tensor[];
    return {value: tf.add(a, b), gradFunc: (dy) => [dy, dy]};
  });
  const product = tf.customGrad((...given) => {
    const save = given.pop() as (tensors: Tensor[]) => void;
    const [a, b] = given as Tensor[];
    save([a, b]);
    return {value: tf.sum(tf.mul(a, b)), gradFunc: (_, saved) => saved.toReversed()};
  });
  withoutLeaks(() => {
    const variables = [1, 2].map((seed) => tf.tidy(() => tf.variable(tensor([2, 3], seed))));
    const [a, b] = variables;
    const {value, grads} = gradients(() => {
      const sum = same(tf.square(a), add(b, same(b, a)));
      return product(sum, tf.relu(sum));
    }, variables);
    const plainly = tf.grads((a: Tensor, b: Tensor) => {
      const sum = tf.add(tf.square(a), tf.add(b, tf.add(b, a)));
      return tf.sum(tf.mul(sum, tf.relu(sum)));
    })([a, b]);
    for (const [i, {name}] of variables.entries()) {
      assert.deepEqual(grads[name].dataSync(), plainly[i].dataSync());
    }
    tf.dispose([value, grads, plainly, variables]);
  });
});
