import assert from 'node:assert/strict';
import {test} from 'node:test';
import {LabError} from '../../lib/errors';
import {
  bootstrapInterval,
  accuracy,
  classificationReport,
  confusedPairs,
  confusionMatrix,
  groupedConfusion,
  isBetter,
  macroF1,
  scoresOf,
  topKAccuracy,
} from '../../lib/metrics';
import fixture from './fixtures/scores.json';

function assertClose(actual: object, expected: object, name: string): void {
  const numbers = new Map(Object.entries(actual));
  for (const [key, value] of Object.entries(expected) as [string, number][]) {
    const difference = Math.abs((numbers.get(key) as number) - value);
    assert.ok(difference < 1e-12, `${name}: ${key} is ${numbers.get(key)}, scikit-learn says ${value}`);
  }
}

test('scores equal those of scikit-learn', () => {
  for (const expected of fixture.reports) {
    const {name, classCount} = expected;
    const names = Array.from({length: classCount}, (_, label) => `class ${label}`);
    const confusion = confusionMatrix(expected.truth, expected.predicted, classCount);
    assert.deepEqual(confusion, expected.confusion, name);

    const report = classificationReport(confusion, names);
    assert.equal(report.classes.length, classCount);
    report.classes.forEach((scores, label) => {
      assert.equal(scores.name, names[label]);
      assertClose(scores, expected.classes[label], `${name}, ${names[label]}`);
    });
    assertClose(report.macro, expected.macro, `${name}, macro`);
    assertClose(report.micro, expected.micro, `${name}, micro`);
    assertClose(report.weighted, expected.weighted, `${name}, weighted`);
    assertClose(report, {accuracy: expected.accuracy, support: expected.truth.length}, name);

    const overAll = classificationReport(confusion, names, 'all');
    assertClose(overAll.macro, expected.macroOverAll, `${name}, macro over all classes`);
    assertClose({accuracy: accuracy(confusion)}, {accuracy: expected.accuracy}, name);
    assertClose({f1: macroF1(confusion)}, {f1: expected.macro.f1}, name);
    assertClose({f1: macroF1(confusion, 'all')}, {f1: expected.macroOverAll.f1}, name);
  }
});

test('top-k accuracy equals that of scikit-learn, equal scores included', () => {
  for (const {name, truth, scores, accuracy} of fixture.topK) {
    accuracy.forEach((expected, index) => {
      const actual = topKAccuracy(scores, truth, index + 1);
      assert.ok(
        Math.abs(actual - expected) < 1e-12,
        `${name}, k = ${index + 1}: ${actual} against ${expected}`,
      );
    });
    assert.equal(
      topKAccuracy(Float32Array.from(scores), Int32Array.from(truth), scores.length / truth.length),
      1,
    );
  }
});

test('a bootstrap interval is repeatable, holds the score and narrows with more items', () => {
  const items = Array.from({length: 60}, (_, item) => ({
    truth: item % 3,
    predicted: item % 7 === 0 ? 0 : item % 3,
  }));
  const score = macroF1(
    confusionMatrix(
      items.map(({truth}) => truth),
      items.map(({predicted}) => predicted),
      3,
    ),
  );
  const interval = bootstrapInterval(items, 3);
  assert.deepEqual(bootstrapInterval(items, 3), interval);
  assert.notDeepEqual(bootstrapInterval(items, 3, {seed: 2}), interval);
  assert.ok(interval.low < score && score < interval.high);

  const more = bootstrapInterval([...items, ...items, ...items, ...items], 3);
  const width = ({low, high}: {low: number; high: number}) => high - low;
  assert.ok(width(more) < 0.75 * width(interval));
  assert.ok(width(bootstrapInterval(items, 3, {level: 0.5})) < width(interval));
});

test('a bootstrap interval of certain answers is a point', () => {
  const right = Array.from({length: 10}, () => ({truth: 1, predicted: 1}));
  assert.deepEqual(bootstrapInterval(right, 2), {low: 1, high: 1});
});

test('the interval of accuracy is its own', () => {
  const items = Array.from({length: 40}, (_, item) => ({truth: item < 36 ? 0 : 1, predicted: 0}));
  const {low, high} = bootstrapInterval(items, 2, {metric: 'accuracy'});
  assert.ok(low > 0.75 && low < 0.9 && high > 0.9 && high <= 1, `${low} to ${high}`);
  assert.ok(bootstrapInterval(items, 2).low < low);
});

