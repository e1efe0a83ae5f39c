/** What an experiment may train: a name, a definition or a network of a cell; pretrained, from a file or from random weights. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {type Architecture, Backbone, defineBackbone, findArchitecture, network} from '../../lib/backbones';
import {imagenet} from '../../lib/pictures';
import {writeSafetensors} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {everything, type ExperimentOptions, featureExtraction, lastStages} from '../../lib/experiments';
import {drawnWorkspace, root, run, timeless} from './workspace';

const size = 32;

/** Two convolutions; `activation` is all that tells two definitions apart. */
const definition = (activation: 'relu' | 'silu'): Architecture =>
  defineBackbone({
    name: 'mine',
    title: 'Mine',
    paper: {authors: 'nobody', year: 2024, title: 'none', url: 'https://example.org'},
    weights: null,
    preprocessing: imagenet({resize: 36, crop: size}),
    stages: [
      {
        name: 'one',
        forward: (net, x) => net.conv('one', x, {out: 4, kernel: 3, stride: 2, norm: 'norm', activation}),
      },
      {name: 'two', forward: (net, x) => net.conv('two', x, {out: 6, kernel: 3, stride: 2, activation})},
    ],
  });

const base = {regime: featureExtraction(), epochs: 1, batchSize: 8};
const mine: ExperimentOptions = {...base, backbone: definition('relu'), weights: 'random'};

const names = (error: unknown, message: RegExp) => error instanceof LabError && message.test(error.message);

/** A file of weights of an architecture, in a folder of its own. */
function fileOf(architecture: Architecture, seed: number, prefix = ''): string {
  const backbone = Backbone.random(architecture, seed);
  const tensors = backbone.weights.names().map((name) => backbone.weights.read(name));
  backbone.dispose();
  const file = join(fs.mkdtempSync(join(root, 'own-')), 'own.safetensors');
  writeSafetensors(
    file,
    tensors.map((tensor) => ({...tensor, name: prefix + tensor.name})),
  );
  return file;
}

test('random weights that are asked for are no stand-in, follow the seed, and the title says so', async () => {
  const workspace = await drawnWorkspace();
  const photos = {...workspace, dataset: {...workspace.dataset, standIn: null}};
  const {record} = await run({...mine, backbone: 'mobilenet_v2_small', size, regime: everything()}, photos);
  assert.equal(record.title, 'mobilenet_v2_small (random weights), everything');
  assert.deepEqual(record.configuration.standIns, []);
  assert.equal(record.configuration.weights, 'random, seed 1');

  const first = await run(mine, photos);
  const second = await run({...mine, seed: 2}, photos);
  assert.ok(second.counts.features > 0, 'other random weights, other features');
  assert.notEqual(second.record.id, first.record.id);
});

test('drawings: random weights that are asked for are those of the architecture itself', async () => {
  const {record} = await run({...mine, backbone: 'mobilenet_v2', size}, await drawnWorkspace());
  assert.equal(record.title, 'mobilenet_v2 (random weights), feature extraction');
  assert.deepEqual(record.configuration.standIns, ['drawings']);
});

test('drawings: an architecture without a relative of its own never lends its name to another', async () => {
  const {record} = await run({...base, backbone: 'resnet18'}, await drawnWorkspace());
  assert.equal(record.title, 'mobilenet_v2_small for resnet18, feature extraction');
  const small = await run({...base, backbone: 'squeezenet1_1_small'}, await drawnWorkspace());
  assert.equal(small.record.configuration.network, 'squeezenet1_1_small');
});

test('without published weights nothing becomes random in silence, on photos or drawings', async () => {
  const drawn = await drawnWorkspace();
  const remedy =
    /mine has no published weights\. Give weights: '\/path\/to\/file\.pth', or weights: 'random'/;
  for (const standIn of ['drawings', null]) {
    const workspace = {...drawn, dataset: {...drawn.dataset, standIn}};
    await assert.rejects(run({...base, backbone: definition('relu')}, workspace), (error) =>
      names(error, remedy),
    );
  }
  const photos = {...drawn, dataset: {...drawn.dataset, standIn: null}};
  await assert.rejects(run({...base, backbone: 'mobilenet_v2_small'}, photos), (error) =>
    names(error, /mobilenet_v2_small has no published weights/),
  );
  assert.deepEqual(drawn.runs.list(), []);
});

