/** Ways of labelling against a hand-checked sample. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {LabError} from '../../lib/errors';
import {agreementWith, type Judgement} from '../../lib/labelling';

const classes = ['cat', 'dog'];
const SAMPLE = new Map([
  ['a', 'cat'],
  ['b', 'cat'],
  ['c', 'dog'],
  ['d', 'dog'],
  ['e', 'dog'],
]);
const labels = (...all: [string, string, number][]) =>
  new Map(all.map(([photo, label, confidence]): [string, Judgement] => [photo, {label, confidence}]));

test('agreement, kappa, confusion and the disagreements, the surest first; what is left to a person does not count', () => {
  const given = labels(
    ['a', 'cat', 0.9],
    ['b', 'dog', 0.6],
    ['c', 'cat', 0.99],
    ['d', 'dog', 0.7],
    ['not in the sample', 'dog', 1],
  );
  const found = agreementWith(SAMPLE, given, {way: 'a model', classes});
  assert.deepEqual([found.checked, found.left, found.agreement, found.kappa], [5, 1, 0.5, 0]);
  assert.deepEqual(found.confusion, [
    [1, 1],
    [1, 1],
  ]);
  assert.deepEqual(found.disagreements, [
    {photo: 'c', checked: 'dog', judged: 'cat', confidence: 0.99},
    {photo: 'b', checked: 'cat', judged: 'dog', confidence: 0.6},
  ]);
  assert.equal(found.only, null);
  const {low, high} = found.interval!;
  assert.ok(low < 0.5 && high > 0.5, `${low} to ${high}`);
});

test('a model that always answers "cat" is found out', () => {
  const given = labels(...[...SAMPLE.keys()].map((photo): [string, string, number] => [photo, 'cat', 1]));
  const found = agreementWith(SAMPLE, given, {way: 'a model', classes});
  assert.deepEqual([found.only, found.kappa, found.agreement], ['cat', 0, 0.4]);
  const cats = new Map([...SAMPLE].slice(0, 2));
  assert.equal(
    agreementWith(cats, given, {way: 'a model', classes}).only,
    null,
    'where all are cats it is right',
  );
});

test('a way that labels nothing has no agreement', () => {
  const found = agreementWith(SAMPLE, new Map(), {way: 'nobody', classes});
  assert.deepEqual([found.left, found.agreement, found.interval, found.kappa], [5, null, null, null]);
});

test('an empty sample and a label that is no class are told', () => {
  const thrown = (call: () => unknown, message: RegExp) =>
    assert.throws(call, (error: Error) => error instanceof LabError && message.test(error.message));
  thrown(() => agreementWith(new Map(), new Map(), {way: 'a model', classes}), /Check some by hand/);
  const given = labels(['a', 'lion', 1]);
  thrown(() => agreementWith(SAMPLE, given, {way: 'a model', classes}), /^a model: "lion" is none of/);
  thrown(() => agreementWith(new Map([['a', 'lion']]), given, {way: 'm', classes}), /^the sample: "lion"/);
});
