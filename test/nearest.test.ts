import assert from 'node:assert/strict';
import {test} from 'node:test';

import {editDistance, nearest} from '../lib/nearest';

const names = ['mobilenet_v2', 'mobilenet_v3_large', 'resnet18', 'resnet50', 'resnext50_32x4d', 'vgg16'];

test('editDistance counts insertions, deletions and substitutions', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('same', 'same'), 0);
});

test('nearest offers what was probably meant', () => {
  assert.deepEqual(nearest('mobilnet_v2', names), ['mobilenet_v2']);
  assert.deepEqual(nearest('ResNet', names), ['resnet18', 'resnet50']);
  assert.deepEqual(nearest('mobilenet', names), ['mobilenet_v2', 'mobilenet_v3_large']);
  assert.deepEqual(nearest('swin_t', names), []);
});
