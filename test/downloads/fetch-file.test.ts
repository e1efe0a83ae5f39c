import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import * as path from 'node:path';
import {beforeEach, describe, test} from 'node:test';

import {fetchFile, FileUnavailable, type DownloadProgress, type FileRequest} from '../../lib/downloads';
import {LabError} from '../../lib/errors';
import {mulberry32} from '../../lib/random';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {sendFile, sendSome, serve, type TestServer} from './server';

const random = mulberry32(1);
const content = Buffer.from(Array.from({length: 300_000}, () => Math.floor(256 * random())));
const sha256 = createHash('sha256').update(content).digest('hex');

const root = temporaryFolder(wholeFile, 'downloads ');
let folder = '';
let servers: TestServer[] = [];

beforeEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
  folder = await mkdtemp(path.join(root, 'case-'));
});
atEnd(wholeFile, () => Promise.all(servers.map((server) => server.close())));

async function started(...parameters: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...parameters);
  servers.push(server);
  return server;
}

/** The same over TLS, with a certificate made for the moment. */
async function startedSecurely(handler: Parameters<typeof serve>[0]): Promise<TestServer> {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name));
  const options = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ];
  const made = spawnSync('openssl', ['req', '-x509', ...options, '-keyout', key, '-out', cert, '-days', '1']);
  assert.equal(made.status, 0, String(made.stderr));
  return started(handler, {key: await readFile(key), cert: await readFile(cert)});
}

/** Runs an action that takes any certificate. */
async function withoutCertificates<T>(action: () => Promise<T>): Promise<T> {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    return await action();
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  }
}

function request(extra: Partial<FileRequest> & {addresses: string[]}): FileRequest {
  return {name: 'The file', to: path.join(folder, 'kept', 'file.bin'), mirror: '', backoff: 5, ...extra};
}

async function assertInPlace(kept: FileRequest): Promise<void> {
  assert.deepEqual(await readFile(kept.to), content);
  const left = (await readdir(path.dirname(kept.to))).sort();
  assert.deepEqual(left, ['file.bin', 'file.bin.checksum.json']);
}

/** The positions from which requests asked to continue; what arrived before a break depends on timing. */
function resumedAt(server: TestServer): number[] {
  return server.ranges.flatMap((range) => (range ? [Number(/^bytes=(\d+)-$/.exec(range)?.[1])] : []));
}

