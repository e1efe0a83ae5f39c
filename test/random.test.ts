import assert from 'node:assert/strict';
import {test} from 'node:test';

import {fnv1a, mulberry32, shuffled} from '../lib/random';

test('fnv1a equals the published test vectors', () => {
  assert.equal(fnv1a(''), 0x811c9dc5);
  assert.equal(fnv1a('a'), 0xe40c292c);
  assert.equal(fnv1a('foobar'), 0xbf9cf968);
  assert.equal(fnv1a('é'), fnv1a(Buffer.from('é').toString()));
});

test('mulberry32 gives its well-known stream', () => {
  const random = mulberry32(0);
  assert.deepEqual(
    [random(), random(), random()].map((value) => value * 2 ** 32),
    [1144304738, 1416247, 958946056],
  );
});

test('shuffled keeps every item, leaves the list alone and repeats with its seed', () => {
  const list = Array.from({length: 50}, (_, index) => index);
  const result = shuffled(list, mulberry32(7));
  assert.notDeepEqual(result, list);
  assert.deepEqual(
    [...result].sort((a, b) => a - b),
    list,
  );
  assert.deepEqual(result, shuffled(list, mulberry32(7)));
});
