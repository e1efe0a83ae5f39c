import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {test} from 'node:test';

import {openCheckpoint, type Checkpoint} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {temporaryFolder} from '../ending';
import {legacyFile, op, pickle, storage, tensor, writePieces, zipFile, type Piece} from './crafted';

type Expected = Record<string, {dtype: string; shape: number[]; values: number[]}>;

const fixtures = path.join(__dirname, 'fixtures');
const mirror = process.env.LAB_MIRROR;
const withoutMirror = !mirror && 'LAB_MIRROR is not set: its fixtures are not at hand';
const inMirror = (name: string) => path.join(mirror!, 'fixtures', name);

function assertHolds(checkpoint: Checkpoint, expected: Expected): void {
  assert.deepEqual([...checkpoint.tensors.keys()], Object.keys(expected));
  for (const [name, {dtype, shape, values}] of Object.entries(expected)) {
    const stored = checkpoint.tensors.get(name)!;
    assert.equal(stored.dtype, dtype.replace('torch.', ''), name);
    assert.deepEqual(stored.shape, shape, name);
    assert.deepEqual(stored.values(), Float32Array.from(values), name);
  }
  checkpoint.close();
}

const expectedIn = (folder: string, name: string) =>
  JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as Expected;

for (const [name, part] of [
  ['zip-protocol2', ''],
  ['zip-protocol5-model', '#model'],
  ['legacy-protocol2-state_dict', '#state_dict'],
  ['legacy-protocol4', ''],
]) {
  test(`${name}.pth${part}: every dtype, views, strides, empty, scalar and parameter`, () => {
    const checkpoint = openCheckpoint(path.join(fixtures, `${name}.pth${part}`));
    assertHolds(checkpoint, expectedIn(fixtures, 'expected.json'));
  });
}

for (const name of ['dtypes-zip.pth', 'dtypes-legacy.pth']) {
  test(`the mirror's ${name}`, {skip: withoutMirror}, () => {
    assertHolds(
      openCheckpoint(inMirror(name)),
      expectedIn(path.join(mirror!, 'fixtures'), 'dtypes.expected.json'),
    );
  });
}

test('SqueezeNet is the same in zip, legacy and safetensors', {skip: withoutMirror}, () => {
  const [safetensors, ...others] = [
    path.join(mirror!, 'weights', 'squeezenet1_1.safetensors'),
    inMirror('squeezenet1_1-zip.pth'),
    inMirror('squeezenet1_1-legacy.pth'),
  ].map(openCheckpoint);
  for (const other of others) {
    assert.deepEqual([...other.tensors.keys()].sort(), [...safetensors.tensors.keys()].sort());
    for (const [name, stored] of safetensors.tensors) {
      assert.deepEqual(other.tensors.get(name)!.shape, stored.shape);
      assert.deepEqual(other.tensors.get(name)!.values(), stored.values());
    }
    other.close();
  }
  safetensors.close();
});

test("the mirror's nested state dict is found", {skip: withoutMirror}, () => {
  const checkpoint = openCheckpoint(inMirror('nested-zip.pth'));
  assert.ok([...checkpoint.tensors.values()].every((stored) => stored.values().every(Number.isFinite)));
  assert.equal(checkpoint.tensors.size, 4);
  assert.ok(checkpoint.tensors.has('model.features.0.weight'));
  assert.ok(checkpoint.dictionaries.includes('model.'));
  checkpoint.close();
});

test("the mirror's hostile and cut files", {skip: withoutMirror}, () => {
  for (const format of ['zip', 'legacy']) {
    assert.throws(() => openCheckpoint(inMirror(`evil-${format}.pth`)), {
      name: 'LabError',
      message: /asks for posix\.system/,
    });
    assert.throws(() => openCheckpoint(inMirror(`truncated-${format}.pth`)), {
      name: 'LabError',
      message: /fetch it again from where it came\.$/,
    });
  }
  assert.ok(!fs.existsSync('pwned-by-pickle'));
});

test('a pickle of Python 2 and PyTorch 0.1, as of the oldest official checkpoints', (t) => {
  const old = op.call(
    op.global('torch._utils', '_rebuild_tensor'),
    storage({count: 6, type: 'FloatStorage', view: op.tuple(op.text('view'), op.int(2), op.int(4))}),
    op.int(1),
    op.tuple(op.int(2)),
    op.tuple(op.int(1)),
  );
  const pair = op.list(op.python2Text('conv.weight'), old);
  const saved = pickle(op.call(op.global('collections', 'OrderedDict'), op.list(pair)));
  const data = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
  const file = path.join(temporaryFolder(t), 'old.pth');
  const checkpoint = openCheckpoint(writePieces(file, legacyFile(saved, [{key: '0', count: 6, data}])));
  assert.deepEqual(checkpoint.tensors.get('conv.weight')!.values(), Float32Array.of(3, 4));
  checkpoint.close();
});

