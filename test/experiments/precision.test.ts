import assert from 'node:assert/strict';
import test from 'node:test';
import {architectureNames, findArchitecture} from '../../lib/backbones';
import {LabError} from '../../lib/errors';
import {
  choosePrecision,
  type ExperimentOptions,
  experimentParts,
  openWorkspace,
  precisionInWords,
} from '../../lib/experiments';
import {featureFolders} from '../../lib/features';
import {runId} from '../../lib/runs';
import {drawnWorkspace, root, run, small} from './workspace';

const tiled = {device: 'CPU', bfloat16: true, tiles: true} as const;
const quick = {device: 'CPU', bfloat16: true, tiles: false} as const;
const slow = {device: 'CPU', bfloat16: false, tiles: false} as const;
const card = {device: 'GPU', bfloat16: false, tiles: false} as const;

const layersOf = (name: string) =>
  findArchitecture(name)
    .summary()
    .flatMap(({layers}) => layers);

/** Runs `action` with the environment's LAB_PRECISION. */
async function withLabPrecision<T>(value: string, action: () => Promise<T> | T): Promise<T> {
  const before = process.env.LAB_PRECISION;
  process.env.LAB_PRECISION = value;
  try {
    return await action();
  } finally {
    if (before === undefined) delete process.env.LAB_PRECISION;
    else process.env.LAB_PRECISION = before;
  }
}

test('auto takes bfloat16 where the processor multiplies it, without tiles for networks not made of depthwise convolutions', () => {
  const depthwise = architectureNames.filter((name) => /mobilenet|efficientnet/.test(name));
  for (const name of architectureNames) {
    const layers = layersOf(name);
    const gains = depthwise.includes(name) ? 'float32' : 'bfloat16';
    assert.equal(choosePrecision('auto', layers, tiled), 'bfloat16', name);
    assert.equal(choosePrecision('auto', layers, quick), gains, name);
    assert.equal(choosePrecision('auto', layers, slow), 'float32', name);
  }
});

test('what is asked for is taken, but on a graphics card, which multiplies float32', () => {
  const layers = layersOf('mobilenet_v2');
  for (const machine of [quick, slow]) {
    assert.equal(choosePrecision('bfloat16', layers, machine), 'bfloat16');
    assert.equal(choosePrecision('float32', layers, machine), 'float32');
  }
  assert.equal(choosePrecision('bfloat16', layers, card), 'float32');
  assert.equal(choosePrecision('auto', layersOf('resnet50'), card), 'float32');
});

test('the overview says which precision is taken and why', () => {
  assert.match(
    precisionInWords('auto', quick),
    /^auto: bfloat16 for networks with at least 64 multiply-adds/,
  );
  assert.match(precisionInWords('auto', tiled), /^auto: bfloat16, which .* tiles/);
  assert.match(precisionInWords('auto', slow), /^float32: without avx512_bf16, amx_bf16 or oneDNN/);
  assert.equal(precisionInWords('float32', quick), 'float32, as LAB_PRECISION asks');
  assert.match(
    precisionInWords('bfloat16', slow),
    /^bfloat16, as LAB_PRECISION asks; slower than float32 here/,
  );
  assert.match(precisionInWords('bfloat16', card), /^float32, as the graphics card/);
});

test('a precision that is none is refused by its value, before anything is fetched', async () => {
  const refused = (what: string) => (error: unknown) =>
    error instanceof LabError && error.message === `${what} is "half". Give auto, float32 or bfloat16.`;
  await withLabPrecision('half', () =>
    assert.rejects(openWorkspace({dataset: 'garbage', seed: 1, folder: root}), refused('LAB_PRECISION')),
  );
  const workspace = await drawnWorkspace();
  const wrong = {...small, precision: 'half'} as unknown as ExperimentOptions;
  await assert.rejects(run(wrong, workspace), refused('precision'));
});

test('the environment decides for experiments that ask for nothing', async () => {
  const workspace = await drawnWorkspace();
  const chosen = async (options: ExperimentOptions) => {
    const parts = await experimentParts(options, workspace);
    parts.dispose();
    return parts.experiment.precision;
  };
  await withLabPrecision('bfloat16', async () => {
    assert.equal(await chosen(small), 'bfloat16');
    assert.equal(await chosen({...small, precision: 'float32'}), undefined);
  });
});

test('in float32 a run is the one that older versions stored, in bfloat16 another, and so are the features', async () => {
  const workspace = await drawnWorkspace();
  const single = await run({...small, precision: 'float32'}, workspace);
  assert.ok(!('precision' in single.record.configuration));
  const stores = featureFolders(workspace.featuresFolder);
  assert.ok(stores.every(({key}) => key && !('precision' in key)));

  const narrow = await run({...small, precision: 'bfloat16'}, workspace);
  const {precision, ...rest} = narrow.record.configuration;
  assert.equal(precision, 'bfloat16');
  assert.equal(runId(rest as typeof narrow.record.configuration), single.record.id);
  assert.notEqual(narrow.record.id, single.record.id);
  const added = featureFolders(workspace.featuresFolder).filter(({key}) => key?.precision === 'bfloat16');
  assert.equal(added.length, stores.length);

  const again = await run({...small, precision: 'float32'}, workspace);
  assert.equal(again.record.id, single.record.id);
  assert.equal(again.counts.batches, 0);
});
