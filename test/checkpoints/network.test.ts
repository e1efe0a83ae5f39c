/** Where in a checkpoint the network stands. */
import assert from 'node:assert/strict';
import * as path from 'node:path';
import {test, type TestContext} from 'node:test';

import {findNetwork, matchTensors, openCheckpoint} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {atEnd, temporaryFolder} from '../ending';
import {op, pickle, storage, tensor, writePieces, zipFile} from './crafted';

/** What a .pth file holds: a tensor by its shape, a dictionary, or a number. */
type Saved = number[] | {[name: string]: Saved} | number;

const network = {'conv.weight': [2, 3], 'conv.bias': [2], 'norm.weight': [2], 'norm.bias': [2]};
const expected = new Map(Object.entries(network));

const prefixed = (prefix: string, shapes: Record<string, number[]> = network) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [prefix + name, shape]));

function pth(t: TestContext, saved: Saved): string {
  const opcodes = (value: Saved): Buffer => {
    if (typeof value === 'number') return op.int(value);
    if (!Array.isArray(value)) {
      return op.dict(...Object.entries(value).flatMap(([name, item]) => [op.text(name), opcodes(item)]));
    }
    const [rows, columns = 1] = value;
    return tensor(storage({count: 6}), 0, value, value.length === 2 ? [columns, 1] : [Number(rows > 0)]);
  };
  const entries = [
    {name: 'a/data.pkl', data: pickle(opcodes(saved))},
    {name: 'a/data/0', data: 24},
  ];
  return writePieces(path.join(temporaryFolder(t), 'weights.pth'), zipFile(entries));
}

function found(t: TestContext, file: string, ignore?: (name: string) => boolean) {
  const checkpoint = openCheckpoint(file);
  atEnd(t, () => checkpoint.close());
  const network = findNetwork(checkpoint, expected, {ignore});
  matchTensors(network, expected, {ignore});
  return network;
}

test('it is found under prefixes, in dictionaries and under both', (t) => {
  const optimizer = {state: {a: {b: {moment: [2]}}}, lr: 1};
  const beside = {epoch: 3, optimizer_state_dict: optimizer};
  const cases: [Saved, string][] = [
    [network, ''],
    [prefixed('module.'), 'module.'],
    [prefixed('_orig_mod.'), '_orig_mod.'],
    [prefixed('module._orig_mod.'), 'module._orig_mod.'],
    [prefixed('some.name.of.its.own.'), 'some.name.of.its.own.'],
    [{model_state_dict: network, ...beside}, ''],
    [{...beside, net: network}, ''],
    [{state: {ema: network}, ...beside}, ''],
    [{state: {ema: prefixed('module.')}, ...beside}, 'module.'],
    [{...prefixed('backbone.'), 'head.weight': [6], 'criterion.weight': [6]}, 'backbone.'],
  ];
  for (const [saved, prefix] of cases) {
    const {tensors, prefix: taken} = found(t, pth(t, saved), (name) => /^(head|criterion)/.test(name));
    assert.equal(taken, prefix);
    for (const name of expected.keys()) assert.equal(tensors.get(name)?.name, name);
    assert.equal(tensors.size, expected.size);
  }
});

test('of several that fit the one that is meant is asked for, and # says it', (t) => {
  const saved = {
    model: prefixed('module.'),
    ema: network,
    best: {swa: network},
    teacher: {'conv.weight': [1]},
  };
  const file = pth(t, saved);
  assert.throws(() => found(t, file), {
    name: 'LabError',
    message:
      `${file} holds 3 networks that fit: model.module, ema, best.swa. ` +
      `Say which is meant by # and its name after the path: ${file}#model.module.`,
  });
  for (const [part, prefix] of [
    ['model', 'module.'],
    ['model.module', ''],
    ['model#module', ''],
    ['ema', ''],
    ['best', ''],
    ['best.swa', ''],
  ]) {
    assert.equal(found(t, `${file}#${part}`).prefix, prefix, part);
  }
  assert.throws(() => found(t, `${file}#teacher`), /#teacher does not fit .* 3 tensors missing/);
  assert.throws(() => openCheckpoint(`${file}#emma`), {
    name: 'LabError',
    message: `${file}: holds no tensors under "emma". It holds some under model, ema, best, teacher.`,
  });
});

test('a remedy within a part that was said works too', (t) => {
  const file = pth(t, {all: {model: network, ema: network}, other: network});
  assert.throws(
    () => found(t, `${file}#all`),
    (error) => {
      assert.ok(error instanceof LabError);
      const remedy = error.message.split('after the path: ')[1].slice(0, -1);
      assert.equal(found(t, remedy).tensors.size, 4);
      return true;
    },
  );
});

test('a file whose own name has a # is meant whole', (t) => {
  const folder = temporaryFolder(t);
  const pieces = zipFile([
    {name: 'a/data.pkl', data: pickle(op.dict(op.text('w'), tensor(storage({count: 1}), 0, [1], [1])))},
    {name: 'a/data/0', data: 4},
  ]);
  const file = writePieces(path.join(folder, 'a#b.pth'), pieces);
  const checkpoint = openCheckpoint(file);
  assert.deepEqual([...checkpoint.tensors.keys()], ['w']);
  checkpoint.close();
  assert.throws(() => openCheckpoint(`${file}#x`), /a#b\.pth: holds no tensors under "x"\. .* under w\./);
  assert.throws(() => openCheckpoint(path.join(folder, 'absent.pth#x')), /absent\.pth#x: cannot be opened/);
});

test('names that fit as they stand win over others', (t) => {
  const ignore = (name: string) => name.startsWith('teacher.');
  assert.equal(found(t, pth(t, {...network, ...prefixed('teacher.')}), ignore).prefix, '');
});

test('where nothing fits, what comes nearest is told', (t) => {
  const {'norm.bias': _, ...rest} = network;
  assert.throws(
    () => found(t, pth(t, {model: prefixed('module.', rest)})),
    /1 tensor missing \(norm\.bias \[2\]\)\. /,
  );
  assert.throws(
    () => found(t, pth(t, {'features.0.weight': [2, 3]})),
    /4 tensors missing .*1 tensor unexpected \(features\.0\.weight\)/,
  );
});

test('a dictionary that holds itself, or two under the same name, end soon', (t) => {
  const weight = [op.text('w'), tensor(storage({count: 1}), 0, [1], [1])];
  const again = Array.from({length: 1000}, (_, i) => [op.text(`d${i}`), op.get(0)]).flat();
  const itself = Buffer.concat([Buffer.from('}'), op.put(0), op.mark, ...weight, ...again, Buffer.from('u')]);
  const twice = op.dict(op.text('a'), op.dict(...weight), op.text('a.w'), weight[1]);
  const write = (name: string, opcodes: Buffer) =>
    writePieces(
      path.join(temporaryFolder(t), name),
      zipFile([
        {name: 'a/data.pkl', data: pickle(opcodes)},
        {name: 'a/data/0', data: 4},
      ]),
    );
  const checkpoint = openCheckpoint(write('itself.pth', itself));
  assert.deepEqual([...checkpoint.tensors.keys()], ['w']);
  checkpoint.close();
  assert.throws(() => openCheckpoint(write('twice.pth', twice)), /holds two tensors named a\.w/);
});