test('zip64 entries are read', (t) => {
  const saved = pickle(op.dict(op.text('w'), tensor(storage({count: 2}), 0, [2], [1])));
  const pieces = zipFile([
    {name: 'archive/data.pkl', data: saved, zip64: true},
    {name: 'archive/data/0', data: new Uint8Array(Float32Array.of(5, 7).buffer), zip64: true},
  ]);
  const checkpoint = openCheckpoint(writePieces(path.join(temporaryFolder(t), 'large.pth'), pieces));
  assert.deepEqual(checkpoint.tensors.get('w')!.values(), Float32Array.of(5, 7));
  checkpoint.close();
});

test('whatever else a pickle asks for is refused by its full name, and nothing is run', (t) => {
  const folder = temporaryFolder(t);
  const touch = op.text(`touch ${path.join(folder, 'pwned')}`);
  const stackGlobal = (module: string, name: string) =>
    Buffer.concat([op.text(module), op.text(name), Buffer.from([0x93])]);
  const cases: [Buffer, RegExp][] = [
    [op.call(op.global('posix', 'system'), touch), /asks for posix\.system/],
    [op.call(stackGlobal('os', 'system'), touch), /asks for os\.system/],
    [op.call(op.global('builtins', 'eval'), touch), /asks for builtins\.eval/],
    [op.global('collections', 'OrderedDict.fromkeys'), /asks for collections\.OrderedDict\.fromkeys/],
    [op.global('torch', 'load'), /asks for torch\.load/],
    [op.global('torch', 'constructor'), /asks for torch\.constructor/],
    [op.global('argparse', 'Namespace'), /asks for argparse\.Namespace/],
    [op.global('numpy.core.multiarray', '_reconstruct'), /asks for numpy\.core\.multiarray\._reconstruct/],
    [Buffer.from('\x82\x01', 'latin1'), /opcode 0x82/], // EXT1
    [Buffer.from('(ios\nsystem\n'), /opcode 0x69/], // INST
    [Buffer.concat([op.global('torch', 'FloatStorage'), op.tuple(), Buffer.from([0x81])]), /opcode 0x81/], // NEWOBJ
    [
      Buffer.concat([op.text('os.system'), op.tuple(touch), Buffer.from('R')]),
      /calls something that is not a function/,
    ],
    [Buffer.concat([op.list(op.none), op.dict(), Buffer.from('b')]), /sets attributes of something/],
  ];
  cases.forEach(([opcodes, problem], index) => {
    const saved = pickle(op.dict(op.text('x'), opcodes));
    const files = [legacyFile(saved), zipFile([{name: 'a/data.pkl', data: saved}])];
    files.forEach((pieces, format) => {
      const file = writePieces(path.join(folder, `${index}-${format}.pth`), pieces);
      assert.throws(
        () => openCheckpoint(file),
        (error) =>
          error instanceof LabError &&
          error.message.startsWith(file) &&
          problem.test(error.message) &&
          /Nothing of it was run\. .*torch\.save\(model\.state_dict/.test(error.message),
        String(problem),
      );
    });
  });
  assert.ok(!fs.existsSync(path.join(folder, 'pwned')));
});

test('damaged and foreign files are refused, naming the file and the remedy', (t) => {
  const folder = temporaryFolder(t);
  const legacy = (value: Buffer, storages: {key: string; count: number; data: Piece}[] = []) =>
    legacyFile(pickle(op.dict(op.text('w'), value)), storages);
  const zipped = (value: Buffer, data: Piece) =>
    zipFile([
      {name: 'a/data.pkl', data: pickle(op.dict(op.text('w'), value))},
      {name: 'a/data/0', data},
    ]);
  const four = [{key: '0', count: 4, data: 16}];
  const plain = tensor(storage({count: 4}), 0, [4], [1]);
  const entry = {name: 'a/data.pkl', data: pickle(op.dict())};
  const emptyFile: Piece[] = [];
  const cases: [string, Piece[], RegExp][] = [
    ['empty', emptyFile, /\(0 bytes\): the file is empty/],
    ['text', [Buffer.from('hello')], /starts with "hello"\./],
    ['storage missing', legacy(plain), /storage 0 is missing/],
    ['storage cut', legacy(plain, [{key: '0', count: 4, data: 15}]), /storage 0 needs bytes \d+ to \d+/],
    ['storage huge', legacy(plain, [{key: '0', count: 2 ** 50, data: 16}]), /storage 0 needs bytes/],
    [
      'storage short',
      legacy(tensor(storage({count: 5}), 0, [5], [1]), four),
      /tensor w needs 20 bytes .* which has 16/,
    ],
    [
      'storage unknown',
      legacy(plain, [...four, {key: '1', count: 1, data: 4}]),
      /list of storages does not fit/,
    ],
    ['offset outside', legacy(tensor(storage({count: 4}), 1, [4], [1]), four), /tensor w needs 20 bytes/],
    ['stride outside', legacy(tensor(storage({count: 4}), 0, [4], [2]), four), /tensor w needs 28 bytes/],
    ['negative stride', legacy(tensor(storage({count: 4}), 3, [4], [0xffffffff]), four), /wrong arguments/],
    [
      'rank',
      legacy(tensor(storage({count: 4}), 0, Array<number>(65).fill(1), Array<number>(65).fill(1)), four),
      /wrong arguments/,
    ],
    [
      'expanded beyond measure',
      legacy(tensor(storage({count: 4}), 0, [2 ** 30, 2 ** 30], [0, 0]), four),
      /more elements than the file has bytes/,
    ],
    [
      'number type',
      legacy(tensor(storage({count: 4, type: 'ComplexFloatStorage'}), 0, [4], [1])),
      /asks for torch\.ComplexFloatStorage/,
    ],
    ['no state dict', legacy(op.int(3)), /no state dict, its keys are w\./],
    ['no dictionary', legacyFile(pickle(op.int(3))), /no state dict, it is not even a dictionary/],
    ['other pickle', [pickle(op.text('hello, world'))], /a pickle, but not of torch\.save/],
    ['zip of other things', zipFile([{name: 'readme.txt', data: 5}]), /zip file without data\.pkl/],
    ['zip compressed', zipFile([{...entry, method: 8}]), /a\/data\.pkl is compressed \(method 8\)/],
    ['zip encrypted', zipFile([{...entry, flags: 1}]), /a\/data\.pkl is encrypted/],
    [
      'zip big-endian',
      zipFile([entry, {name: 'a/byteorder', data: Buffer.from('big')}]),
      /not little-endian/,
    ],
    ['zip without end', zipFile([entry]).slice(0, 2), /its end is missing/],
    [
      'zip storage missing',
      zipFile([{...entry, data: pickle(op.dict(op.text('w'), plain))}]),
      /no entry a\/data\/0/,
    ],
    ['zip storage short', zipped(plain, 15), /tensor w needs 16 bytes of its storage, which has 15/],
  ];
  for (const [name, pieces, problem] of cases) {
    const file = writePieces(path.join(folder, `${name}.pth`), pieces);
    assert.throws(
      () => openCheckpoint(file),
      (error) => {
        assert.ok(error instanceof LabError, String(error));
        assert.ok(error.message.startsWith(file), error.message);
        assert.match(error.message, problem);
        assert.match(
          error.message,
          /fetch it again from where it came\.$|torch\.save\(model\.state_dict\(\), '.*'\)\.$/,
        );
        return true;
      },
      name,
    );
  }
});

test('a file that is absent or a folder is refused; values after close() are too', (t) => {
  const folder = temporaryFolder(t);
  assert.throws(() => openCheckpoint(path.join(folder, 'absent.pth')), {
    name: 'LabError',
    message: /absent\.pth: cannot be opened \(ENOENT\)/,
  });
  assert.throws(() => openCheckpoint(folder), {name: 'LabError', message: /not a file/});
  const checkpoint = openCheckpoint(path.join(fixtures, 'zip-protocol2.pth'));
  checkpoint.close();
  checkpoint.close();
  assert.throws(() => checkpoint.tensors.get('float32')!.values(), {
    name: 'LabError',
    message: /read after close/,
  });
});

test('pickles made to exhaust memory or time end with an error, soon', (t) => {
  const folder = temporaryFolder(t);
  const repeated = (count: number, opcodes: Buffer) => Buffer.concat(Array<Buffer>(count).fill(opcodes));
  const many = op.list(repeated(100_000, op.tuple(op.none, op.none)));
  const orderedDict = op.global('collections', 'OrderedDict');
  const cases: [string, Buffer, RegExp][] = [
    ['dictionaries', repeated(3_000_000, Buffer.from('}')), /more than 2000000 steps/],
    [
      'copies',
      Buffer.concat([many, op.put(0), repeated(1000, op.call(orderedDict, op.get(0)))]),
      /more than 2000000 steps/,
    ],
    ['marks', repeated(3_000_000, op.mark), /more than 2000000 steps/],
    ['nested lists', repeated(1_000_000, Buffer.from([0x5d, 0x71, 0, 0x61])), /pickle is broken/],
    ['long text', Buffer.from([0x58, 0xff, 0xff, 0xff, 0xff]), /announces 4294967295 bytes/],
    [
      'longer text',
      Buffer.from([0x8d, 255, 255, 255, 255, 255, 255, 255, 255]),
      /announces 18446744073709552000 bytes/,
    ],
    ['long name', Buffer.concat([Buffer.from('c'), Buffer.alloc(2000, 'x')]), /a name .* never ends/],
  ];
  for (const [name, opcodes, problem] of cases) {
    const file = writePieces(path.join(folder, `${name}.pth`), legacyFile(pickle(opcodes)));
    const start = process.cpuUsage();
    assert.throws(() => openCheckpoint(file), {name: 'LabError', message: problem}, name);
    assert.ok(process.cpuUsage(start).user < 2e6, name);
  }
});
