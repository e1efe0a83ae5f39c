import assert from 'node:assert/strict';
import {test} from 'node:test';

import {formulaInput, formulaProbe, formulaTensor} from '../../lib/checkpoints';
import {fnv1a, mulberry32} from '../../lib/random';

/** The first of the numbers u that the tensor `name` is made of. */
const first = (text: string) => mulberry32(fnv1a(text))();

test('each kind of tensor has its own range', () => {
  const cases: [string, number[], (u: number) => number][] = [
    ['bn.running_var', [3], (u) => 0.5 + u],
    ['bn.running_mean', [3], (u) => (u - 0.5) * 0.2],
    ['class_token', [1, 1, 4], (u) => (2 * u - 1) * 0.1],
    ['cls_token', [1, 1, 4], (u) => (2 * u - 1) * 0.1],
    ['encoder.pos_embedding', [1, 2, 4], (u) => (2 * u - 1) * 0.1],
    ['pos_embed', [1, 2, 4], (u) => (2 * u - 1) * 0.1],
    ['attn.relative_position_bias_table', [9, 2], (u) => (2 * u - 1) * 0.1],
    ['features.1.0.layer_scale', [4, 1, 1], (u) => 0.2 * u],
    ['conv.bias', [3], (u) => (u - 0.5) * 0.2],
    ['attention.in_proj_bias', [3], (u) => (u - 0.5) * 0.2],
    ['bn.weight', [3], (u) => 0.75 + 0.5 * u],
    ['conv.weight', [2, 3, 5, 5], (u) => (2 * u - 1) * Math.sqrt(6 / 75)],
    ['fc.weight', [2, 12], (u) => (2 * u - 1) * Math.sqrt(3 / 12)],
  ];
  for (const [name, shape, value] of cases) {
    const values = formulaTensor(name, shape, 'salt');
    assert.equal(
      values.length,
      shape.reduce((a, b) => a * b),
    );
    assert.ok(Math.abs(values[0] - value(first(`salt${name}`))) < 1e-6, name);
  }
});

test('input and probe are drawn from texts of their own', () => {
  assert.equal(formulaInput([2, 3, 4, 4], 's').length, 96);
  assert.equal(formulaInput([1], 's')[0], (2 * first('sinput') - 1) * 1.5);
  assert.equal(formulaProbe('conv.weight', [2, 3], 's').length, 6);
  assert.equal(formulaProbe('conv.weight', [1], 's')[0], 2 * first('sconv.weight#probe') - 1);
});