test('two definitions of one name share neither run nor features', async () => {
  const workspace = await drawnWorkspace();
  const first = await run(mine, workspace);
  const again = await run({...mine, backbone: definition('relu')}, workspace);
  assert.deepEqual(again.record, first.record);
  assert.equal(again.counts.epochs, 0);
  const other = await run({...mine, backbone: definition('silu')}, workspace);
  assert.ok(other.counts.features > 0 && other.counts.epochs === 1);
  assert.notEqual(other.record.id, first.record.id);
});

test("a file of the user's own: known by what is in it, wherever it lies", async () => {
  const workspace = await drawnWorkspace();
  const architecture = definition('relu');
  const [file, other] = [1, 2].map((seed) => fileOf(architecture, seed));
  const moved = join(fs.mkdtempSync(join(root, 'moved-')), 'renamed.bin');
  fs.copyFileSync(file, moved);
  const options = {...base, backbone: architecture};
  const first = await run({...options, weights: file}, workspace);
  assert.match(first.record.title, /^mine \(weights [0-9a-f]{8}\), feature extraction$/);
  assert.match(String(first.record.configuration.weights), /^[0-9a-f]{64}$/);
  assert.equal((await run({...options, weights: moved}, workspace)).counts.epochs, 0);
  assert.equal((await run({...options, weights: other}, workspace)).counts.epochs, 1);
  await assert.rejects(run({...options, weights: join(root, 'absent.pth')}, workspace), (error) =>
    names(error, /absent\.pth: cannot be opened/),
  );
});

