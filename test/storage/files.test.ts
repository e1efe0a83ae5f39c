import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {createFile, replaceFile, setAside, writeJson} from '../../lib/storage';
import {temporaryFolder} from '../ending';
import {inMountNamespace, startOther} from '../processes';

const newFolder = (t: TestContext) => temporaryFolder(t, 'lab-storage-');

const fixture = (name: string) => join(__dirname, 'fixtures', `${name}.ts`);

test('a file is replaced whole, with its folder, and nothing else is left', (t) => {
  const folder = newFolder(t);
  const file = join(folder, 'deeper', 'é.json');
  writeJson(file, {a: ['ü']});
  assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), {a: ['ü']});
  replaceFile(file, [Buffer.from('one'), new Uint8Array(0), Buffer.from('two')]);
  assert.equal(fs.readFileSync(file, 'utf8'), 'onetwo');
  replaceFile(file, '');
  assert.equal(fs.readFileSync(file, 'utf8'), '');
  assert.deepEqual(fs.readdirSync(join(folder, 'deeper')), ['é.json']);
});

test('a file is created only where there is none', (t) => {
  const file = join(newFolder(t), 'x');
  assert.deepEqual([createFile(file, 'first'), createFile(file, 'second')], [true, false]);
  assert.equal(fs.readFileSync(file, 'utf8'), 'first');
  assert.deepEqual(fs.readdirSync(join(file, '..')), ['x']);
});

test('of processes that create, or set aside, in one moment each thing is done once', async (t) => {
  const folder = newFolder(t);
  const others = [1, 2, 3].map(() => startOther(t, fixture('racer'), [folder]));
  await Promise.all(others.map((other) => other.line()));
  for (let round = 0; round < 30; round++) {
    fs.mkdirSync(join(folder, 'damaged'));
    fs.writeFileSync(join(folder, 'damaged', 'content'), String(round));
    others.forEach((other) => other.send(String(round)));
    const answers = await Promise.all(others.map(async (other) => JSON.parse(await other.line()) as Answer));
    assert.equal(answers.filter(({created}) => created).length, 1);
    assert.equal(new Set(answers.map(({content}) => content)).size, 1, 'all read one content');
    const aside = answers.flatMap((answer) => answer.aside ?? []);
    assert.equal(aside.length, 1);
    assert.equal(fs.readFileSync(join(aside[0], 'content'), 'utf8'), String(round));
  }
  const asides = fs.readdirSync(folder).filter((name) => name.startsWith('damaged'));
  assert.equal(asides.length, 30);
});

interface Answer {
  created: boolean;
  content: string;
  aside: string | null;
}

test('what is damaged keeps its content under the next number, file or folder', (t) => {
  const folder = newFolder(t);
  const file = join(folder, 'x');
  fs.mkdirSync(`${file}.damaged-1`);
  fs.writeFileSync(file, 'content');
  assert.equal(setAside(file), `${file}.damaged-2`);
  assert.equal(setAside(file), null);
  assert.equal(fs.readFileSync(`${file}.damaged-2`, 'utf8'), 'content');
  assert.deepEqual(fs.readdirSync(folder), ['x.damaged-1', 'x.damaged-2']);
});

test('a full and a read-only disk are told in words, and the old file is kept', (t) => {
  const folder = newFolder(t);
  const run = (script: string) => inMountNamespace(script, folder, process.execPath, fixture('full-disk'));
  const mount = 'mount -t tmpfs -o size=256k none "$1"';
  if (run(mount).status !== 0) return t.skip('needs the right to mount a tmpfs');
  const {stdout, stderr} = run(`${mount}; "$2" --import tsx "$3" "$1"`);
  assert.equal(stderr, '');
  const {full, readOnly} = JSON.parse(stdout) as Record<'full' | 'readOnly', string[]>;
  assert.match(full[0], /^LabError: No disk space left while writing .*kept\.json\. Free some space/);
  assert.match(full[1], /^LabError: No disk space left while writing .*new\.bin\./);
  assert.deepEqual(JSON.parse(full[2]), {kept: true});
  assert.deepEqual(full[3], ['kept.json']);
  for (const [index, name] of ['kept\\.json', 'x\\.lock', 'kept\\.json\\.damaged-1'].entries()) {
    assert.match(
      readOnly[index],
      new RegExp(`^LabError: No permission to write .*${name} \\(EROFS\\): its disk is mounted read-only`),
    );
  }
});
