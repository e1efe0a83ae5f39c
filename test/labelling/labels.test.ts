import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {describe, test, type TestContext} from 'node:test';
import {LabError} from '../../lib/errors';
import {isByModel, Labels, modelGiver} from '../../lib/labelling';
import {temporaryFolder} from '../ending';
import {inMountNamespace, startOther} from '../processes';

const fixture = (name: string) => join(__dirname, 'fixtures', `${name}.ts`);

function newFile(t: TestContext): string {
  const folder = temporaryFolder(t, 'lab-labels-');
  return join(folder, 'labels.jsonl');
}

const said = (labels: Labels, givers?: string[]) =>
  Object.fromEntries([...labels.standing(givers)].map(([photo, {label}]) => [photo, label]));

const classes = ['cat', 'dog'];

describe('labels of one file', () => {
  test('the last one wins, an undo takes one back, and every line stays', (t) => {
    const labels = new Labels(newFile(t), classes);
    assert.deepEqual(said(labels), {});
    assert.equal(fs.existsSync(labels.file), false, 'nothing is written before the first label');
    labels.add(
      {photo: 'a', label: 'cat', by: 'Anna'},
      {photo: 'b', label: 'dog', by: 'Anna', confidence: 0.5},
    );
    labels.add({photo: 'a', label: 'dog', by: 'Anna'});
    assert.deepEqual(said(labels), {a: 'dog', b: 'dog'});
    assert.equal(labels.undo('a', 'Anna').label, 'dog');
    assert.deepEqual(said(labels), {a: 'cat', b: 'dog'});
    assert.equal(labels.undo('a', 'Anna').label, 'cat');
    assert.deepEqual(said(labels), {b: 'dog'});
    assert.throws(() => labels.undo('a', 'Anna'), /^LabError: .*no label of the photo a by Anna/);
    labels.add({photo: 'a', label: 'cat', by: 'Anna'});
    assert.deepEqual(said(labels), {a: 'cat', b: 'dog'});

    const lines = fs.readFileSync(labels.file, 'utf8').trim().split('\n');
    assert.equal(lines.length, 6);
    const {time, ...second} = JSON.parse(lines[1]) as Record<string, unknown>;
    assert.deepEqual(second, {photo: 'b', label: 'dog', by: 'Anna', confidence: 0.5});
    assert.ok(Math.abs(Date.now() - Date.parse(String(time))) < 60_000);
    assert.deepEqual(fs.readdirSync(join(labels.file, '..')), ['labels.jsonl'], 'no lock is left');
  });

  test('givers stand side by side: each undoes its own, one can be put before another, differences are listed', (t) => {
    const labels = new Labels(newFile(t), classes);
    const network = modelGiver('deit_tiny');
    labels.add({photo: 'a', label: 'cat', by: 'Anna'}, {photo: 'b', label: 'cat', by: 'Anna'});
    labels.add({photo: 'a', label: 'dog', by: network}, {photo: 'b', label: 'cat', by: network});
    labels.add({photo: 'c', label: 'dog', by: network});
    assert.deepEqual(said(labels), {a: 'dog', b: 'cat', c: 'dog'});
    assert.deepEqual(said(labels, ['Anna']), {a: 'cat', b: 'cat'});
    assert.deepEqual(said(labels, ['Anna', network]), {a: 'cat', b: 'cat', c: 'dog'});
    assert.deepEqual(
      labels
        .disagreements()
        .map(({photo, labels}) => [photo, labels.map(({by, label}) => `${by}: ${label}`)]),
      [['a', ['Anna: cat', 'model deit_tiny: dog']]],
    );
    assert.deepEqual(labels.of('a').map(isByModel), [false, true]);
    labels.undo('a', 'Anna');
    assert.deepEqual(said(labels), {a: 'dog', b: 'cat', c: 'dog'});
    assert.deepEqual(labels.disagreements(), []);
  });

  test('what is no label is refused by name, and nothing of it is written', (t) => {
    const labels = new Labels(newFile(t), classes);
    const right = {photo: 'a', label: 'cat', by: 'Anna'};
    const wrong: [object, RegExp][] = [
      [
        {label: 'cta'},
        /^LabError: 'cta' is no class of .*labels\.jsonl\. Did you mean cat\? Its classes: cat, dog\.$/,
      ],
      [{label: 'zebra'}, /'zebra' is no class of .*labels\.jsonl\. Its classes: cat, dog\.$/],
      [{confidence: 1.5}, /confidence of the label 'cat' is 1\.5\. Give 0 to 1/],
      [{confidence: NaN}, /confidence of the label 'cat' is NaN/],
      [{by: ' '}, /Nobody is named who gave the label 'cat'/],
      [{photo: ''}, /photo is empty/],
    ];
    for (const [change, message] of wrong) {
      assert.throws(() => labels.add(right, {...right, ...change}), message);
    }
    assert.equal(fs.existsSync(labels.file), false);
    assert.throws(() => new Labels(labels.file).add({...right, label: ''}), /label of a is empty/);
  });

  test('labels of photos that are gone stay and are told', (t) => {
    const labels = new Labels(newFile(t));
    labels.add({photo: 'a', label: 'cat', by: 'Anna'}, {photo: 'b', label: 'dog', by: 'Anna'});
    assert.deepEqual(
      labels.gone(['a', 'c']).map(({photo}) => photo),
      ['b'],
    );
    assert.deepEqual(said(labels), {a: 'cat', b: 'dog'});
  });
});

