import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {canonicalJson} from '../../lib/canonical-json';
import {openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {runId, runName, RunStore, type RunIdentity} from '../../lib/runs';
import {temporaryFolder} from '../ending';
import {
  configuration,
  epochRecord,
  finish,
  probabilities,
  resultOf,
  tensorsOf,
  trainEpoch,
} from './fixtures/runs';

const id = runId(configuration);

/** A store in a new folder, and what it warned of. */
function newStore(t: TestContext) {
  const folder = temporaryFolder(t, 'lab-runs-');
  const warnings: string[] = [];
  return {folder, warnings, store: new RunStore(folder, (message) => warnings.push(message))};
}

function trainCompletely(store: RunStore, epochs: number, identity = configuration, redo = false): void {
  const run = store.open(identity, {redo});
  for (let epoch = run.record().history.length + 1; epoch <= epochs; epoch++) trainEpoch(run, epoch);
  finish(run, epochs % 2 === 1 ? epochs : epochs - 1);
}

/** The epoch that a file of `tensorsOf` was written in. */
function epochOf(file: string): number {
  const checkpoint = openCheckpoint(file);
  const values = [...checkpoint.tensors.values()].flatMap((tensor) => [...tensor.values()]);
  checkpoint.close();
  assert.equal(new Set(values).size, 1);
  return values[0];
}

test('a run from its first epoch to its result', (t) => {
  const {store, folder, warnings} = newStore(t);
  assert.equal(store.find(configuration), null);
  const run = store.open(configuration);
  assert.equal(run.resumeState(), null);
  assert.throws(() => run.bestWeights(), /has no weights yet/);

  for (const epoch of [1, 2, 3, 4]) trainEpoch(run, epoch);
  assert.equal(run.record().status, 'running');
  assert.deepEqual(store.find(configuration), run.record());
  assert.equal(epochOf(run.bestWeights()), 3);

  run.noteFeatures({cost: 40, spent: 10});
  finish(run, 3);
  const [{began, ended, ...record}] = store.list();
  assert.ok(Date.parse(began!) <= Date.parse(ended!));
  assert.deepEqual(
    [record],
    [
      {
        id,
        name: null,
        title: 'mobilenet_v2, last 3 stages',
        configuration,
        status: 'complete',
        history: [1, 2, 3, 4].map((epoch) => epochRecord(epoch)),
        result: resultOf(3),
        schema: 2,
        seconds: {features: 40, reused: 30, training: 8, validation: 2},
      },
    ],
  );
  assert.deepEqual(fs.readdirSync(folder), [id]);
  assert.deepEqual(fs.readdirSync(join(folder, id)), [
    'best-3.safetensors',
    'configuration.json',
    'history.jsonl',
    'notes.json',
    'probabilities.safetensors',
    'result.json',
  ]);
  assert.deepEqual(warnings, []);
});

test('an interrupted run goes on from its last epoch', (t) => {
  const {store} = newStore(t);
  const first = store.open(configuration);
  for (const epoch of [1, 2]) trainEpoch(first, epoch);
  first.release();
  assert.equal(store.find(configuration)?.status, 'interrupted');
  assert.throws(() => trainEpoch(first, 3), /has been released/);

  const second = store.open(configuration);
  assert.equal(second.record().history.length, 2);
  const {state, tensors} = second.resumeState()!;
  assert.deepEqual(state, {epoch: 2, best: {epoch: 1, metric: 'macroF1', value: 0.5}});
  const expected = tensorsOf(2).map(({name, shape, values}) => [name, {shape, values}] as const);
  assert.deepEqual(tensors, new Map(expected));
  assert.equal(epochOf(second.bestWeights()), 1);
  trainEpoch(second, 3);
  finish(second, 3);
  assert.equal(store.find(configuration)?.history.length, 3);
});

test('an epoch that was not saved to its end is trained again', (t) => {
  const {store, folder} = newStore(t);
  const first = store.open(configuration);
  for (const epoch of [1, 2]) trainEpoch(first, epoch);
  first.appendEpoch(epochRecord(3));
  first.saveBest(tensorsOf(3), 3);
  first.release();
  fs.writeFileSync(join(folder, id, 'last-3.safetensors.77.part'), 'half of i');
  fs.appendFileSync(join(folder, id, 'history.jsonl'), '{"epoch":4,"learn');
  assert.equal(store.find(configuration)?.history.length, 3);

  const second = store.open(configuration);
  assert.deepEqual(second.record().history, [epochRecord(1), epochRecord(2)]);
  assert.equal(second.resumeState()?.state.epoch, 2);
  assert.equal(epochOf(second.bestWeights()), 1);
  trainEpoch(second, 3);
  second.release();
  assert.deepEqual(fs.readdirSync(join(folder, id)), [
    'best-3.safetensors',
    'configuration.json',
    'history.jsonl',
    'last-3.safetensors',
    'notes.json',
    'state.json',
  ]);
  assert.equal(store.find(configuration)?.history.length, 3);
});

test('the folder of a run that was killed while it was laid is used', (t) => {
  const {store, folder, warnings} = newStore(t);
  fs.mkdirSync(join(folder, id));
  fs.writeFileSync(join(folder, id, 'configuration.json.77.part'), '{"back');
  assert.equal(store.find(configuration), null);
  const run = store.open(configuration);
  trainEpoch(run, 1);
  run.release();
  assert.equal(store.list().length, 1);
  assert.deepEqual(warnings, []);
});

test('losses that are not finite come back as NaN', (t) => {
  const {store} = newStore(t);
  const run = store.open(configuration);
  const {train, val} = epochRecord(1);
  run.appendEpoch(epochRecord(1, {train: {...train, loss: NaN}, val: {...val, loss: Infinity}}));
  run.release();
  const [epoch] = store.find(configuration)!.history;
  assert.deepEqual([epoch.train.loss, epoch.val.loss], [NaN, NaN]);
});

test('what could not be read back is refused before it is written', (t) => {
  const {store} = newStore(t);
  const run = store.open(configuration);
  trainEpoch(run, 1);
  assert.throws(() => run.appendEpoch(epochRecord(3)), /epoch 3 cannot follow epoch 1/);
  assert.throws(
    () => run.appendEpoch(epochRecord(2, {val: {...epochRecord(2).val, macroF1: NaN}})),
    /epoch 2: val\.macroF1 is null, not a number/,
  );
  assert.throws(() => run.saveLast([], {epoch: 2, best: null}), /epoch 2 cannot go with 1 epochs/);
  assert.throws(() => finish(run, 1, {confusion: [[1]]}), /confusion\[0\] has 1 entries, not 2/);
  assert.throws(() => finish(run, 7), /no weights are stored of the result's best epoch, 7/);
  run.release();
  assert.equal(store.find(configuration)?.history.length, 1);
});

/** Lays the folder of a complete run as version 0.1 stored it, word for word. */
function layEarlierRun(folder: string, regime: string): string {
  const {network: _, standIns: __, select: ___, ...rest} = configuration;
  const earlier = {...rest, regime, demonstration: true};
  const hash = createHash('sha256').update(canonicalJson(earlier)).digest('hex').slice(0, 8);
  const earlierId = `mobilenet_v2-${regime.replaceAll(' ', '-')}-${hash}`;
  const path = join(folder, earlierId);
  fs.mkdirSync(path);
  fs.writeFileSync(join(path, 'configuration.json'), JSON.stringify(earlier));
  const epoch = {
    epoch: 1,
    learningRate: 1e-3,
    trainLoss: null,
    valLoss: 0.6,
    valMacroF1: 0.75,
    valAccuracy: 0.77,
    seconds: 2,
    imagesPerSecond: 10,
  };
  fs.writeFileSync(join(path, 'history.jsonl'), `${JSON.stringify(epoch)}\n`);
  const {confusion, predictions} = resultOf(1);
  const scores = {bestEpoch: 1, valMacroF1: 0.75, testMacroF1: 0.7, testAccuracy: 0.72};
  fs.writeFileSync(join(path, 'result.json'), JSON.stringify({...scores, confusion, predictions}));
  writeSafetensors(join(path, 'best-1.safetensors'), tensorsOf(1));
  return earlierId;
}

test('a run that version 0.1 stored is read under its identifier, with null for what it does not tell', (t) => {
  const {store, folder, warnings} = newStore(t);
  const earlierId = layEarlierRun(folder, 'last 3 stages');
  const record = store.list()[0];
  assert.equal(record.id, earlierId);
  assert.equal(record.title, 'mobilenet_v2, last 3 stages');
  assert.deepEqual(record.configuration.regime, {kind: 'last stages', count: 3});
  assert.equal(record.configuration.select, 'macroF1');
  assert.equal(record.configuration.network, 'mobilenet_v2');
  assert.deepEqual(record.configuration.standIns, ['drawings', 'small networks with random weights']);
  const val = {loss: 0.6, accuracy: 0.77, macroF1: 0.75, top5: null};
  assert.deepEqual(record.history, [
    {
      epoch: 1,
      learningRate: 1e-3,
      train: {loss: NaN, accuracy: null},
      val,
      seconds: 2,
      valSeconds: null,
      imagesPerSecond: 10,
    },
  ]);
  const test = {loss: NaN, accuracy: 0.72, macroF1: 0.7, top5: null};
  assert.deepEqual([record.result?.val, record.result?.test], [val, test]);
  const {schema, name, began, ended, seconds} = record;
  assert.deepEqual(
    {schema, name, began, ended, seconds},
    {
      schema: 1,
      name: null,
      began: null,
      ended: null,
      seconds: {features: null, reused: null, training: 2, validation: null},
    },
  );
  assert.equal(store.probabilities(earlierId), null);
  assert.deepEqual(warnings, []);
});

test('every regime that version 0.1 stored in words is read', (t) => {
  const {store, folder, warnings} = newStore(t);
  for (const regime of ['everything', 'feature extraction', 'last 12 stages', 'last stage'])
    layEarlierRun(folder, regime);
  const regimes = store.list().map((record) => record.configuration.regime);
  assert.deepEqual(regimes, [
    {kind: 'everything'},
    {kind: 'feature extraction'},
    {kind: 'last stages', count: 12},
    {kind: 'last stages', count: 1},
  ]);
  assert.deepEqual(warnings, []);
});

test('a complete run can be given another name, and is the same run', (t) => {
  const {store} = newStore(t);
  trainCompletely(store, 1);
  const before = store.find(configuration)!;
  const named = store.rename(id, 'with a low rate')!;
  assert.deepEqual(named, {...before, name: 'with a low rate', title: 'with a low rate'});
  assert.deepEqual(store.find(configuration), named);
  assert.equal(runName(named), 'with a low rate');
  assert.deepEqual(store.rename(id, null), before);
  assert.equal(runName(before), 'mobilenet_v2, last stages');

  const training = store.open(configuration, {redo: true});
  training.rename('anew');
  assert.equal(store.rename(id, 'meanwhile')?.name, null, 'not while it is being trained');
  trainEpoch(training, 1);
  finish(training, 1);
  assert.equal(store.find(configuration)?.name, 'anew');
});

test('the probabilities of a complete run are read on demand, and a damaged file of them is named', (t) => {
  const {store, folder} = newStore(t);
  trainCompletely(store, 1);
  assert.deepEqual(store.probabilities(id), {shape: [1, 2], values: probabilities});
  assert.equal(store.probabilities('mobilenet_v2-everything-00000000'), null);
  cut(join(folder, id), 'probabilities.safetensors');
  assert.throws(() => store.probabilities(id), LabError);
  assert.equal(store.list().length, 1);
  const others = [{name: 'probabilities', shape: [3], values: new Float32Array(3)}];
  writeSafetensors(join(folder, id, 'probabilities.safetensors'), others);
  assert.throws(() => store.probabilities(id), /does not hold \[1, 2\] probabilities/);
});

test('runs are listed by identifier, filtered', (t) => {
  const {store, folder} = newStore(t);
  const other: RunIdentity = {...configuration, backbone: 'deit_tiny', network: 'deit_tiny', seed: 2};
  trainCompletely(store, 1);
  trainCompletely(store, 1, other);
  fs.writeFileSync(join(folder, 'README.md'), 'not a run');
  assert.deepEqual(
    store.list().map(({title}) => title),
    ['deit_tiny, last 3 stages', 'mobilenet_v2, last 3 stages'],
  );
  assert.deepEqual(
    store.list((record) => record.configuration.seed === 1).map((record) => record.id),
    [id],
  );
});

test('a redo takes the place of the old run only when it is complete', (t) => {
  const {store, folder} = newStore(t);
  trainCompletely(store, 1);
  const interrupted = store.open(configuration, {redo: true});
  trainEpoch(interrupted, 1);
  trainEpoch(interrupted, 2);
  interrupted.release();
  assert.equal(store.find(configuration)?.history.length, 1);
  assert.equal(store.find(configuration)?.status, 'complete');

  const again = store.open(configuration, {redo: true});
  assert.equal(again.resumeState()?.state.epoch, 2);
  again.release();
  trainCompletely(store, 3, configuration, true);
  assert.equal(store.find(configuration)?.history.length, 3);
  assert.deepEqual(fs.readdirSync(folder), [id, `${id}.previous`]);
  assert.equal(epochOf(join(folder, `${id}.previous`, 'best-1.safetensors')), 1);

  trainCompletely(store, 5, configuration, true);
  assert.equal(store.list()[0].history.length, 5);
  assert.deepEqual(fs.readdirSync(folder), [id, `${id}.previous`]);
});

test('a redo that was killed while it took its place is settled', (t) => {
  for (const moment of ['before the old run moved', 'after it']) {
    const {store, folder} = newStore(t);
    trainCompletely(store, 3);
    fs.renameSync(join(folder, id), join(folder, `${id}.redo`));
    if (moment === 'before the old run moved') trainCompletelyIn(folder);
    assert.deepEqual(
      store.list().map(({history}) => history.length),
      [3],
      moment,
    );
    assert.ok(!fs.existsSync(join(folder, `${id}.redo`)));
  }

  /** Lays an old complete run of one epoch without settling the redo. */
  function trainCompletelyIn(folder: string): void {
    const elsewhere = join(folder, 'elsewhere');
    trainCompletely(new RunStore(elsewhere), 1);
    fs.renameSync(join(elsewhere, id), join(folder, id));
  }
});

test('a complete run opened without redo is not trained on', (t) => {
  const {store} = newStore(t);
  trainCompletely(store, 1);
  const run = store.open(configuration);
  assert.equal(run.record().status, 'complete');
  assert.throws(() => trainEpoch(run, 2), /is complete. Open it with \{redo: true\}/);
  run.release();
});

const damages: [string, boolean, (folder: string) => void, RegExp][] = [
  [
    'unparsable configuration',
    false,
    (folder) => cut(folder, 'configuration.json'),
    /configuration.json is not JSON/,
  ],
  [
    'no configuration',
    false,
    (folder) => remove(folder, 'configuration.json'),
    /configuration.json is missing/,
  ],
  [
    'an edited configuration',
    false,
    (folder) => edit(folder, 'configuration.json', '"seed": 1', '"seed": 2'),
    /configuration.json belongs to the run mobilenet_v2-last-3-stages-[0-9a-f]{8}/,
  ],
  [
    'a misshapen configuration',
    false,
    (folder) => edit(folder, 'configuration.json', '"glass"', '7'),
    /configuration.json: classes\[0\] is 7, not a text/,
  ],
  [
    'a broken line of the history',
    false,
    (folder) => edit(folder, 'history.jsonl', '"epoch":1,', '"epoch":'),
    /history.jsonl, line 1 is not JSON/,
  ],
  [
    'a misshapen epoch',
    false,
    (folder) => edit(folder, 'history.jsonl', '"macroF1":0.5', '"macroF1":"0.5"'),
    /history.jsonl, line 1: val\.macroF1 is "0.5", not a number/,
  ],
  [
    'an epoch twice',
    false,
    (folder) => edit(folder, 'history.jsonl', '"epoch":2', '"epoch":1'),
    /history.jsonl, line 2 is of epoch 1/,
  ],
  ['a truncated result', true, (folder) => cut(folder, 'result.json'), /result.json is not JSON/],
  [
    'a misshapen result',
    true,
    (folder) => edit(folder, 'result.json', '"truth": 0', '"truth": 2'),
    /result.json: predictions\[0\].truth is 2, not one of 2 classes/,
  ],
  [
    'no best weights',
    true,
    (folder) => remove(folder, 'best-3.safetensors'),
    /best-3.safetensors is missing/,
  ],
  [
    'truncated best weights',
    true,
    (folder) => cut(folder, 'best-3.safetensors'),
    /best-3.safetensors is not whole/,
  ],
  [
    'a history that is too short',
    true,
    (folder) => remove(folder, 'history.jsonl'),
    /history.jsonl ends at epoch 0/,
  ],
];

const damagesOfResuming: typeof damages = [
  [
    'a state that is no object',
    false,
    (folder) => overwrite(folder, 'state.json', '[]'),
    /state.json is \[\], not an obj/,
  ],
  [
    'a misshapen state',
    false,
    (folder) => edit(folder, 'state.json', '"epoch": 3', '"epoch": -3'),
    /state.json: epoch is -3, not a count/,
  ],
  [
    'truncated last weights',
    false,
    (folder) => cut(folder, 'last-3.safetensors'),
    /last-3.safetensors is not whole/,
  ],
  [
    'a history cut off',
    false,
    (folder) => cut(folder, 'history.jsonl'),
    /ends at epoch 2, but state.json tells of epoch 3/,
  ],
];

const overwrite = (folder: string, name: string, text: string) => fs.writeFileSync(join(folder, name), text);
const remove = (folder: string, name: string) => fs.rmSync(join(folder, name));
const cut = (folder: string, name: string) =>
  fs.truncateSync(join(folder, name), fs.statSync(join(folder, name)).size - 20);

function edit(folder: string, name: string, from: string, to: string): void {
  const text = fs.readFileSync(join(folder, name), 'utf8');
  assert.ok(text.includes(from), `${name} holds ${from}`);
  overwrite(folder, name, text.replace(from, to));
}

for (const [what, complete, damage, reason] of [...damages, ...damagesOfResuming]) {
  test(`set aside: ${what}`, (t) => {
    const {store, folder, warnings} = newStore(t);
    const healthy: RunIdentity = {...configuration, seed: 7};
    trainCompletely(store, 1, healthy);
    if (complete) {
      trainCompletely(store, 3);
    } else {
      const run = store.open(configuration);
      for (const epoch of [1, 2, 3]) trainEpoch(run, epoch);
      run.release();
    }
    damage(join(folder, id));

    const seenByListing = !damagesOfResuming.some(([name]) => name === what);
    assert.equal(store.list().length, seenByListing ? 1 : 2);
    assert.equal(warnings.length, seenByListing ? 1 : 0);
    trainCompletely(store, 1);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], reason);
    assert.match(warnings[0], new RegExp(`set aside as ${id}.damaged-1`));
    assert.ok(fs.existsSync(join(folder, `${id}.damaged-1`)));
    assert.equal(store.list().length, 2);
  });
}

test('a second damaged run does not overwrite the first', (t) => {
  const {store, folder, warnings} = newStore(t);
  for (let count = 0; count < 2; count++) {
    trainCompletely(store, 1);
    cut(join(folder, id), 'result.json');
    assert.equal(store.find(configuration), null);
  }
  assert.equal(warnings.length, 2);
  assert.deepEqual(fs.readdirSync(folder), [`${id}.damaged-1`, `${id}.damaged-2`]);
});

test('a store whose folder was deleted starts anew', (t) => {
  const {store, folder} = newStore(t);
  trainCompletely(store, 1);
  fs.rmSync(folder, {recursive: true});
  assert.deepEqual(store.list(), []);
  fs.rmSync(folder, {recursive: true});
  assert.equal(store.find(configuration), null);
  fs.rmSync(folder, {recursive: true});
  trainCompletely(store, 1);
});

test('a folder that may not be written is named', (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write anywhere');
  const {store, folder} = newStore(t);
  fs.chmodSync(folder, 0o500);
  assert.throws(
    () => store.open(configuration),
    (error) => error instanceof LabError && error.message.includes(`No permission to write ${folder}`),
  );
  fs.chmodSync(folder, 0o700);
});
