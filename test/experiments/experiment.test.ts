import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Backbone, smallRelative, findArchitecture} from '../../lib/backbones';
import {openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {
  everything,
  type ExperimentOptions,
  experimentParts,
  featureExtraction,
  lastStages,
  runExperiment,
  startOf,
} from '../../lib/experiments';
import {photosOf} from '../../lib/experiments/configuration';
import {accuracy} from '../../lib/metrics';
import type {RunIdentity} from '../../lib/runs';
import {drawnWorkspace, root, run, small, timeless} from './workspace';

test('an abort while frozen features are computed keeps those, and the run can be run again', async () => {
  const workspace = await drawnWorkspace();
  const controller = new AbortController();
  let kept = 0;
  const {record, counts} = await run(small, workspace, {
    signal: controller.signal,
    onFeatures: (done) => {
      kept = done;
      controller.abort();
    },
  });
  assert.deepEqual([record.status, record.history.length, counts.epochs], ['interrupted', 0, 0]);
  const first: number[] = [];
  const again = await run(small, workspace, {onFeatures: (done) => first.push(done)});
  assert.equal(again.record.status, 'complete');
  assert.ok(first[0] > kept, `the second run began anew with ${first[0]} of which ${kept} were kept`);
});

test('a photo left alone joins the batch before it, so that a BatchNorm on a map of one place can be trained', async () => {
  const workspace = await drawnWorkspace();
  const photos = workspace.split.parts.train.length;
  const narrow: ExperimentOptions = {...small, backbone: 'mobilenet_v2', size: 32, regime: lastStages(2)};
  const batches: number[] = [];
  const {record} = await run({...narrow, batchSize: photos - 1}, workspace, {
    onBatch: ({batches: count}) => batches.push(count),
  });
  assert.equal(record.status, 'complete');
  assert.deepEqual(batches, [1]);
  let steps = 0;
  await assert.rejects(
    run({...narrow, batchSize: 1}, workspace, {onBatch: () => steps++}),
    /a batch of one photo has no statistics here\. .* a batch size of 2 or more\.$/,
  );
  assert.equal(steps, 0);
});

test('what is kept of a run are the tensors that were trained, of the best epoch', async () => {
  const workspace = await drawnWorkspace();
  const {record} = await run({...small, regime: lastStages(2)}, workspace);
  const stored = workspace.runs.open(record.configuration as RunIdentity);
  const checkpoint = openCheckpoint(stored.bestWeights());
  stored.release();
  const stages = smallRelative('squeezenet1_1').summary().slice(-2);
  assert.deepEqual(
    [...checkpoint.tensors.keys()].sort(),
    [...stages.flatMap(({tensors}) => tensors), 'head.0.weight', 'head.0.bias'].sort(),
  );
  checkpoint.close();
});

test('feature extraction that shares its pass leaves the experiment on the last stages nothing to compute', async () => {
  const workspace = await drawnWorkspace();
  const regime = lastStages(2);
  const {train, val, test: testPart} = workspace.split.parts;
  let total = 0;
  await run({...small, regime: featureExtraction({sharing: regime})}, workspace, {
    onFeatures: (_done, all) => {
      total = all;
    },
  });
  assert.equal(total, train.length + val.length + testPart.length);
  assert.equal((await run({...small, regime}, workspace)).counts.features, 0);
  const alone = await run({...small, regime}, await drawnWorkspace());
  assert.ok(alone.counts.features > 0);
});

test('two experiments on the same frozen features run at once, in one kernel; one run is trained once', async () => {
  const alone = await run({...small, head: {dropout: 0.5}}, await drawnWorkspace());
  const workspace = await drawnWorkspace();
  const [first, second] = await Promise.all([
    runExperiment(small, workspace),
    runExperiment({...small, head: {dropout: 0.5}}, workspace),
  ]);
  assert.deepEqual([first.status, second.status], ['complete', 'complete']);
  assert.notEqual(first.id, second.id);
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-4, `${a} and ${b}`);
  close(second.history[0].train.loss, alone.record.history[0].train.loss);
  close(second.history[0].val.loss, alone.record.history[0].val.loss);
  assert.deepEqual(fs.readdirSync(join(workspace.runs.folder)).sort(), [first.id, second.id].sort());

  const twice = await Promise.allSettled([1, 2].map(() => runExperiment({...small, epochs: 2}, workspace)));
  assert.deepEqual(twice.map(({status}) => status).sort(), ['fulfilled', 'rejected']);
  const refused = twice.find((outcome) => outcome.status === 'rejected');
  assert.match(String(refused?.reason), /^LockHeld: Run .* is being trained by this very kernel/);
});

