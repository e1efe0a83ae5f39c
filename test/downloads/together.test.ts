import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {fetchFile, type FetchedFile} from '../../lib/downloads';
import {mulberry32} from '../../lib/random';
import {atEnd, temporaryFolder} from '../ending';
import {noNamespace, type Other, startOther} from '../processes';
import {sendFile, serve, type TestServer} from './server';

const fetcher = join(__dirname, 'fixtures', 'fetcher.ts');
const random = mulberry32(1);
const content = Buffer.from(Array.from({length: 300_000}, () => Math.floor(256 * random())));
const sha256 = createHash('sha256').update(content).digest('hex');

/** A server that takes a second and a half for the file, and a place for it. */
async function newCase(t: TestContext): Promise<{server: TestServer; to: string}> {
  const folder = temporaryFolder(t, 'lab-fetch-');
  const server = await serve((request, response) => {
    if (request.headers.range) return sendFile(request, response, content);
    response.writeHead(200, {etag: '"v1"', 'content-length': content.length});
    void (async () => {
      for (let part = 0; part < 15; part++) {
        response.write(content.subarray(part * 20_000, (part + 1) * 20_000));
        await sleep(100);
      }
      response.end();
    })();
  });
  atEnd(t, server.close);
  return {server, to: join(folder, 'kept', 'file.bin')};
}

async function outcome(other: Other): Promise<FetchedFile> {
  for (;;) {
    const line = await other.line();
    if (!['receiving', 'waiting'].includes(line)) return JSON.parse(line) as FetchedFile;
  }
}

function assertInPlace(to: string): void {
  assert.deepEqual(fs.readFileSync(to), content);
  assert.deepEqual(fs.readdirSync(join(to, '..')).sort(), ['file.bin', 'file.bin.checksum.json']);
}

for (const inNamespace of [false, true]) {
  test(
    `two ${inNamespace ? 'containers' : 'processes'} that want one file download it once, and both have it`,
    {skip: inNamespace && noNamespace},
    async (t) => {
      const {server, to} = await newCase(t);
      const [first, second] = [1, 2].map(() => startOther(t, fetcher, [server.url, to], {inNamespace}));
      await Promise.all([first.line(), second.line()]);
      first.send('go');
      await sleep(200);
      second.send('go');
      const expected = {path: to, sha256, source: server.url, trust: 'first use'};
      assert.deepEqual(await Promise.all([outcome(first), outcome(second)]), [expected, expected]);
      assert.equal(server.ranges.length, 1);
      assertInPlace(to);
    },
  );
}

test('callers in one process download a file once', async (t) => {
  const {server, to} = await newCase(t);
  const told: string[] = [];
  const fetch = () =>
    fetchFile({
      name: 'The file',
      to,
      addresses: [server.url],
      mirror: '',
      onWait: (message) => told.push(message),
    });
  const fetched = await Promise.all([fetch(), fetch(), fetch()]);
  assert.deepEqual(new Set(fetched.map((file) => file.sha256)), new Set([sha256]));
  assert.equal(server.ranges.length, 1);
  assert.equal(told.length, 2);
  assert.match(
    told[0],
    /^The file is being fetched to .*file\.bin by this very kernel, since .* Waiting for it\.$/,
  );
  assertInPlace(to);
});

test('a process that is killed while it downloads is taken over from, where it was', async (t) => {
  const {server, to} = await newCase(t);
  const [first, second] = [1, 2].map(() => startOther(t, fetcher, [server.url, to]));
  await Promise.all([first.line(), second.line()]);
  first.send('go');
  assert.equal(await first.line(), 'receiving');
  assert.equal(await first.line(), 'receiving');
  second.send('go');
  assert.equal(await second.line(), 'waiting');
  await first.kill();
  assert.equal((await outcome(second)).sha256, sha256);
  assert.equal(server.ranges.length, 2);
  assert.match(server.ranges[1]!, /^bytes=[1-9]\d+-$/);
  assertInPlace(to);
});