test('scores sum an evaluation up, with top-5 accuracy for six classes and more alone', () => {
  const row = (classes: number, ...best: number[]) =>
    Array.from({length: classes}, (_, label) => (best.includes(label) ? 0.9 - 0.1 * best.indexOf(label) : 0));
  const truth = Int32Array.of(0, 1, 5);
  const probabilities = Float32Array.from([
    ...row(6, 0, 1, 2, 3, 4),
    ...row(6, 0, 2, 3, 4, 1),
    ...row(6, 0, 1, 2, 3, 4),
  ]);
  const confusion = confusionMatrix(truth, [0, 0, 0], 6);
  const scores = scoresOf(confusion, {loss: 0.25, truth, probabilities});
  assert.deepEqual(scores, {loss: 0.25, accuracy: 1 / 3, macroF1: macroF1(confusion), top5: 2 / 3});
  const five = confusionMatrix([0], [0], 5);
  const certain = Float32Array.from(row(5, 0));
  assert.equal(scoresOf(five, {loss: 0, truth: Int32Array.of(0), probabilities: certain}).top5, null);
});

test('a lower loss and a higher score are better, any number is better than none, and equals are not', () => {
  assert.deepEqual(
    [isBetter('loss', 1, 2), isBetter('loss', 2, 1), isBetter('loss', 1, 1)],
    [true, false, false],
  );
  assert.deepEqual([isBetter('macroF1', 1, 2), isBetter('accuracy', 2, 1)], [false, true]);
  assert.deepEqual(
    [isBetter('loss', 9, null), isBetter('loss', 9, NaN), isBetter('loss', NaN, 9)],
    [true, true, false],
  );
});

test('the pairs confused most come first, and classes can be grouped', () => {
  const confusion = [
    [8, 2, 0, 0],
    [0, 9, 0, 1],
    [3, 0, 3, 0],
    [0, 2, 0, 0],
  ];
  const pairs = confusedPairs(confusion, ['cat', 'dog', 'car', 'van'], 3);
  assert.deepEqual(pairs, [
    {truth: 'car', predicted: 'cat', photos: 3, share: 0.5},
    {truth: 'van', predicted: 'dog', photos: 2, share: 1},
    {truth: 'cat', predicted: 'dog', photos: 2, share: 0.2},
  ]);
  assert.deepEqual(groupedConfusion(confusion, [0, 0, 1, 1]), [
    [19, 1],
    [5, 3],
  ]);
});

test('bad input is named', () => {
  const refused: [() => unknown, RegExp][] = [
    [() => confusionMatrix([0, 1], [0], 2), /2 true labels stand against 1 predicted/],
    [() => confusionMatrix([0, 2], [0, 1], 2), /true label of item 1 is 2/],
    [() => confusionMatrix([0, 1], [0, -1], 2), /predicted label of item 1 is -1/],
    [() => confusionMatrix([0.5], [0], 2), /true label of item 0 is 0.5/],
    [() => confusionMatrix([], [], 0), /number of classes from 1 on, not 0/],
    [() => macroF1([]), /nothing to score/],
    [() => macroF1(confusionMatrix([], [], 3)), /nothing to score/],
    [() => macroF1([[1, 2], [3]]), /2 rows and 1 numbers in row 1/],
    [
      () =>
        macroF1([
          [1, NaN],
          [0, 1],
        ]),
      /row 0 holds NaN/,
    ],
    [() => classificationReport([[1]], ['glass', 'metal']), /2 class names were given for .* 1 classes/],
    [() => confusedPairs([[1]], ['glass', 'metal']), /2 class names were given for .* 1 classes/],
    [() => groupedConfusion([[1]], [0, 1]), /2 groups were given for .* 1 classes/],
    [() => groupedConfusion([[1]], [-1]), /A group of -1 cannot be/],
    [() => topKAccuracy([0.1, 0.9, 0.5], [0, 1], 1), /3 scores cannot be shared out among 2 items/],
    [() => topKAccuracy([], [], 1), /0 scores cannot be shared out/],
    [() => topKAccuracy([0.1, 0.9], [0], 3), /from 1 to 2, not 3/],
    [() => topKAccuracy([0.1, 0.9], [2], 1), /true label of item 0 is 2/],
    [() => topKAccuracy([0.1, NaN], [0], 1), /class 1 for item 0 is not a number/],
    [() => bootstrapInterval([], 3), /at least one item/],
    [() => bootstrapInterval([{truth: 0, predicted: 0}], 3, {level: 1}), /and 1 does not/],
    [() => bootstrapInterval([{truth: 0, predicted: 0}], 3, {resamples: 0}), /from 1 on, not 0/],
  ];
  for (const [call, message] of refused) {
    assert.throws(call, (error) => error instanceof LabError && message.test(error.message), String(message));
  }
});