test('feature extraction may share its pass with a regime that needs no other stage', async () => {
  for (const sharing of [everything(), featureExtraction()]) {
    const workspace = await drawnWorkspace();
    const regime = featureExtraction({sharing});
    const {record} = await run({...small, regime}, workspace);
    assert.equal(record.status, 'complete');
  }
});

test('without augmented views the plain one serves training, too', async () => {
  const workspace = await drawnWorkspace();
  const {record} = await run({...small, views: 0}, workspace);
  assert.equal(record.status, 'complete');
  assert.equal(fs.readdirSync(workspace.featuresFolder).length, 1);
});

test('pretrained weights of a mirror are loaded, named by their checksum, and nothing stands in', async () => {
  const mirror = fs.mkdtempSync(join(root, 'mirror-'));
  fs.mkdirSync(join(mirror, 'weights'));
  const backbone = Backbone.random(findArchitecture('squeezenet1_1'), 7);
  const tensors = backbone.weights.names().map((name) => backbone.weights.read(name));
  writeSafetensors(join(mirror, 'weights', 'squeezenet1_1.safetensors'), tensors, {});
  backbone.dispose();
  const drawn = await drawnWorkspace();
  const workspace = {...drawn, mirror, dataset: {...drawn.dataset, standIn: null}};
  const options = {...small, size: 64};
  const {record} = await run(options, workspace);
  assert.deepEqual(record.configuration.standIns, []);
  assert.match(String(record.configuration.weights), /^[0-9a-f]{64}$/);
});

test('a mirror without weights, or with ones that end early: random ones only where a cell asks for them', async () => {
  const mirror = fs.mkdtempSync(join(root, 'mirror-'));
  fs.mkdirSync(join(mirror, 'weights'));
  const whole = Backbone.random(findArchitecture('squeezenet1_1'), 7);
  const names = whole.weights.names().filter((name) => !name.startsWith('features.12'));
  const tensors = names.map((name) => whole.weights.read(name));
  writeSafetensors(join(mirror, 'weights', 'squeezenet1_1.safetensors'), tensors, {});
  whole.dispose();
  const drawn = await drawnWorkspace();
  const workspace = {...drawn, mirror, dataset: {...drawn.dataset, standIn: null}};
  const reasons: string[] = [];
  const start = (name: string) => startOf(name, workspace, {onWarning: (message) => reasons.push(message)});

  assert.equal(await start('squeezenet1_1:features.11'), undefined);
  assert.deepEqual(reasons, []);
  assert.equal(await start('squeezenet1_1'), 'random instead');
  assert.match(
    reasons[0],
    /^There are no published weights for SqueezeNet 1\.1: .*squeezenet1_1:features\.11/,
  );
  assert.ok(!String(reasons[0]).includes(root), 'nor of where its weights lie');
  process.env.LAB_OFFLINE = '1';
  try {
    assert.equal(await start('alexnet'), 'random instead');
  } finally {
    delete process.env.LAB_OFFLINE;
  }
  assert.match(reasons[1], /^There are no published weights for AlexNet: the mirror: .*LAB_MIRROR/);
  assert.doesNotMatch(
    reasons[1],
    /mirror-/,
    'a notebook that is handed on tells nothing of where its mirror lies',
  );

  const options = {...small, backbone: 'alexnet', size: 64};
  const {record} = await run({...options, weights: 'random instead'}, workspace);
  assert.deepEqual(record.configuration.standIns, ['random weights for AlexNet']);
  assert.equal(record.title, 'alexnet, feature extraction');
});

