import assert from 'node:assert/strict';
import {access, readdir, readFile, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {describe, test} from 'node:test';

import {unzip} from '../../lib/datasets';
import {crc32} from '../../lib/datasets/crc32';
import {temporaryFolder, wholeFile} from '../ending';
import {zip, type ZipEntry} from './zip-writer';

const root = temporaryFolder(wholeFile, 'archives ');
let count = 0;

/** Writes the archive into a folder of its own and unpacks it to `out` beside it. */
async function unpack(bytes: Buffer, options: Parameters<typeof unzip>[2] = {}): Promise<string> {
  const folder = path.join(root, String(count++));
  const out = path.join(folder, 'a', 'out');
  const archive = path.join(root, `${count}.zip`);
  await writeFile(archive, bytes);
  await unzip(archive, out, options);
  return out;
}

/** Asserts that the archive is refused and that nothing at all was left behind. */
async function assertRefused(bytes: Buffer, message: RegExp, options: Parameters<typeof unzip>[2] = {}) {
  await assert.rejects(unpack(bytes, options), message);
  const left = await readdir(path.join(root, String(count - 1)), {recursive: true}).catch(() => []);
  assert.deepEqual(
    left.filter((name) => name !== 'a'),
    [],
  );
}

const photos: ZipEntry[] = [
  {name: 'set/glass/glass 1.jpg', content: 'one'},
  {name: 'set/metal/metal1.jpg', content: 'two'.repeat(1000)},
];

test('crc32 equals the published check value', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
  assert.equal(crc32(Buffer.from('6789'), crc32(Buffer.from('12345'))), 0xcbf43926);
});

test('unpacks files, reports progress and leaves the litter out', async () => {
  const reports: [number, number][] = [];
  const litter = ['__MACOSX/set/._glass', 'set/.DS_Store', 'set/glass/._glass1.jpg', 'set/Thumbs.db'];
  const bytes = zip([
    {name: 'set/', content: '', mode: 0o040755},
    ...photos,
    ...litter.map((name) => ({name, content: 'x'})),
  ]);
  const out = await unpack(bytes, {onProgress: (done, total) => reports.push([done, total])});
  assert.deepEqual((await readdir(path.join(out, 'set'))).sort(), ['glass', 'metal']);
  assert.equal(await readFile(path.join(out, 'set/glass/glass 1.jpg'), 'utf8'), 'one');
  assert.equal((await readFile(path.join(out, 'set/metal/metal1.jpg'))).length, 3000);
  assert.deepEqual(reports, [
    [1, 2],
    [2, 2],
  ]);
  assert.deepEqual(await readdir(path.dirname(out)), ['out']);
});

test('backslashes separate folders, as PowerShell and .NET write them', async () => {
  const out = await unpack(
    zip([
      {name: 'set\\', content: ''},
      {name: 'set\\cats\\1.jpg', content: 'one'},
    ]),
  );
  assert.equal(await readFile(path.join(out, 'set/cats/1.jpg'), 'utf8'), 'one');
});

test('names are UTF-8 also where the packer does not say so, as that of macOS', async () => {
  const out = await unpack(zip([{name: 'set/Äpfel/1.jpg', content: 'one', unmarked: true}]));
  assert.deepEqual(await readdir(path.join(out, 'set')), ['Äpfel']);
});

describe('refuses, leaving nothing behind,', () => {
  for (const name of [
    '../evil.jpg',
    'set/../../evil.jpg',
    '/tmp/evil.jpg',
    'C:/evil.jpg',
    'C:\\evil.jpg',
    '\\\\host\\evil.jpg',
    'set\\..\\evil.jpg',
  ]) {
    test(`the path ${name}`, async () => {
      await assertRefused(
        zip([...photos, {name, content: 'x'}]),
        /^LabError: .*refused.*outside its folder.*evil/,
      );
      await assertRefused(zip([{name, content: 'x', unmarked: true}]), /outside its folder/);
      await assert.rejects(access('/tmp/evil.jpg'));
    });
  }

  test('symbolic links and encrypted entries', async () => {
    const link = {name: 'set/glass/link', content: '/etc/passwd', mode: 0o120777};
    await assertRefused(zip([...photos, link]), /"set\/glass\/link" is a link/);
    await assertRefused(
      zip([...photos, {name: 'secret.jpg', content: 'x', flags: 1}]),
      /"secret\.jpg" is encrypted\. Unpack it with its password and name the folder/,
    );
  });

  test('names that no folder can hold, in a sound archive', async () => {
    const long = {name: `set/glass/${'x'.repeat(300)}.jpg`, content: 'x'};
    await assertRefused(
      zip([...photos, long]),
      /has a name of more than 255 bytes\. Unpack it by other means/,
    );
    await assertRefused(
      zip([...photos, {name: 'set/glass/glass 1.jpg/2.jpg', content: 'x'}]),
      /"set\/glass\/glass 1\.jpg" is the name of a file and of a folder/,
    );
  });

  test('an archive that unpacks to far more than its size', async () => {
    const zeros = Buffer.alloc(2 ** 25);
    const bytes = zip([1, 2, 3].map((index) => ({name: `set/${index}.jpg`, content: zeros})));
    await assertRefused(bytes, /^LabError: .*zip bomb/);
  });

  test('an archive cut short, damaged inside, empty, or none at all', async () => {
    const whole = zip(photos);
    for (const length of [whole.length - 10, Math.floor(whole.length / 2), 10, 0]) {
      await assertRefused(
        whole.subarray(0, length),
        /^LabError: .*cannot be unpacked.*truncated.*move it away and fetch it again/,
      );
    }
    const damaged = Buffer.from(zip([{name: 'a/1.jpg', content: Buffer.from('abcdefgh')}]));
    damaged[4 + 26 + 'a/1.jpg'.length + 2] ^= 1;
    await assertRefused(damaged, /^LabError: .*(checksum|invalid|damaged)/);
    await assertRefused(zip([{name: 'set/', content: '', mode: 0o040755}]), /holds no files/);
    await assertRefused(Buffer.from('<html>not a zip</html>'), /cannot be unpacked/);
  });

  test('another compression than Deflate, by its name', () =>
    assertRefused(
      zip([...photos, {name: 'set/9.jpg', content: 'x', method: 9}]),
      /set\/9\.jpg is packed by compression method 9 \(Deflate64\), which is not read here\. Pack it again with Deflate/,
    ));

  test('control characters in a name', () =>
    assertRefused(
      zip([...photos, {name: 'set/glass/\x1b[2Jevil.jpg', content: 'x'}]),
      /"set\/glass\/\\u001b\[2Jevil\.jpg" has control characters in its name/,
    ));

  test('one that is stopped half way', async () => {
    const stop = new AbortController();
    await assertRefused(zip(photos), /stopped/, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('stopped')),
    });
  });
});
