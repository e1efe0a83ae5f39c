/** Checkpoints of the user's own: names with prefixes, heads of other names, other architectures, wrong numbers. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import {test, type TestContext} from 'node:test';

import {
  type Architecture,
  Backbone,
  cutAfter,
  defineBackbone,
  type Extent,
  findArchitecture,
  withHeadOn,
} from '../../lib/backbones';
import {type NamedValues, writeSafetensors} from '../../lib/checkpoints';
import {tf} from '../../lib/engine';
import {temporaryFolder} from '../ending';

const architecture = findArchitecture('squeezenet1_1');
const [weight] = architecture.parameters().keys();

/** The network's tensors by the formula, those of the original head apart. */
function tensorsOf(whole: Architecture): {stages: NamedValues[]; head: NamedValues[]} {
  const backbone = Backbone.formula(whole);
  const stages = whole.parameters();
  const tensors = backbone.weights.names().map((name) => backbone.weights.read(name));
  backbone.dispose();
  return {
    stages: tensors.filter(({name}) => stages.has(name)),
    head: tensors.filter(({name}) => !stages.has(name)),
  };
}

const {stages, head} = tensorsOf(architecture);
const tensor = (name: string, ...shape: number[]): NamedValues => ({
  name,
  shape,
  values: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});
const prefixed = (prefix: string, tensors: NamedValues[]) =>
  tensors.map((each) => ({...each, name: prefix + each.name}));

function write(t: TestContext, tensors: NamedValues[]): string {
  const folder = temporaryFolder(t, 'loading-');
  const file = join(folder, 'own.safetensors');
  writeSafetensors(file, tensors);
  return file;
}

/** Loads the tensors, checks that they arrived, and gives the notes without the file's name. */
function notesOf(t: TestContext, tensors: NamedValues[], into = architecture): string[] {
  const file = write(t, tensors);
  const notes: string[] = [];
  const backbone = Backbone.load(into, file, {onNote: (note) => notes.push(note)});
  for (const name of into.parameters().keys()) {
    assert.deepEqual(
      backbone.weights.read(name).values,
      stages.find((each) => each.name === name)!.values,
      name,
    );
  }
  backbone.dispose();
  return notes.map((note) => note.replace(`${file}: `, ''));
}

test('weights of the names as published need no note, with the original head and without', (t) => {
  assert.ok(head.length > 0);
  assert.deepEqual(notesOf(t, [...stages, ...head]), []);
  assert.deepEqual(notesOf(t, stages), []);
  assert.deepEqual(notesOf(t, [...stages, tensor('features.0.1.num_batches_tracked')]), []);
  assert.deepEqual(notesOf(t, [...stages, ...head], cutAfter(architecture, architecture.stages[2].name)), []);
});

test('a prefix is taken off and said', (t) => {
  for (const prefix of ['module.', '_orig_mod.', 'module._orig_mod.', 'model.', 'backbone.', 'encoder.']) {
    assert.deepEqual(notesOf(t, prefixed(prefix, [...stages, ...head])), [
      `"${prefix}" was taken off its names.`,
    ]);
  }
});

test('a head of other names or another width is left out and named', (t) => {
  const {name, shape} = head[0];
  const cases: [NamedValues[], string][] = [
    [[tensor('fc.1.weight', 6, 4), tensor('fc.1.bias', 6)], 'fc.1.weight, fc.1.bias'],
    [[tensor('classifier.4.weight', 6, 4)], 'classifier.4.weight'],
    [[tensor('head.0.weight', 6, 4)], 'head.0.weight'],
    [[tensor(name, 6, ...shape.slice(1))], name],
    [
      Array.from({length: 12}, (_, i) => tensor(`h${i}`, 1)),
      `${Array.from({length: 10}, (_, i) => `h${i}`).join(', ')} and 2 more`,
    ],
  ];
  for (const [others, names] of cases) {
    assert.deepEqual(notesOf(t, [...stages, ...others]), [
      `left out, as no stage of squeezenet1_1 has them: ${names}.`,
    ]);
  }
  const inside = [...stages, tensor('fc.1.weight', 6, 4)];
  assert.deepEqual(notesOf(t, [...prefixed('backbone.', inside), tensor('head.weight', 6, 4)]), [
    '"backbone." was taken off its names; left out, as no stage of squeezenet1_1 has them: ' +
      'backbone.fc.1.weight, head.weight.',
  ]);
});