describe('from a public address', () => {
  test('streams, checks, moves into place and reports progress to the last byte', async () => {
    const server = await started((asked, response) => sendFile(asked, response, content));
    const reports: DownloadProgress[] = [];
    const wanted = request({addresses: [server.url], sha256, onProgress: (report) => reports.push(report)});
    const got = await fetchFile(wanted);
    assert.deepEqual(got, {path: wanted.to, sha256, source: server.url, trust: 'pinned'});
    await assertInPlace(wanted);
    const last = reports.at(-1)!;
    assert.equal(last.received, content.length);
    assert.equal(last.total, content.length);
    assert.equal(last.secondsLeft, 0);
    assert.ok(last.bytesPerSecond > 0);
  });

  test('is not asked again for a file in place, and notices one that was changed since', async () => {
    const server = await started((asked, response) => sendFile(asked, response, content));
    const wanted = request({addresses: [server.url], sha256Prefix: sha256.slice(0, 8)});
    await fetchFile(wanted);
    await utimes(wanted.to, 1, 1);
    const again = await fetchFile(wanted);
    assert.equal(again.source, server.url);
    assert.equal(server.ranges.length, 1);
    await writeFile(wanted.to, 'something else');
    await assert.rejects(fetchFile(wanted), (error: LabError) => {
      assert.ok(error instanceof LabError);
      assert.match(
        error.message,
        new RegExp(`file\\.bin has the SHA-256 .*expected ${sha256.slice(0, 8)}.*Move it away`),
      );
      return true;
    });
  });

  test('takes a file that was put there by hand, if its checksum is right', async () => {
    const wanted = request({addresses: [], sha256});
    await mkdir(path.dirname(wanted.to));
    await writeFile(wanted.to, content);
    assert.equal((await fetchFile(wanted)).source, 'put there by hand');
  });

  test('resumes where the connection broke off', async () => {
    const server = await started((asked, response, count) =>
      count < 2 ? sendSome(asked, response, content, 100_000, 'break') : sendFile(asked, response, content),
    );
    const wanted = request({addresses: [server.url], sha256});
    await fetchFile(wanted);
    await assertInPlace(wanted);
    const starts = resumedAt(server);
    assert.equal(starts.length, 2);
    assert.ok(0 < starts[0] && starts[0] < starts[1] && starts[1] <= 200_000, String(starts));
  });

  test('resumes what an earlier call left, and starts over when the content has changed since', async () => {
    const older = Buffer.from(content).reverse();
    let current = older;
    let etag = '"old"';
    let whole = false;
    const server = await started((asked, response) =>
      whole
        ? sendFile(asked, response, current, etag)
        : sendSome(asked, response, current, 90_000, 'break', etag),
    );
    const wanted = request({addresses: [server.url], attempts: 1});
    await assert.rejects(fetchFile(wanted), /the connection broke off/);
    current = content;
    etag = '"new"';
    whole = true;
    await fetchFile(wanted);
    await assertInPlace(wanted);
    assert.equal(resumedAt(server).length, 1);
  });

  test('starts over when a resumed file turns out wrong', async () => {
    const server = await started((asked, response) => sendFile(asked, response, content));
    const wanted = request({addresses: [server.url], sha256});
    await mkdir(path.dirname(wanted.to));
    await writeFile(`${wanted.to}.part`, Buffer.alloc(1000));
    await writeFile(
      `${wanted.to}.part.json`,
      JSON.stringify({url: server.url, validator: '"v1"', total: content.length}),
    );
    await fetchFile(wanted);
    await assertInPlace(wanted);
    assert.deepEqual(server.ranges, ['bytes=1000-', undefined]);
  });

  test('restarts cleanly on a server without range support', async () => {
    const server = await started((_, response) => {
      response.writeHead(200, {'content-length': content.length}).end(content);
    });
    const wanted = request({addresses: [server.url], sha256});
    await mkdir(path.dirname(wanted.to));
    await writeFile(`${wanted.to}.part`, content.subarray(0, 50_000));
    await writeFile(`${wanted.to}.part.json`, JSON.stringify({url: server.url, total: content.length}));
    await fetchFile(wanted);
    await assertInPlace(wanted);
    assert.deepEqual(server.ranges, ['bytes=50000-']);
  });

  test('restarts cleanly when the server refuses the range (416)', async () => {
    const server = await started((asked, response) => {
      if (asked.headers.range) response.writeHead(416).end();
      else sendFile(asked, response, content);
    });
    const wanted = request({addresses: [server.url], sha256});
    await mkdir(path.dirname(wanted.to));
    await writeFile(`${wanted.to}.part`, content);
    await writeFile(`${wanted.to}.part.json`, JSON.stringify({url: server.url, total: content.length}));
    await fetchFile(wanted);
    await assertInPlace(wanted);
  });

  test('follows redirects, also to another host, and takes a body of unknown size', async () => {
    const target = await started((_, response) => {
      response.writeHead(200, {'transfer-encoding': 'chunked'});
      response.end(content);
    });
    const server = await started((_, response) =>
      response.writeHead(302, {location: `${target.url}/signed?key=1`}).end(),
    );
    const wanted = request({addresses: [server.url], sha256});
    assert.equal((await fetchFile(wanted)).source, server.url);
    await assertInPlace(wanted);
  });

  test('takes no more than the file can have, whether its size is told or not', async () => {
    const told = await started((asked, response) => sendFile(asked, response, content));
    const untold = await started((_, response) => {
      response.writeHead(200, {'transfer-encoding': 'chunked'});
      response.end(content);
    });
    const wanted = request({addresses: [told.url, untold.url], largest: content.length - 1});
    await assert.rejects(fetchFile(wanted), (error: FileUnavailable) => {
      assert.equal(error.tried.length, 2);
      for (const {reason} of error.tried) assert.match(reason, /0\.3 MB or more, where at most 0\.3 MB are/);
      return true;
    });
    await fetchFile(request({addresses: [told.url], largest: content.length}));
  });

  test('does not leave https for http, and ends where redirects do not', async () => {
    const plain = await started((asked, response) => sendFile(asked, response, content));
    const secure = await startedSecurely((_, response) =>
      response.writeHead(302, {location: plain.url}).end(),
    );
    const circle = await started((_, response) => response.writeHead(302, {location: '/again'}).end());
    const wanted = request({addresses: [secure.url, circle.url], attempts: 1});
    await assert.rejects(
      withoutCertificates(() => fetchFile(wanted)),
      (error: FileUnavailable) => {
        assert.match(error.tried[0].reason, /redirects from https to http:\/\/127/);
        assert.match(error.tried[1].reason, /redirects more than 10 times/);
        return true;
      },
    );
    assert.deepEqual(plain.ranges, []);
  });

  test('goes on when a server falls silent in the middle', async () => {
    const server = await started((asked, response, count) =>
      count === 0 ? sendSome(asked, response, content, 1000, 'silence') : sendFile(asked, response, content),
    );
    const wanted = request({addresses: [server.url], sha256, stallTimeout: 150});
    await fetchFile(wanted);
    assert.deepEqual(server.ranges, [undefined, 'bytes=1000-']);
  });

  test('does not mistake a slow server for a silent one', async () => {
    const server = await started((_, response) => {
      response.writeHead(200, {'content-length': content.length});
      let sent = 0;
      const timer = setInterval(() => {
        response.write(content.subarray(sent, sent + 40_000));
        sent += 40_000;
        if (sent >= content.length) {
          clearInterval(timer);
          response.end();
        }
      }, 100);
    });
    await fetchFile(request({addresses: [server.url], sha256, stallTimeout: 500, attempts: 1}));
  });

  test('gives up a host that never answers at once, and a failing one after its attempts', async () => {
    const silent = await started(() => undefined);
    const failing = await started((_, response) => response.writeHead(503).end());
    const wanted = request({addresses: [silent.url, failing.url], stallTimeout: 100, attempts: 3});
    await assert.rejects(fetchFile(wanted), (error: FileUnavailable) => {
      assert.deepEqual(error.tried, [
        {place: silent.url, reason: 'no data for 0.1 s'},
        {place: failing.url, reason: 'HTTP 503 Service Unavailable (3 attempts)'},
      ]);
      return true;
    });
    assert.equal(silent.ranges.length, 1);
    assert.equal(failing.ranges.length, 3);
  });

  test('asks no public address where LAB_OFFLINE is set, but a mirror', async (t) => {
    process.env.LAB_OFFLINE = '1';
    atEnd(t, () => delete process.env.LAB_OFFLINE);
    const server = await started((call, response) => sendFile(call, response, content));
    await assert.rejects(fetchFile(request({addresses: [server.url]})), (error: FileUnavailable) => {
      assert.deepEqual(error.tried, [{place: server.url, reason: 'not tried, because LAB_OFFLINE is set'}]);
      return true;
    });
    assert.equal(server.ranges.length, 0);
    const mirror = path.join(folder, 'mirror');
    await mkdir(mirror);
    await writeFile(path.join(mirror, 'file.bin'), content);
    const wanted = request({addresses: [server.url], mirror, mirrorPath: 'file.bin'});
    await fetchFile(wanted);
    await assertInPlace(wanted);
  });

  test('tries the next address after a 404 or a web page, and lists every place when none gives it', async () => {
    const missing = await started((_, response) => response.writeHead(404).end());
    const page = await started((_, response) =>
      response.writeHead(200, {'content-type': 'text/html; charset=utf-8'}).end('<html>log in</html>'),
    );
    const closed = await serve(() => undefined);
    await closed.close();
    const wanted = request({
      addresses: [missing.url, page.url, closed.url],
      mirrorPath: 'weights/file.bin',
      mirror: path.join(folder, 'no mirror'),
    });
    await assert.rejects(fetchFile(wanted), (error: FileUnavailable) => {
      assert.ok(error instanceof FileUnavailable);
      assert.equal(error.tried.length, 4);
      assert.match(error.message, /no mirror: no such folder/);
      assert.match(error.message, /HTTP 404 Not Found/);
      assert.match(error.message, /web page/);
      assert.match(error.message, /the connection was refused/);
      assert.match(
        error.message,
        /Put the file at .*file\.bin by hand, or set LAB_MIRROR .*weights\/file\.bin/,
      );
      return true;
    });
    const server = await started((asked, response) => sendFile(asked, response, content));
    await fetchFile({...wanted, addresses: [missing.url, server.url]});
    await assertInPlace(wanted);
  });

  test('refuses a wrong checksum, says expected and got, and keeps nothing of it', async () => {
    const server = await started((asked, response) => sendFile(asked, response, content));
    const wrong = 'ab'.repeat(32);
    const wanted = request({addresses: [server.url], sha256: wrong});
    await assert.rejects(fetchFile(wanted), (error: LabError) => {
      assert.ok(error instanceof LabError && !(error instanceof FileUnavailable));
      assert.ok(error.message.includes(sha256) && error.message.includes(wrong));
      return true;
    });
    assert.deepEqual(await readdir(path.dirname(wanted.to)), []);
  });

  test('records a checksum not known beforehand and holds the address to it', async () => {
    let current = content;
    const server = await started((asked, response) => sendFile(asked, response, current));
    const wanted = request({addresses: [server.url]});
    assert.equal((await fetchFile(wanted)).trust, 'first use');
    await rm(wanted.to);
    current = Buffer.from('other content');
    await assert.rejects(fetchFile(wanted), /recorded at the first download.*move .*checksum\.json away/s);
  });

  test('stops at the signal and resumes in the next call', async () => {
    const server = await started((asked, response, count) =>
      count === 0 ? sendSome(asked, response, content, 1000, 'silence') : sendFile(asked, response, content),
    );
    const stop = new AbortController();
    const wanted = request({addresses: [server.url], sha256});
    const reason = new Error('stopped');
    const running = fetchFile({...wanted, signal: stop.signal, onProgress: () => stop.abort(reason)});
    await assert.rejects(running, reason);
    await fetchFile(wanted);
    assert.deepEqual(server.ranges, [undefined, 'bytes=1000-']);
  });
});

