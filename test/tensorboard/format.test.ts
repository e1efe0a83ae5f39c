/** The bytes of event files, against values that others have published. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {crc32c} from '../../lib/tensorboard/crc32c';
import {EventWriter, record, recordsOf, scalarsIn} from '../../lib/tensorboard/eventFile';
import {readEvent, scalar, summaryEvent, versionEvent} from '../../lib/tensorboard/events';
import {bucketsOf, someOf} from '../../lib/tensorboard/histogram';
import {folderName, plainMarkdown, tsvCell} from '../../lib/tensorboard/names';
import {temporaryFolder} from '../ending';

const folder = (t: TestContext) => temporaryFolder(t, 'lab-events-');

test('CRC-32C gives the check values of RFC 3720, and of the nine digits', () => {
  const bytes = (of: (index: number) => number) => Uint8Array.from({length: 32}, (_, index) => of(index));
  const known: [Uint8Array, number][] = [
    [bytes(() => 0), 0x8a9136aa],
    [bytes(() => 0xff), 0x62a8ab43],
    [bytes((index) => index), 0x46dd794e],
    [bytes((index) => 31 - index), 0x113fdb5c],
    [Buffer.from('123456789'), 0xe3069283],
  ];
  for (const [data, checksum] of known) assert.equal(crc32c(data).toString(16), checksum.toString(16));
});

test('a file begins with the bytes that every event file begins with', () => {
  const bytes = record(versionEvent(0).subarray(0, 24));
  assert.equal(bytes.subarray(0, 12).toString('hex'), '1800000000000000a37f4b22');
  assert.match(versionEvent(1.5).toString('latin1'), /brain\.Event:2$/);
});

test('a file cut off anywhere, or damaged anywhere, gives the whole records before that', () => {
  const records = [1, 2, 3].map((step) => record(summaryEvent(1e9, step, [scalar('loss', step / 10)])));
  const whole = Buffer.concat(records);
  const lengths = records.map(({length}) => length);
  for (let end = 0; end <= whole.length; end++) {
    const complete = lengths.filter((_, i) => end >= lengths.slice(0, i + 1).reduce((a, b) => a + b)).length;
    assert.equal([...recordsOf(whole.subarray(0, end))].length, complete);
    if (end === whole.length) continue;
    const damaged = Buffer.from(whole);
    damaged[end] ^= 0x10;
    assert.ok([...recordsOf(damaged)].length <= Math.floor(end / lengths[0]));
  }
  const steps = [...recordsOf(whole)].map((data) => readEvent(data).step);
  assert.deepEqual(steps, [1, 2, 3]);
});

test('steps beyond 32 bits and long texts come back', () => {
  const tag = 'x'.repeat(300);
  const {step, values} = readEvent(summaryEvent(0, 2 ** 40 + 3, [scalar(tag, -0.1)]));
  assert.equal(step, 2 ** 40 + 3);
  assert.equal(values.get(tag)!.readFloatLE(), Math.fround(-0.1));
});

test('each writer has a file of its own, and what a later session begins anew no longer counts', (t) => {
  const at = folder(t);
  const log = (from: number, losses: Record<number, number>) => {
    const writer = new EventWriter(at, from);
    for (const [step, loss] of Object.entries(losses)) writer.append(Number(step), [scalar('loss', loss)]);
  };
  log(1, {1: 4, 2: 3, 3: 2});
  assert.deepEqual(
    [...scalarsIn(at, 'loss')],
    [
      [1, 4],
      [2, 3],
      [3, 2],
    ],
  );
  log(3, {3: 8, 4: 7});
  assert.deepEqual([...scalarsIn(at, 'loss').values()], [4, 3, 8, 7]);
  log(1, {1: 9});
  assert.deepEqual([...scalarsIn(at, 'loss').values()], [9]);
  assert.equal(fs.readdirSync(at).length, 3);
  assert.equal(scalarsIn(join(at, 'missing'), 'loss').size, 0);
});

test('a folder that is removed under a writer is made anew, with a file that is whole', (t) => {
  const at = join(folder(t), 'run');
  const writer = new EventWriter(at, 1);
  writer.append(1, [scalar('loss', 1)]);
  fs.rmSync(at, {recursive: true});
  writer.append(2, [scalar('loss', 2)]);
  const [file] = fs.readdirSync(at);
  assert.deepEqual(
    [...recordsOf(fs.readFileSync(join(at, file)))].map((data) => readEvent(data).step),
    [0, 1, 2],
  );
});

test('a folder that cannot be made is told with its remedy', (t) => {
  const at = folder(t);
  fs.writeFileSync(join(at, 'file'), '');
  assert.throws(
    () => new EventWriter(join(at, 'file', 'run'), 0).append(0, []),
    /LabError: .*cannot be written: .* Move that away and run again\./,
  );
});

test('buckets hold every finite value once', () => {
  assert.deepEqual(bucketsOf(Float32Array.of(0, 1, 2, 3, 4), 2), [
    [0, 2, 2],
    [2, 4, 3],
  ]);
  assert.deepEqual(bucketsOf(Float32Array.of(5, 5, NaN)), [[4.5, 5.5, 2]]);
  assert.deepEqual(bucketsOf(Float32Array.of(NaN, Infinity)), []);
  const values = Float32Array.from({length: 1000}, (_, i) => Math.sin(i));
  const counted = bucketsOf(values).reduce((sum, [, , count]) => sum + count, 0);
  assert.equal(counted, 1000);
});

test('of many tensors some matrices are chosen, the first and the last among them', () => {
  const tensors = new Map(
    Array.from({length: 20}, (_, i) => [`${i}`, {shape: i % 2 === 0 ? [2, 2] : [2]}] as const).map(
      ([name, {shape}]) => [name, {shape: [...shape]}],
    ),
  );
  const names = (most: number) => someOf(tensors, most).map(([name]) => name);
  assert.equal(names(20).length, 20);
  assert.deepEqual(names(10), ['0', '2', '4', '6', '8', '10', '12', '14', '16', '18']);
  assert.deepEqual(names(3), ['0', '10', '18']);
  assert.deepEqual(names(1), ['0']);
  assert.deepEqual(names(0), []);
});

test('names of people become harmless ones', () => {
  assert.equal(folderName('own CNN, 3 × 3 + a&b%20#c'), 'own CNN, 3 - 3 - a-b-20-c');
  assert.equal(folderName('../../etc/"x"\n\t<b>'), '-..-etc-x-b-');
  assert.deepEqual(['..', '', ' . '].map(folderName), ['run', 'run', 'run']);
  assert.equal(folderName('Ж'.repeat(200)).length, 80);
  assert.equal(tsvCell('a\tb\r\nc'), 'a b c');
  assert.equal(tsvCell('\n'), '-');
  assert.equal(plainMarkdown('<img src=x>\n# [a](b)'), '\\<img src=x\\> \\# \\[a\\]\\(b\\)');
});