test('another architecture is refused, be it larger, smaller or of other names', (t) => {
  const refused = (tensors: NamedValues[], problem: RegExp, extent: Extent = 'stages') =>
    assert.throws(() => Backbone.load(architecture, write(t, tensors), {extent}), {
      name: 'LabError',
      message: problem,
    });
  refused(
    [...stages, tensor('features.30.conv.weight', 2, 2)],
    /1 tensor unexpected \(features\.30\.conv\.weight\)/,
  );
  refused(stages.slice(1), new RegExp(`1 tensor missing \\(${weight.replaceAll('.', '\\.')} `));
  refused(prefixed('module.', [...stages.slice(1), ...head]), /1 tensor missing/);
  refused(tensorsOf(findArchitecture('mobilenet_v2_small')).stages, /tensors missing .* tensors? unexpected/);
  refused(
    [...stages, ...head, tensor('fc.1.weight', 6, 4)],
    /1 tensor unexpected \(fc\.1\.weight\)/,
    'whole',
  );
  refused([...prefixed('model.', stages), ...prefixed('ema.', stages)], /2 networks that fit: model, ema\. /);
});

test('of a network and its average, # says which', (t) => {
  const average = stages.map((each) => ({...each, values: each.values.map((value) => value / 2)}));
  const file = write(t, [...prefixed('model.', stages), ...prefixed('ema.', average)]);
  for (const [part, factor] of [
    ['model', 1],
    ['ema', 0.5],
  ] as const) {
    const backbone = Backbone.load(architecture, `${file}#${part}`);
    assert.equal(backbone.weights.read(weight).values[0], stages[0].values[0] * factor);
    backbone.dispose();
  }
});

test('weights up to a stage, under a prefix too, lead to the architecture that ends there', (t) => {
  const {name} = architecture.stages[2];
  const part = new Set(cutAfter(architecture, name).parameters().keys());
  const file = write(
    t,
    prefixed(
      'module.',
      stages.filter((each) => part.has(each.name)),
    ),
  );
  assert.throws(() => Backbone.load(architecture, file), {
    message: `${file} holds squeezenet1_1 up to ${name} and nothing after it. Use the backbone "squeezenet1_1:${name}", which ends there.`,
  });
});

test('numbers that are not finite are refused with their tensor, and nothing stays in memory', (t) => {
  const {name, shape, values} = stages.at(-1)!;
  const spoilt = Float32Array.from(values).fill(NaN, 1, 3);
  const file = write(t, [...stages.slice(0, -1), {name, shape, values: spoilt}]);
  const before = tf.memory().numTensors;
  assert.throws(() => Backbone.load(architecture, file), {
    name: 'LabError',
    message: new RegExp(`${name} holds 2 NaN of ${values.length} numbers, the first at \\[`),
  });
  assert.equal(tf.memory().numTensors, before);
});

/** Two layers, an auxiliary classifier on the first, and an original head with a layer of its own. */
const manyHeaded = defineBackbone({
  ...architecture,
  name: 'many',
  stages: architecture.stages.slice(0, 2),
  auxiliary: {
    after: architecture.stages[0].name,
    weight: 0.3,
    features: (net, x) => net.globalAverage(net.conv('aux.conv', x, {out: 3, kernel: 1})),
    output: (net, x) => net.linear('aux.fc', x, {out: 7}),
  },
  originalHead: {
    layers: [{name: 'fc1', forward: (net, x) => net.linear('fc1', x, {out: 5})}],
    output: (net, x) => net.linear('fc2', x, {out: 7}),
  },
});

test('of the original heads those parts are loaded that are wanted, and what is missing has a remedy', (t) => {
  const {stages: own, head: heads} = tensorsOf(manyHeaded);
  const file = write(t, [...own, ...heads]);
  const namesIn = (into: Architecture, extent?: Extent) => {
    const notes: string[] = [];
    const backbone = Backbone.load(into, file, {extent, onNote: (note) => notes.push(note)});
    const names = backbone.weights.names().slice(own.length);
    backbone.dispose();
    assert.deepEqual(notes, []);
    return names;
  };
  const auxiliary = ['aux.conv.weight', 'aux.conv.bias'];
  assert.deepEqual(namesIn(manyHeaded), []);
  assert.deepEqual(namesIn(manyHeaded, 'stages and auxiliary'), auxiliary);
  const onLayers = withHeadOn(manyHeaded, 'original layers');
  assert.deepEqual(namesIn(onLayers), ['fc1.weight', 'fc1.bias']);
  assert.deepEqual(namesIn(onLayers, 'stages and auxiliary'), ['fc1.weight', 'fc1.bias', ...auxiliary]);
  assert.deepEqual(namesIn(withHeadOn(manyHeaded, 'map')), []);

  const headless = write(t, own);
  assert.throws(() => Backbone.load(manyHeaded, headless, {extent: 'stages and auxiliary'}), {
    name: 'LabError',
    message: `${headless} holds nothing of the auxiliary classifier of many (aux.conv.weight, ...). Train without it: auxiliary: false.`,
  });
  assert.throws(() => Backbone.load(onLayers, headless), {
    name: 'CutWeights',
    message: `${headless} holds many up to features.3 and nothing after it. Put the head on 'pooled' or on 'map'.`,
  });
});
