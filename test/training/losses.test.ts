import assert from 'node:assert/strict';
import test from 'node:test';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {crossEntropy, type CrossEntropyOptions} from '../../lib/training';

/** Two rows of logits over three classes. */
function lossOf(labels: ArrayLike<number>, options: CrossEntropyOptions = {}): number {
  const {numTensors} = tf.memory();
  const logits = tf.tensor2d([
    [1, 2, 3],
    [0, 0, 1],
  ]);
  try {
    const loss = crossEntropy(logits, labels as Int32Array, options);
    const [value] = loss.dataSync();
    loss.dispose();
    return value;
  } finally {
    logits.dispose();
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  }
}

test('the mean cross-entropy of two rows', () => {
  const entropy = (row: number[], label: number) =>
    Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[label];
  const expected = (entropy([1, 2, 3], 0) + entropy([0, 0, 1], 2)) / 2;
  assert.ok(Math.abs(lossOf([0, 2]) - expected) < 1e-6);
});

const refused: [string, ArrayLike<number>, RegExp][] = [
  ['a negative label', [0, -1], /^Label -1 at position 1 of the batch is none of 3 classes\. Give 0 to 2\.$/],
  ['a label of as many as there are', [3, 0], /^Label 3 at position 0 /],
  ['a label that is no whole number', [0, 1.5], /^Label 1\.5 at position 1 /],
  ['a label that is no number', [NaN, 1], /^Label NaN at position 0 /],
  ['too few labels', [1], /^1 labels cannot go with 2 rows of logits/],
  ['too many labels', [1, 1, 1], /^3 labels cannot go with 2 rows of logits/],
];

for (const [what, labels, message] of refused) {
  test(`${what} is refused by value and position`, () => {
    assert.throws(
      () => lossOf(labels),
      (error) => error instanceof LabError && message.test(error.message),
    );
  });
}

test('a batch of classes without weight is refused', () => {
  assert.throws(
    () => lossOf([0, 0], {classWeights: [0, 1, 1]}),
    /No photo of a batch has a class weight above 0/,
  );
  assert.ok(Number.isFinite(lossOf([0, 1], {classWeights: [0, 1, 1]})));
});