describe('a file that something happened to', () => {
  test('a torn last line costs that line alone, and the next label begins on a new one', (t) => {
    const labels = new Labels(newFile(t), classes);
    labels.add({photo: 'a', label: 'cat', by: 'Änne'}, {photo: 'b', label: 'dog', by: 'Änne'});
    const whole = fs.readFileSync(labels.file);
    const second = whole.indexOf('\n') + 1;
    const inName = whole.indexOf('Ä', second) + 1;
    for (const cut of [second + 1, inName, whole.length - 2]) {
      fs.writeFileSync(labels.file, whole.subarray(0, cut));
      const reopened = new Labels(labels.file, classes);
      assert.deepEqual(said(reopened), {a: 'cat'}, `cut at ${cut}`);
      reopened.add({photo: 'c', label: 'dog', by: 'Änne'});
      assert.deepEqual(said(reopened), {a: 'cat', c: 'dog'}, `cut at ${cut}`);
      assert.deepEqual(
        reopened.unread().map(({line, reason}) => [line, reason]),
        [[2, 'cut off or garbled']],
      );
    }
    fs.writeFileSync(labels.file, whole.subarray(0, -1));
    labels.add({photo: 'c', label: 'dog', by: 'Änne'});
    assert.deepEqual(said(labels), {a: 'cat', b: 'dog', c: 'dog'}, 'only its end of line was cut off');
    assert.deepEqual(labels.unread(), []);
  });

  test('foreign lines are named with their number and stay where they are', (t) => {
    const labels = new Labels(newFile(t), classes);
    const time = new Date().toISOString();
    const line = (value: object) => JSON.stringify({photo: 'a', by: 'Anna', time, ...value});
    const content = [
      `\ufeff${line({label: 'cat'})}\r`,
      'photo,label',
      '',
      line({label: 'zebra'}),
      line({label: 'dog', by: 7}),
      line({label: 'dog', undo: 'cat'}),
      line({label: 'dog', confidence: 'high'}),
      'null',
      line({undo: 'dog'}),
      line({label: 'dog', photo: '__proto__', added: 'by a later version'}),
    ].join('\n');
    fs.writeFileSync(labels.file, content);
    labels.add({photo: 'c', label: 'dog', by: 'Anna'});
    assert.deepEqual(
      [...labels.standing()].map(([photo, {label}]) => [photo, label]),
      [
        ['a', 'cat'],
        ['__proto__', 'dog'],
        ['c', 'dog'],
      ],
    );
    assert.deepEqual(
      labels.unread().map(({line, reason}) => `${line}: ${reason}`),
      [
        '2: no JSON',
        "4: 'zebra' is no class",
        '5: neither a label nor one taken back',
        '6: neither a label nor one taken back',
        '7: its confidence is no number',
        '8: neither a label nor one taken back',
      ],
    );
    assert.ok(fs.readFileSync(labels.file, 'utf8').startsWith(content));
  });

  test('a file put in its place is read anew; a folder in its place is told', (t) => {
    const labels = new Labels(newFile(t));
    labels.add({photo: 'a', label: 'cat', by: 'Anna'});
    const [line] = fs.readFileSync(labels.file, 'utf8').split('\n');
    fs.writeFileSync(`${labels.file}.new`, `${line.replace('"cat"', '"dog"')}\n`);
    fs.renameSync(`${labels.file}.new`, labels.file);
    assert.deepEqual(said(labels), {a: 'dog'});
    fs.rmSync(labels.file);
    assert.deepEqual(said(labels), {});
    fs.mkdirSync(labels.file);
    assert.throws(() => labels.standing(), /^LabError: .*labels\.jsonl cannot be read \(EISDIR\)/);
    assert.throws(
      () => labels.add({photo: 'a', label: 'cat', by: 'Anna'}),
      /^LabError: .*labels\.jsonl cannot be written/,
    );
  });

  test('a full disk is told in words and leaves whole lines', (t) => {
    const folder = join(newFile(t), '..');
    const run = (script: string) => inMountNamespace(script, folder, process.execPath, fixture('full-disk'));
    const mount = 'mount -t tmpfs -o size=256k none "$1"';
    if (run(mount).status !== 0) return t.skip('needs the right to mount a tmpfs');
    const {stdout, stderr} = run(`${mount}; "$2" --import tsx "$3" "$1"`);
    assert.equal(stderr, '');
    const {message, ...rest} = JSON.parse(stdout) as Record<string, unknown>;
    assert.match(
      String(message),
      /^LabError: No disk space left while writing .*labels\.jsonl\. Free some space/,
    );
    assert.deepEqual(rest, {kept: 2, after: ['a', 'b'], unread: 0});
  });
});