describe('disk', () => {
  test('says that a file of known size does not fit before a byte is written', async () => {
    const server = await started((_, response) => {
      response.writeHead(200, {'content-length': 2 ** 52});
      response.write('x');
    });
    await assert.rejects(
      fetchFile(request({addresses: [server.url]})),
      /^LabError: No disk space for .*free/,
    );
  });

  test('says that the disk is full while writing', async (t) => {
    if (!(await stat('/dev/full').catch(() => undefined))) return t.skip('this system has no /dev/full');
    const server = await started((_, response) => response.end(content));
    const wanted = request({addresses: [server.url]});
    await mkdir(path.dirname(wanted.to));
    await symlink('/dev/full', `${wanted.to}.part`);
    await assert.rejects(fetchFile(wanted), /^LabError: No disk space left while writing .*file\.bin\.part/);
  });

  test('says that a folder may not be written', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may write everywhere');
    const server = await started((asked, response) => sendFile(asked, response, content));
    const wanted = request({addresses: [server.url]});
    await mkdir(path.dirname(wanted.to));
    await chmod(path.dirname(wanted.to), 0o555);
    await assert.rejects(fetchFile(wanted), /^LabError: No permission to write/);
  });
});

describe('from a mirror', () => {
  async function mirrorFolder(sums: string): Promise<string> {
    const mirror = path.join(folder, 'mirror');
    await mkdir(path.join(mirror, 'datasets'), {recursive: true});
    await writeFile(path.join(mirror, 'datasets', 'file.bin'), content);
    await writeFile(path.join(mirror, 'SHA256SUMS'), sums);
    return mirror;
  }
  const mirrorPath = 'datasets/file.bin';
  const rightSums = `${'00'.repeat(32)}  weights/other.bin\n${sha256}  ${mirrorPath}\n`;
  const wrongSums = `${'11'.repeat(32)}  ${mirrorPath}\n`;

  test('a folder is copied from, or used in place, and never written', async () => {
    const mirror = await mirrorFolder(rightSums);
    const wanted = request({addresses: [], mirror, mirrorPath});
    const source = path.join(mirror, mirrorPath);
    const inPlace = await fetchFile({...wanted, useInPlace: true});
    assert.deepEqual(inPlace, {path: source, sha256, source, trust: 'mirror'});
    assert.deepEqual(await fetchFile(wanted), {path: wanted.to, sha256, source, trust: 'mirror'});
    await assertInPlace(wanted);
    assert.deepEqual((await readdir(mirror)).sort(), ['SHA256SUMS', 'datasets']);
    assert.deepEqual(await readdir(path.join(mirror, 'datasets')), ['file.bin']);
  });

  test('a folder is named by LAB_MIRROR', async (t) => {
    const before = process.env.LAB_MIRROR;
    atEnd(t, () => {
      if (before === undefined) delete process.env.LAB_MIRROR;
      else process.env.LAB_MIRROR = before;
    });
    process.env.LAB_MIRROR = await mirrorFolder(rightSums);
    const wanted = request({addresses: [], mirrorPath, mirror: undefined});
    assert.equal((await fetchFile(wanted)).trust, 'mirror');
  });

  test('a file that may be another than the public one is held to the list, the public one to its own checksum', async () => {
    const mirror = await mirrorFolder(rightSums);
    const server = await started((asked, response) => sendFile(asked, response, content));
    const pinned = 'ab'.repeat(32);
    const wanted = request({addresses: [server.url], mirrorPath, sha256: pinned, mirrorMayDiffer: true});
    await assert.rejects(fetchFile(wanted), /wrong checksum.*the checksum that Transfer Lab knows/);
    const got = await fetchFile({...wanted, mirror});
    assert.deepEqual([got.sha256, got.trust], [sha256, 'mirror']);
    assert.deepEqual(await fetchFile(wanted), got, 'what is in place stays');
    await assert.rejects(fetchFile({...wanted, mirrorMayDiffer: false}), /expected abab/);
  });

  test('a folder whose file is not what its list says is refused', async () => {
    const mirror = await mirrorFolder(wrongSums);
    const wanted = request({addresses: [], mirror, mirrorPath});
    await assert.rejects(fetchFile(wanted), /wrong checksum.*SHA256SUMS/);
    assert.deepEqual(await readdir(path.dirname(wanted.to)), []);
  });

  test('a base URL is fetched from and checked against its list', async () => {
    let sums = rightSums;
    const server = await started((asked, response) => {
      if (asked.url === '/lab/SHA256SUMS') response.end(sums);
      else if (asked.url === `/lab/${mirrorPath}`) sendFile(asked, response, content);
      else response.writeHead(404).end();
    });
    const wanted = request({addresses: [], mirror: `${server.url}/lab/`, mirrorPath});
    assert.equal((await fetchFile(wanted)).trust, 'mirror');
    await assertInPlace(wanted);
    await rm(wanted.to);
    sums = wrongSums;
    await assert.rejects(fetchFile(wanted), /wrong checksum/);
  });

  test('a base URL without a list still serves, and one without the file is passed over', async () => {
    const server = await started((asked, response) => {
      if (asked.url?.endsWith('SHA256SUMS')) response.writeHead(404).end();
      else sendFile(asked, response, content);
    });
    const wanted = request({addresses: [], mirror: server.url, mirrorPath});
    assert.equal((await fetchFile(wanted)).trust, 'first use');
    const empty = await started((_, response) => response.writeHead(404).end());
    await rm(wanted.to);
    const passed = await fetchFile({...wanted, mirror: empty.url, addresses: [server.url]});
    assert.equal(passed.source, server.url);
  });
});
