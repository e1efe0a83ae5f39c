import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {LabError} from '../../lib/errors';
import {
  everything,
  type ExperimentOptions,
  featureExtraction,
  frozenStages,
  lastStages,
  runExperiment,
} from '../../lib/experiments';
import {PhotoFile} from '../../lib/pictures';
import {regimeName} from '../../lib/runs';
import {cosine} from '../../lib/training';
import {drawnWorkspace, root} from './workspace';

const good: ExperimentOptions = {backbone: 'mobilenet_v2', regime: lastStages(2), epochs: 3, batchSize: 8};

const wrong: [string, Partial<ExperimentOptions>, RegExp][] = [
  [
    'a misspelt backbone',
    {backbone: 'mobilnet_v2'},
    /no backbone named "mobilnet_v2"\. Did you mean mobilenet_v2/,
  ],
  [
    'a backbone that nothing is like',
    {backbone: 'xyz'},
    /no backbone named "xyz"\. There are: .*squeezenet1_1/,
  ],
  ['more stages than there are', {regime: lastStages(99)}, /lastStages\(99\): this backbone has 19 stages/],
  ['no stage at all', {regime: lastStages(0)}, /lastStages\(0\)/],
  ['part of a stage', {regime: lastStages(1.5)}, /lastStages\(1\.5\)/],
  [
    'a shared regime with more stages than there are',
    {regime: featureExtraction({sharing: lastStages(99)})},
    /lastStages\(99\)/,
  ],
  ['no epochs', {epochs: 0}, /training: 0 epochs cannot be/],
  ['part of an epoch', {epochs: 2.5}, /training: 2\.5 epochs/],
  ['no batch', {batchSize: 0}, /batchSize is 0/],
  ['fewer than no views', {views: -1}, /views is -1/],
  [
    'a backbone that is not there',
    {backbone: undefined},
    /backbone is undefined\. Give an architecture's name/,
  ],
  [
    'a regime by its name',
    {regime: 'everything' as unknown as ExperimentOptions['regime']},
    /regime is everything\. Give featureExtraction\(\), lastStages\(n\) or everything\(\)/,
  ],
  [
    'no regime',
    {regime: null as unknown as ExperimentOptions['regime']},
    /regime is null\. Give featureExtraction/,
  ],
  ['all pixels in place of a side', {size: 50_176}, /photos of 50176 pixels .* from 32 to 4096/],
  ['photos too small', {size: 16}, /photos of 16 pixels/],
  ['a part of a pixel', {size: 64.5}, /photos of 64\.5 pixels/],
  ['an augmentation that cannot be', {augmentation: {hue: 3}}, /hue is 3/],
  ['a dropout of 1', {head: {dropout: 1}}, /head: a dropout of 1 /],
  ['a hidden layer without width', {head: {hidden: [0]}}, /head: a hidden layer of width 0/],
  ['a label smoothing of 1', {labelSmoothing: 1}, /label smoothing of 1 /],
  ['a negative norm', {clipNorm: -1}, /clipNorm of -1/],
  ['no patience', {patience: 0}, /patience of 0/],
  ['a metric that is none', {select: 'f1' as 'macroF1'}, /select is "f1"/],
  ['a name without a letter', {name: ' '}, /name is empty/],
  ['a warm-up that leaves nothing', {schedule: cosine({warmup: 3})}, /warm-up of 3 epochs leaves nothing/],
  [
    'a size that a transformer cannot take',
    {backbone: 'deit_tiny_patch16_224', size: 100, regime: featureExtraction()},
    /transformer takes square photos of a multiple of 8 pixels a side, got 100 x 100/,
  ],
];

for (const [what, change, message] of wrong) {
  test(`${what}: named before anything is computed or stored`, async () => {
    const workspace = await drawnWorkspace();
    await assert.rejects(
      runExperiment({...good, ...change}, workspace, {
        onFeatures: () => assert.fail('features were computed'),
      }),
      (error) => error instanceof LabError && message.test(error.message),
      String(message),
    );
    assert.deepEqual(workspace.runs.list(), []);
    assert.ok(!fs.existsSync(workspace.featuresFolder));
  });
}

test('how many stages each regime freezes, and its name', () => {
  const regimes = [featureExtraction(), lastStages(1), lastStages(3), everything()];
  assert.deepEqual(
    regimes.map((regime) => [regimeName(regime), frozenStages(regime, 8)]),
    [
      ['feature extraction', 8],
      ['last stage', 7],
      ['last 3 stages', 5],
      ['everything', 0],
    ],
  );
});

test('a run that a photo spoils names the photo and goes on once it is mended', async () => {
  const workspace = await drawnWorkspace();
  const {split} = workspace;
  const [first, ...rest] = split.parts.train;
  const {name, key} = first.picture;
  const gone = {...first, picture: new PhotoFile(join(root, 'gone.jpg'), name, key)};
  const spoilt = {...workspace, split: {...split, parts: {...split.parts, train: [gone, ...rest]}}};
  await assert.rejects(
    runExperiment(good, spoilt),
    (error) => error instanceof LabError && error.message.includes('gone.jpg: not a readable image'),
  );
  assert.equal((await runExperiment({...good, epochs: 1}, workspace)).status, 'complete');
});