test('# says which network of a file is meant, and tells its run from others', async () => {
  const workspace = await drawnWorkspace();
  const file = fileOf(definition('relu'), 1, 'ema.');
  const {record} = await run({...base, backbone: definition('relu'), weights: `${file}#ema`}, workspace);
  assert.match(record.title, /^mine \(weights [0-9a-f]{8}#ema\)/);
  assert.match(String(record.configuration.weights), /^[0-9a-f]{64}#ema$/);
});

/** An architecture whose original head sees the map by two layers. */
const withLayers = defineBackbone({
  ...definition('relu'),
  originalHead: {
    input: (net, x) => net.reshape(x, [x.shape[0], x.shape[1] * x.shape[2] * x.shape[3]]),
    layers: ['fc1', 'fc2'].map((name) => ({
      name,
      forward: (net, x) => net.linear(name, x, {out: 10, activation: 'relu'}),
    })),
    output: (net, x) => net.linear('fc3', x, {out: 1000}),
  },
});

test('a head on the map or on the original layers, frozen or trained; each has runs and features of its own', async () => {
  const workspace = await drawnWorkspace();
  const options = {...mine, backbone: withLayers};
  const ids = new Set<string>();
  for (const on of ['pooled', 'map', 'original layers'] as const) {
    for (const regime of [featureExtraction({sharing: lastStages(1)}), lastStages(1), everything()]) {
      const {record, counts} = await run({...options, regime, head: {on}}, workspace);
      assert.equal(record.status, 'complete');
      assert.equal(counts.features > 0, regime.kind === 'feature extraction', `${on}, ${regime.kind}`);
      const stages = on === 'original layers' ? 4 : 2;
      const frozen = {'feature extraction': stages, 'last stages': stages - 1, everything: 0}[regime.kind];
      assert.equal(record.configuration.frozen, frozen);
      ids.add(record.id);
    }
  }
  assert.equal(ids.size, 9);
});

test('an auxiliary classifier helps where everything trains, and not where it is declined', async () => {
  const workspace = await drawnWorkspace();
  const backbone = defineBackbone({
    ...definition('relu'),
    auxiliary: {
      after: 'one',
      weight: 0.4,
      features: (net, x) => net.globalAverage(net.conv('aux', x, {out: 3, kernel: 1})),
      output: (net, x) => net.linear('aux.fc', x, {out: 1000}),
    },
  });
  const options = {...mine, backbone, regime: everything()};
  const helped = await run(options, workspace);
  const alone = await run({...options, auxiliary: false}, workspace);
  const frozen = await run({...options, regime: lastStages(1)}, workspace);
  assert.deepEqual(
    [helped, alone, frozen].map(({record}) => record.configuration.auxiliary),
    [true, false, false],
  );
  assert.notEqual(helped.record.history[0].train.loss, alone.record.history[0].train.loss);
  await assert.rejects(run({...options, regime: lastStages(1), auxiliary: true}, workspace), (error) =>
    names(error, /its auxiliary classifier helps only where everything trains\. Leave auxiliary out/),
  );
  await assert.rejects(run({...mine, regime: everything(), auxiliary: true}, workspace), (error) =>
    names(error, /its auxiliary classifier is not there, or takes larger photos than 32 pixels/),
  );
});

const classes = 6;
const own = (out: number) =>
  network({
    name: 'small',
    size,
    build: (net, x) => {
      const map = net.conv('c1', x, {out: 8, kernel: 3, stride: 2, norm: 'n1', activation: 'relu'});
      return net.linear('out', net.globalAverage(map), {out});
    },
  });

test('a network of a cell is trained, stored and resumed like any other', async () => {
  const workspace = await drawnWorkspace();
  assert.equal(workspace.split.classes.length, classes);
  const options = {...base, backbone: own(classes), regime: everything(), epochs: 3};
  const whole = await run(options, workspace);
  assert.equal(whole.record.title, 'small, everything');
  assert.deepEqual([whole.record.status, whole.record.history.length], ['complete', 3]);
  assert.equal((await run({...options, backbone: own(classes)}, workspace)).counts.epochs, 0);

  const elsewhere = await drawnWorkspace();
  const controller = new AbortController();
  await run(options, elsewhere, {
    signal: controller.signal,
    onBatch: ({epoch, batch}) => {
      if (epoch === 2 && batch === 2) controller.abort();
    },
  });
  const resumed = await run(options, elsewhere);
  assert.equal(resumed.counts.epochs, 2);
  assert.deepEqual(timeless(resumed.record.history), timeless(whole.record.history));
  assert.deepEqual(resumed.record.result, whole.record.result);
});

const refused: [string, Partial<ExperimentOptions>, RegExp][] = [
  ['a frozen part', {regime: lastStages(1)}, /small: nothing of it is pretrained.*everything\(\)/],
  [
    'weights',
    {weights: 'own.pth'},
    /small: a network of a cell starts from random weights\. Leave weights out/,
  ],
  ['a head', {head: {dropout: 0.1}}, /small: it has its own head\. Leave head out/],
  ['another size', {size: 64}, /small: it takes photos of 32 pixels, not 64/],
  ['another number of classes', {backbone: own(4)}, /small: it gives 4 logits for 6 classes.*\{out: 6\}/],
];

for (const [what, change, message] of refused) {
  test(`a network of a cell refuses ${what}`, async () => {
    const workspace = await drawnWorkspace();
    const options = {...base, backbone: own(classes), regime: everything(), ...change};
    await assert.rejects(run(options, workspace), (error) => names(error, message));
    assert.deepEqual(workspace.runs.list(), []);
  });
}

test('a published architecture is the same by its name and as what the name finds', async () => {
  const workspace = await drawnWorkspace();
  const options = {...mine, size};
  const {record} = await run({...options, backbone: 'squeezenet1_1'}, workspace);
  const again = await run({...options, backbone: findArchitecture('squeezenet1_1')}, workspace);
  assert.deepEqual([again.record.id, again.counts.epochs], [record.id, 0]);
});
