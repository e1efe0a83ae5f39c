import assert from 'node:assert/strict';
import test from 'node:test';
import {canonicalJson} from '../../lib/canonical-json';
import {LabError} from '../../lib/errors';
import {runId, type RunIdentity} from '../../lib/runs';
import {configuration} from './fixtures/runs';

test('an identifier reads well and stays the same', () => {
  assert.equal(runId(configuration), 'mobilenet_v2-last-3-stages-7cce0207');
});

test('the order of fields and undefined ones do not matter, every value does', () => {
  const {optimizer, ...rest} = configuration;
  const reordered = {absent: undefined, optimizer, ...rest} as RunIdentity;
  assert.equal(runId(reordered), runId(configuration));
  const others: Partial<RunIdentity>[] = [
    {seed: 2},
    {split: '00000000'},
    {standIns: ['drawings']},
    {classes: ['metal', 'glass']},
    {optimizer: {kind: 'adamw', learningRate: 3e-3}},
    {epochs: 8},
  ];
  const ids = others.map((change) => runId({...configuration, ...change}));
  assert.equal(new Set([...ids, runId(configuration)]).size, 7);
});

test('canonical JSON reads back as what was given', () => {
  const value = {b: [1, {d: null, c: 'é"'}], a: -0.5, 2: true};
  assert.equal(canonicalJson(value), '{"2":true,"a":-0.5,"b":[1,{"c":"é\\"","d":null}]}');
  assert.deepEqual(JSON.parse(canonicalJson(value)), value);
});

test('what JSON cannot hold is named', () => {
  for (const [patience, found] of [
    [Infinity, 'Infinity'],
    [NaN, 'NaN'],
    [() => 3, 'a function'],
    [3n, 'a bigint'],
  ] as const) {
    assert.throws(
      () => runId({...configuration, stopping: [{patience}]}),
      (error) =>
        error instanceof LabError &&
        error.message.startsWith(`configuration.stopping[0].patience is ${found},`),
    );
  }
});