describe('several processes', () => {
  test('label at once: no line is lost or mixed, and each reads what the others add', async (t) => {
    const labels = new Labels(newFile(t), classes);
    const others = ['Anna', 'Bert', 'Cleo'].map((who) =>
      startOther(t, fixture('labeller'), [labels.file, who]),
    );
    for (const other of others) assert.equal(await other.line(), 'ready');
    const [count, lines] = [25, 26];
    for (const other of others) other.send(String(count));
    for (let i = 0; i < count; i++) labels.add({photo: `own-${i}`, label: 'dog', by: 'own'});
    for (const other of others) for (let i = 0; i < lines; i++) await other.line();
    assert.equal(labels.standing().size, 4 * count);
    assert.deepEqual(labels.unread(), []);
    assert.equal(fs.readFileSync(labels.file, 'utf8').split('\n').length, 4 * count + 1);
    assert.deepEqual(
      [...labels.standing(['Bert']).keys()],
      Array.from({length: count}, (_, i) => `Bert-${i}`),
    );
  });

  test('a killed one leaves all that it had added, and its lock to the next', async (t) => {
    const labels = new Labels(newFile(t), classes);
    for (let round = 0; round < 3; round++) {
      const other = startOther(t, fixture('labeller'), [labels.file, `round${round}`]);
      await other.line();
      other.send('endless');
      for (let i = 0; i < 5 + round; i++) await other.line();
      await other.kill();
      labels.add({photo: 'own', label: 'dog', by: 'own'});
      const kept = [...labels.standing().keys()].filter((photo) => photo.startsWith(`round${round}-`));
      assert.ok(kept.length >= 5 + round);
    }
    assert.ok(labels.unread().every(({reason}) => reason === 'cut off or garbled'));
  });

  test('what stands where its lock should be is told', (t) => {
    const labels = new Labels(newFile(t));
    fs.mkdirSync(`${labels.file}.lock`);
    assert.throws(() => labels.add({photo: 'a', label: 'cat', by: 'Anna'}), LabError);
    assert.equal(fs.existsSync(labels.file), false);
  });
});
