/** A kernel killed while it collects, a disk that fills up, a manifest that others have had their hands on. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {setTimeout} from 'node:timers/promises';
import {collectPhotos, manifestName} from '../../lib/collecting';
import {mulberry32} from '../../lib/random';
import {temporaryFolder} from '../ending';
import {inMountNamespace, startOther} from '../processes';
import {manifestOf, newFolder, photosIn, quick} from './folder';
import {photosFrom, servePhotos} from './server';

delete process.env.LAB_OFFLINE;
const fixture = (name: string) => join(__dirname, 'fixtures', name);

test('killed several times at random moments: photos and manifest agree, and nothing is fetched twice for long', async (t) => {
  const total = 60;
  const photos = await photosFrom(1000, total);
  const server = await servePhotos(t, {photos});
  const folder = newFolder(t);
  const random = mulberry32(1);
  const kills = 3;
  for (let kill = 0; kill < kills; kill++) {
    const before = fs.existsSync(join(folder, manifestName)) ? photosIn(folder) : [];
    const other = startOther(t, fixture('collector.ts'), [folder, server.api.address, String(total)]);
    while (Number(await other.line()) < before.length + 8) continue;
    await setTimeout(10 * random());
    await other.kill();

    const [files, listed] = [
      photosIn(folder),
      new Set(manifestOf(folder, {torn: true}).map(({file}) => file)),
    ];
    assert.ok(files.length >= before.length + 8);
    assert.ok(
      files.every((file) => listed.has(file)),
      'no photo without its line',
    );
    assert.ok(before.every((file) => files.includes(file)));
  }
  const {photos: all} = await collectPhotos({...quick, folder, classes: {cats: server.api}, perClass: total});
  assert.equal(all.length, total);
  assert.equal(new Set(all.map(({sha256}) => sha256)).size, total);
  assert.deepEqual(photosIn(folder), all.map(({file}) => file).sort());
  assert.deepEqual(manifestOf(folder), all);
  assert.deepEqual(fs.readdirSync(folder).sort(), ['.arriving', 'cats', manifestName]);
  assert.deepEqual(fs.readdirSync(join(folder, '.arriving')), []);
  assert.ok(server.fetches.length <= total + 5 * kills, `${server.fetches.length} fetched`);
});

test('killed before and after a line was written: the photo takes its place, or is fetched again', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(1050, 3)});
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 3};
  const {photos} = await collectPhotos(options);
  const [first, second] = photos;
  const file = join(options.folder, manifestName);
  const arriving = (name: string) => join(options.folder, '.arriving', name.replace('cats/', ''));
  fs.renameSync(join(options.folder, first.file), arriving(first.file));
  fs.renameSync(join(options.folder, second.file), arriving(second.file));
  fs.writeFileSync(`${arriving(second.file)}.0123456789ab.part`, 'half');
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  fs.writeFileSync(file, lines.filter((line) => !line.includes(second.sha256)).join('\n'));
  server.fetches.length = 0;
  const after = await collectPhotos(options);
  assert.deepEqual(after.photos.map(({id}) => id).sort(), photos.map(({id}) => id).sort());
  assert.deepEqual(photosIn(options.folder), photos.map((photo) => photo.file).sort());
  assert.deepEqual(
    server.fetches.map(({path}) => path),
    [new URL(second.source).pathname],
  );
  assert.deepEqual(fs.readdirSync(join(options.folder, '.arriving')), []);
});

test('a disk that fills up is told in words, and what came before is kept', (t) => {
  const folder = temporaryFolder(t, 'lab-full-');
  const mount = 'mount -t tmpfs -o size=256k none "$1"';
  if (inMountNamespace(mount, folder).status !== 0) return t.skip('needs the right to mount a tmpfs');

  const collect = '"$2" --import tsx "$3" "$1"';
  const {stdout, stderr} = inMountNamespace(
    `${mount}; ${collect}`,
    folder,
    process.execPath,
    fixture('full-disk.ts'),
  );
  assert.equal(stderr, '');
  const [full, after] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const {error, kept, listed, arriving} = full as Record<string, string[]>;
  assert.match(
    String(error),
    /^LabError: No disk space left while writing .*\. Free some space there and run again\.$/,
  );
  assert.ok(kept.length > 0 && kept.length < 40, `${kept.length} kept`);
  assert.deepEqual([...listed].sort(), kept);
  assert.deepEqual(arriving, []);
  assert.deepEqual(after, {photos: 40, before: true});
});

test('a manifest whose last line was cut off, or lacks its line break, goes on', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(1100, 4)});
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 4};
  await collectPhotos({...options, perClass: 3});
  const file = join(options.folder, manifestName);
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.trimEnd());
  assert.equal((await collectPhotos({...options, perClass: 3})).photos.length, 3);
  assert.equal(fs.readFileSync(file, 'utf8'), text);

  fs.writeFileSync(file, `${text}{"class":"cats","id":"p1103","sou`);
  const {photos} = await collectPhotos(options);
  assert.deepEqual(photos.map(({id}) => id).sort(), ['p1100', 'p1101', 'p1102', 'p1103']);
  assert.deepEqual(manifestOf(options.folder), photos);
  assert.ok(fs.readFileSync(file, 'utf8').startsWith(text));
});

test('a line that is none of a manifest is told by its number, and nothing is changed', async (t) => {
  const server = await servePhotos(t, {photos: await photosFrom(1200, 2)});
  const options = {...quick, folder: newFolder(t), classes: {cats: server.api}, perClass: 2};
  await collectPhotos(options);
  const file = join(options.folder, manifestName);
  const [first, second] = fs.readFileSync(file, 'utf8').split('\n');
  const spoilt = `${first}\nhello\n${second}\n`;
  fs.writeFileSync(file, spoilt);
  await assert.rejects(
    collectPhotos(options),
    /^LabError: .*manifest\.jsonl, line 2: not a line of a manifest of collected photos: hello\. Put it right, or take/,
  );
  assert.equal(fs.readFileSync(file, 'utf8'), spoilt);
  assert.equal(photosIn(options.folder).length, 2);
});
