/** Each error about a download, met as a user would, and what it says done: the file is then there. */
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {mkdir, mkdtemp, readFile, rename, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {type TestContext, test} from 'node:test';

import {fetchFile, type FileRequest} from '../../lib/downloads';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {told} from '../told';
import {sendFile, serve} from './server';

const good = Buffer.from('the content that is wanted');
const other = Buffer.from('other content');
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const root = temporaryFolder(wholeFile, 'remedies of downloads ');

/** A request to a server whose content can be set, and what moves a file aside. */
async function newCase(t: TestContext) {
  const home = await mkdtemp(path.join(root, 'case-'));
  const served = {content: good};
  const server = await serve((asked, response) => sendFile(asked, response, served.content));
  atEnd(t, () => server.close());
  const wanted: FileRequest = {
    name: 'The file',
    addresses: [server.url],
    mirror: '',
    to: path.join(home, 'file'),
  };
  return {home, served, wanted};
}

const moveAway = (file: string) => rename(file, `${file} aside`);

/** What a request that fails says of its remedy. */
const toldOf = (wanted: FileRequest, says: RegExp) => told(() => fetchFile(wanted), says);

const assertFetched = async (wanted: FileRequest, content: Buffer) => {
  await fetchFile(wanted);
  assert.deepEqual(await readFile(wanted.to), content);
};

test('something else is where the file should be', async (t) => {
  const {wanted} = await newCase(t);
  await mkdir(wanted.to);
  await toldOf(wanted, /it is not a file\. Move it away/);
  await moveAway(wanted.to);
  await assertFetched(wanted, good);
});

test('the file was changed: fetched again, or accepted as it is', async (t) => {
  const {wanted} = await newCase(t);
  await fetchFile(wanted);
  await writeFile(wanted.to, other);
  const stamp = await toldOf(wanted, /Move it away to have it fetched again, or move (.*) away to accept it/);
  await moveAway(stamp);
  await assertFetched(wanted, other);
  await writeFile(wanted.to, good);
  await toldOf(wanted, /Move it away to have it fetched again/);
  await moveAway(wanted.to);
  await moveAway(stamp);
  await assertFetched(wanted, good);
});

test('a file whose checksum is known was changed: it can only be fetched again', async (t) => {
  const {wanted} = await newCase(t);
  const pinned = {...wanted, sha256: digest(good)};
  await fetchFile(pinned);
  await writeFile(pinned.to, other);
  await toldOf(pinned, /Move it away to have it fetched again\.$/);
  await moveAway(pinned.to);
  await assertFetched(pinned, good);
});

test('an address gives other content than at first: the new one, or the old file put there', async (t) => {
  for (const isWanted of [true, false]) {
    const {wanted, served} = await newCase(t);
    await fetchFile(wanted);
    await moveAway(wanted.to);
    served.content = other;
    const stamp = await toldOf(
      wanted,
      /If the new content is wanted, move (.*) away and run again; else put/,
    );
    if (isWanted) await moveAway(stamp);
    else await writeFile(wanted.to, good);
    await assertFetched(wanted, isWanted ? other : good);
  }
});

test('an address gives another file than the known one: the right one put there by hand', async (t) => {
  const {wanted, served} = await newCase(t);
  served.content = other;
  const pinned = {...wanted, sha256: digest(good)};
  await toldOf(pinned, /that place serves another file: put the right one at .* by hand/);
  await writeFile(pinned.to, good);
  await assertFetched(pinned, good);
});

test("a mirror's file is not as its list says: the list renewed, or the file", async (t) => {
  const {home, wanted} = await newCase(t);
  for (const [kept, digests] of [
    [other, digest(other)],
    [good, digest(good)],
  ] as const) {
    const mirror = await mkdtemp(path.join(home, 'mirror-'));
    const to = path.join(mirror, 'fetched');
    const mirrored = {...wanted, to, mirror, mirrorPath: 'weights/net.safetensors'};
    await mkdir(path.join(mirror, 'weights'));
    const file = path.join(mirror, 'weights/net.safetensors');
    const list = (sum: string) =>
      writeFile(path.join(mirror, 'SHA256SUMS'), `${sum}  weights/net.safetensors\n`);
    await writeFile(file, other);
    await list(digest(good));
    await toldOf(mirrored, /Renew the file or the list in the mirror, or put the right file/);
    await writeFile(file, kept);
    await list(digests);
    await assertFetched(mirrored, kept);
  }
});

test('no place has the file: put there by hand', async (t) => {
  const {wanted} = await newCase(t);
  const nowhere = {...wanted, addresses: ['http://127.0.0.1:1/file']};
  await toldOf(nowhere, /put .*the file .*there|by hand|LAB_MIRROR/i);
  await writeFile(nowhere.to, good);
  await assertFetched(nowhere, good);
});