test('what frozen features cost is counted, also by the run that finds them computed', async () => {
  const workspace = await drawnWorkspace();
  const {record: first} = await run(small, workspace);
  const {record: second} = await run({...small, head: {dropout: 0.5}}, workspace);
  assert.ok(first.seconds.features! > 0);
  assert.ok(first.seconds.reused! < 0.05 * first.seconds.features!, JSON.stringify(first.seconds));
  assert.ok(first.seconds.training > 0 && first.seconds.validation! > 0);
  assert.equal(second.seconds.features, first.seconds.features);
  assert.equal(second.seconds.reused, second.seconds.features);
  const {record: whole} = await run({...small, regime: everything()}, workspace);
  assert.deepEqual([whole.seconds.features, whole.seconds.reused], [0, 0]);
});

test('a name is kept with the run, which another name does not make another run', async () => {
  const workspace = await drawnWorkspace();
  const {record} = await run({...small, name: 'first try'}, workspace);
  assert.deepEqual([record.name, record.title], ['first try', 'first try']);
  const titles: string[] = [];
  const again = await run({...small, name: 'baseline'}, workspace, {
    onFinish: ({title}) => void titles.push(title),
  });
  assert.equal(again.counts.epochs, 0);
  assert.deepEqual(again.record, {...record, name: 'baseline', title: 'baseline'});
  assert.deepEqual(titles, ['baseline']);
  assert.deepEqual(workspace.runs.list(), [again.record]);
});

test('without a test part the validation part stands for it, and no score is a test score', async () => {
  const drawn = await drawnWorkspace();
  const {split} = drawn;
  const untested = {...split, id: 'untested', parts: {...split.parts, test: []}};
  const workspace = {...drawn, split: untested};
  const {record} = await run({...small, select: 'accuracy'}, workspace);
  const {result, history} = record;
  assert.equal(result!.test, null);
  assert.deepEqual(result!.val, history[0].val);
  assert.equal(accuracy(result!.confusion), result!.val.accuracy);
  assert.equal(result!.predictions.length, split.parts.val.length);
  assert.equal(record.configuration.select, 'accuracy');
});

test('fewer training photos of each class: the others stay whole, fewer are among more, and each is a run of its own', async () => {
  const workspace = await drawnWorkspace();
  const {classes, parts} = workspace.split;
  const taken: string[][] = [];
  const ids = new Set<string>();
  for (const trainPhotosPerClass of [2, 3, undefined]) {
    const options = {...small, head: {hidden: [4], batchNorm: true}, trainPhotosPerClass};
    const {sources, dispose, experiment} = await experimentParts(options, workspace);
    assert.equal(
      sources.train.size,
      trainPhotosPerClass ? classes.length * trainPhotosPerClass : parts.train.length,
    );
    assert.deepEqual([sources.val.size, sources.test.size], [parts.val.length, parts.test.length]);
    taken.push(photosOf(experiment, workspace).train.map(({picture}) => picture.key));
    dispose();
    const {record} = await run(options, workspace);
    assert.equal(record.status, 'complete');
    ids.add(record.id);
  }
  assert.ok(
    taken[0].every((key) => taken[1].includes(key)) && taken[1].every((key) => taken[2].includes(key)),
  );
  assert.equal(ids.size, 3);
  await assert.rejects(
    run({...small, trainPhotosPerClass: 0}, workspace),
    /^LabError: 0 photos per class cannot be/,
  );
});

test('a BatchNorm in the head: an interrupted run goes on as if it had not been', async () => {
  const options = {...small, epochs: 3, head: {hidden: [6, 4], batchNorm: true}};
  const whole = await run(options, await drawnWorkspace());
  const workspace = await drawnWorkspace();
  const controller = new AbortController();
  await run(options, workspace, {signal: controller.signal, onEpoch: () => controller.abort()});
  const resumed = await run(options, workspace);
  assert.deepEqual(timeless(resumed.record.history), timeless(whole.record.history));
});
