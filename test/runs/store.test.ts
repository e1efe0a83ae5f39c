import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {openCheckpoint} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {runId, RunStore, type RunIdentity} from '../../lib/runs';
import {configuration, epochRecord, resultOf, tensorsOf, trainEpoch} from './fixtures/runs';

const id = runId(configuration);

/** A store in a new folder, and what it warned of. */
function newStore(t: TestContext) {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lab-runs-'));
  t.after(() => fs.rmSync(folder, {recursive: true}));
  const warnings: string[] = [];
  return {folder, warnings, store: new RunStore(folder, (message) => warnings.push(message))};
}

function trainCompletely(store: RunStore, epochs: number, identity = configuration, redo = false): void {
  const run = store.open(identity, {redo});
  for (let epoch = run.record().history.length + 1; epoch <= epochs; epoch++) trainEpoch(run, epoch);
  run.finish(resultOf(epochs % 2 === 1 ? epochs : epochs - 1));
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

  run.finish(resultOf(3));
  assert.deepEqual(store.list(), [
    {
      id,
      title: 'mobilenet_v2, last 3 stages',
      configuration,
      status: 'complete',
      history: [1, 2, 3, 4].map((epoch) => epochRecord(epoch)),
      result: resultOf(3),
      seconds: 8,
    },
  ]);
  assert.deepEqual(fs.readdirSync(folder), [id]);
  assert.deepEqual(fs.readdirSync(join(folder, id)), [
    'best-3.safetensors',
    'configuration.json',
    'history.jsonl',
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
  assert.deepEqual(state, {epoch: 2, best: {epoch: 1, macroF1: 0.5}});
  const expected = tensorsOf(2).map(({name, shape, values}) => [name, {shape, values}] as const);
  assert.deepEqual(tensors, new Map(expected));
  assert.equal(epochOf(second.bestWeights()), 1);
  trainEpoch(second, 3);
  second.finish(resultOf(3));
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
  run.appendEpoch(epochRecord(1, {trainLoss: NaN, valLoss: Infinity}));
  run.release();
  const [epoch] = store.find(configuration)!.history;
  assert.deepEqual([epoch.trainLoss, epoch.valLoss], [NaN, NaN]);
});

test('what could not be read back is refused before it is written', (t) => {
  const {store} = newStore(t);
  const run = store.open(configuration);
  trainEpoch(run, 1);
  assert.throws(() => run.appendEpoch(epochRecord(3)), /epoch 3 cannot follow epoch 1/);
  assert.throws(
    () => run.appendEpoch(epochRecord(2, {valMacroF1: NaN})),
    /epoch 2: valMacroF1 is null, not a number/,
  );
  assert.throws(() => run.saveLast([], {epoch: 2, best: null}), /epoch 2 cannot go with 1 epochs/);
  assert.throws(() => run.finish(resultOf(1, {confusion: [[1]]})), /confusion\[0\] has 1 entries, not 2/);
  assert.throws(() => run.finish(resultOf(7)), /no weights are stored of the result's best epoch, 7/);
  run.release();
  assert.equal(store.find(configuration)?.history.length, 1);
});

test('a run that version 0.1 stored is read, with its identifier', (t) => {
  const {store, folder, warnings} = newStore(t);
  const {network: _, standIns: __, ...rest} = configuration;
  const earlier = {...rest, demonstration: true} as unknown as RunIdentity;
  const earlierId = runId(earlier);
  trainCompletely(store, 1);
  fs.renameSync(join(folder, id), join(folder, earlierId));
  fs.writeFileSync(join(folder, earlierId, 'configuration.json'), JSON.stringify(earlier));
  const [record] = store.list();
  assert.equal(record.id, earlierId);
  assert.equal(record.configuration.network, 'mobilenet_v2');
  assert.deepEqual(record.configuration.standIns, ['drawings', 'small networks with random weights']);
  assert.deepEqual(warnings, []);
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
    (folder) => edit(folder, 'history.jsonl', '"valMacroF1":0.5', '"valMacroF1":"0.5"'),
    /history.jsonl, line 1: valMacroF1 is "0.5", not a number/,
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
