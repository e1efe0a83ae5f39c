/** What goes wrong: with the API, which ends the collecting with words, and with single photos, which are left out. */
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import * as fs from 'node:fs';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {createServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {collectPhotos, type CollectOptions, manifestName} from '../../lib/collecting';
import {LabError} from '../../lib/errors';
import {serve} from '../downloads/server';
import {atEnd} from '../ending';
import {newFolder, photosIn, quick, withKey} from './folder';
import {type Answering, jpegOf, keyVariable, type Listed, photosFrom, servePhotos} from './server';

delete process.env.LAB_OFFLINE;

const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answering =>
  (_, response) => {
    response.writeHead(code, headers).end(body);
    return true;
  };

/** Answers the first requests in other ways, one after another, then as usual. */
const atFirst =
  (...answers: Answering[]): Answering =>
  (request, response, count) =>
    answers[count]?.(request, response, count) ?? false;

/** Writes for as long as somebody reads. */
const endless: Answering = (_, response) => {
  response.writeHead(200, {'content-type': 'image/jpeg'});
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536))) continue;
    if (!response.destroyed) response.once('drain', more);
  };
  more();
  return true;
};

const silent: Answering = () => true;
const breaks: Answering = (_, response) => {
  response.writeHead(200, {'content-length': 1000});
  response.write('x', () => response.destroy());
  return true;
};

function answer(response: ServerResponse, content: Listed['content']): boolean {
  assert.ok(content instanceof Buffer);
  response.end(content);
  return true;
}

/** Collects `perClass` from a server of three photos that answers searches in its own way. */
async function collectFrom(
  t: TestContext,
  {search, key, photos}: {search?: Answering; key?: string; photos?: Listed[]},
  options: Partial<CollectOptions> = {},
) {
  const server = await servePhotos(t, {photos: photos ?? (await photosFrom(800, 3)), search, key});
  const folder = newFolder(t);
  const all = {...quick, folder, classes: {cats: server.api}, perClass: 3, ...options};
  const result = await collectPhotos(all).catch((error: unknown) => error as Error);
  return {server, folder, result, words: result instanceof Error ? String(result) : 'no error'};
}

test('a key is wanted: the variable and where keys are had', async (t) => {
  withKey(t, undefined);
  const {result} = await collectFrom(t, {key: 'right'});
  assert.ok(result instanceof LabError);
  assert.match(
    result.message,
    /^TestAPI \(http.*\) wants a key \(HTTP 401 Unauthorized: AUTHENTICATION_ERROR - send your API Key\)\. Get one at https:\/\/example\.org\/keys, set the environment's TEST_PHOTO_API_KEY to it/,
  );
});

for (const code of [401, 403]) {
  test(`a wrong key (${code}) is not said again, even when the API says it`, async (t) => {
    withKey(t, 'wr/ong');
    const said = status(code, {}, 'wr/ong or wr%2Fong is no valid key');
    const {result, folder} = await collectFrom(t, {search: said});
    assert.ok(result instanceof LabError);
    assert.match(
      result.message,
      new RegExp(`refuses the key in ${keyVariable} \\(HTTP ${code} .*: <key> or <key> is no valid key\\)`),
    );
    assert.ok(!String(result.stack).includes('wr/ong'));
    assert.deepEqual(fs.readdirSync(folder), []);
  });
}

test('a key that no header takes is told without saying it', async (t) => {
  withKey(t, 'se\ncret');
  const {result, words, server} = await collectFrom(t, {});
  assert.match(words, /^LabError: TEST_PHOTO_API_KEY holds a character that no key has/);
  assert.ok(!String((result as Error).stack).includes('cret'));
  assert.equal(server.searches.length, 0);
});

test('no key goes over http to another machine', async (t) => {
  withKey(t, 'secret');
  const api = {title: 'TestAPI', address: 'http://api.example.org', keyVariable};
  const {words} = await collectFrom(t, {}, {classes: {cats: api}});
  assert.match(words, /would get the key in TEST_PHOTO_API_KEY over http.*Give its https address/);
});

test('no redirect takes the key along, and none that holds it is followed', async (t) => {
  withKey(t, 'secret');
  const photo = await jpegOf(1);
  const keys: unknown[] = [];
  const other = await serve((request, response) => {
    keys.push(request.headers['x-api-key']);
    if (request.url === '/photo') response.end(photo);
    else response.end(JSON.stringify([{id: 1, url: `${other.url}/photo`}]));
  });
  atEnd(t, other.close);
  const elsewhere = status(302, {location: `${other.url}/list`});
  const {result, server} = await collectFrom(t, {search: elsewhere}, {perClass: 1});
  assert.ok('photos' in result && result.photos.length === 1);
  assert.equal(server.searches[0].key, 'secret');
  assert.deepEqual(keys, [undefined, undefined]);

  const told = await collectFrom(t, {search: status(302, {location: `${other.url}/list?key=secret`})});
  assert.match(told.words, /redirects to an address at 127\.0\.0\.1:\d+ that holds the key/);
  const listed = [{id: 'x', content: photo, url: `${other.url}/photo?key=secret`}];
  const offered = await collectFrom(t, {photos: listed});
  assert.ok('skipped' in offered.result);
  assert.equal(offered.result.skipped[0].skipped, 'offered without an id or an address that can be used');
  assert.ok(!fs.readFileSync(join(offered.folder, manifestName), 'utf8').includes('secret'));
  assert.equal(keys.length, 2);
});

test('failures that pass cost time alone: 500, 503, silence, a broken answer', async (t) => {
  const answers = [status(500), status(503), breaks];
  const {result, server} = await collectFrom(t, {search: atFirst(...answers)}, {attempts: 4});
  assert.ok('photos' in result && result.photos.length === 3);
  assert.equal(server.searches.length, 4);
  const again = await collectFrom(t, {search: atFirst(silent)}, {timeLimit: 1000});
  assert.ok('photos' in again.result && again.result.photos.length === 3);
  assert.equal(again.server.searches.length, 2);
});

test('429: it waits as long as it is asked to, in seconds or until a date, and with growing pauses unasked', async (t) => {
  const inTwoSeconds: Answering = (_, response) => {
    const [now, then] = [1_700_000_000_000, 1_700_000_002_000].map((time) => new Date(time).toUTCString());
    response.writeHead(429, {date: now, 'retry-after': then}).end();
    return true;
  };
  for (const [search, milliseconds] of [
    [status(429, {'retry-after': '1'}), 1000],
    [inTwoSeconds, 2000],
    [status(429), 150],
  ] as const) {
    const {result, server} = await collectFrom(t, {search: atFirst(search)}, {firstPause: 200});
    assert.ok('photos' in result && result.photos.length === 3);
    const [first, second] = server.searches;
    assert.ok(second.at - first.at >= milliseconds - 5, `${second.at - first.at} ms`);
  }
});

test('a host that asks for a pause gets none of the other requests meanwhile', async (t) => {
  const photos = await photosFrom(820, 6);
  const {content} = photos[0];
  let asked = -Infinity;
  let tooEarly = 0;
  photos[0].content = (_, response) => {
    if (asked > -Infinity) return answer(response, content);
    asked = performance.now();
    return status(429, {'retry-after': '1'})(_, response, 0);
  };
  for (const photo of photos.slice(2)) {
    const bytes = photo.content;
    photo.content = (_, response) => {
      const since = performance.now() - asked;
      if (since > 200 && since < 900) tooEarly++;
      return answer(response, bytes);
    };
  }
  const {result} = await collectFrom(t, {photos}, {perClass: 6, concurrency: 2});
  assert.ok('photos' in result && result.photos.length === 6);
  // The one that was under way, on a slow machine.
  assert.ok(tooEarly <= 1, `${tooEarly} requests`);
});

for (const [what, search, message, options] of [
  [
    'a pause beyond all patience',
    status(429, {'retry-after': '7200'}),
    /asks for a pause of 7200 s.*run again/,
  ],
  [
    '500 again and again',
    status(500),
    /no answer that can be used: HTTP 500 .* \(3 attempts\).*goes on from/,
  ],
  ['silence', silent, /no whole answer within 0\.2 s \(2 attempts\)/, {timeLimit: 200, attempts: 2}],
  ['an endless answer', endless, /its answer is larger than the limit of 5\.0 MB/],
  ['bad JSON', status(200, {}, '[{"id": '), /answers with what is no JSON: \[\{"id":\. Look at http/],
  [
    'a web page',
    status(200, {}, '<!doctype html>Log in'),
    /a web page instead of JSON .*: <!doctype html>Log in/,
  ],
  [
    'other JSON',
    status(200, {}, '{"message": "hello"}'),
    /JSON that is no list of photos: \{"message": "hello"\}/,
  ],
  ['404', status(404), /HTTP 404 Not Found\. Check the API's address/],
  ['a loop', status(302, {location: '/v1/images/search'}), /more than 5 redirects/],
  [
    'a redirect to a file',
    status(302, {location: 'file:///etc/passwd'}),
    /redirects to what is no web address/,
  ],
] as [string, Answering, RegExp, Partial<CollectOptions>?][]) {
  test(`the API answers with ${what}: said in words`, async (t) => {
    const {result, words} = await collectFrom(t, {search}, options);
    assert.ok(result instanceof LabError, words);
    assert.match(result.message, /^TestAPI \(http:\/\/127\.0\.0\.1:\d+\)/);
    assert.match(result.message, message);
  });
}

test('an API that is down', async (t) => {
  const api = {title: 'TestAPI', address: 'http://127.0.0.1:1'};
  const {words} = await collectFrom(t, {}, {classes: {cats: api}});
  assert.match(
    words,
    /^LabError: TestAPI .*Check the network and the address, or wait a while; then run again/,
  );
});

test('single photos that fail are listed and left out, and what may pass is asked for another time', async (t) => {
  const page = status(200, {'content-type': 'text/html'}, '<!DOCTYPE html><html>gone</html>');
  const goodOnes = await photosFrom(840, 2);
  const elsewhere = await serve((_, response) => response.end(goodOnes[1].content));
  atEnd(t, elsewhere.close);
  const jpeg = await jpegOf(850, 200);
  const large = (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, {'content-length': 10_000_000});
    response.write('x');
    return true;
  };
  const bad: [string, Listed['content'], RegExp][] = [
    ['404', status(404), /^HTTP 404 Not Found$/],
    ['401', status(401), /^HTTP 401 Unauthorized$/],
    ['page', page, /^not a picture \(a web page\)$/],
    ['text', Buffer.from('hello'), /^not a picture \(something else\)$/],
    ['nothing', Buffer.alloc(0), /^not a picture \(an empty answer\)$/],
    ['cut', jpeg.subarray(0, jpeg.length / 2), /^not a readable image \(.*\)$/],
    ['tiny', await jpegOf(851, 32), /^tiny: 32 x 32 pixels$/],
    ['bitmap', Buffer.from('BM'.padEnd(20, '\0')), /^not a readable image \(.*\)$/],
    [
      'video',
      Buffer.from('\0\0\0\x18ftypheic'.padEnd(32, '\0')),
      /^HEIC \(HEVC\), which cannot be read here$/,
    ],
    ['endless', endless, /^its answer is larger than the limit of 1\.0 MB$/],
    ['large', large, /^its answer is larger than the limit of 1\.0 MB$/],
    [
      'loop',
      (request, response, count) => status(302, {location: request.url!})(request, response, count),
      /5 redirects/,
    ],
    ['file', status(302, {location: 'file:///etc/passwd'}), /to what is no web address$/],
    ['nowhere', Buffer.alloc(0), /^its address is no web address$/],
    ['no address', Buffer.alloc(0), /^offered without an id or an address that can be used$/],
  ];
  const passing: [string, Answering, RegExp][] = [
    ['dead', status(302, {location: 'http://127.0.0.1:1/x'}), /\(3 attempts\)$/],
    ['broken', status(502), /^HTTP 502 Bad Gateway \(3 attempts\)$/],
  ];
  const photos: Listed[] = [...bad, ...passing].map(([id, content]) => ({id, content}));
  photos.find(({id}) => id === 'nowhere')!.url = 'javascript:alert(1)';
  photos.find(({id}) => id === 'no address')!.url = '';
  photos.push(goodOnes[0], {id: 'moved', content: status(301, {location: `${elsewhere.url}/x`})});

  const server = await servePhotos(t, {photos});
  withKey(t, 'any');
  const folder = newFolder(t);
  const options = {...quick, folder, classes: {cats: server.api}, perClass: 3, largestBytes: 1e6};
  const {photos: kept, skipped} = await collectPhotos(options);
  assert.deepEqual(kept.map(({id}) => id).sort(), ['moved', 'p840']);
  const reasons = new Map(skipped.map(({id, skipped: reason}) => [id, reason]));
  for (const [id, , reason] of [...bad, ...passing])
    assert.match(reasons.get(id) ?? 'not listed', reason, id);
  assert.equal(skipped.length, bad.length + passing.length);
  assert.deepEqual(photosIn(folder).length, 2);

  server.fetches.length = 0;
  const second = await collectPhotos(options);
  assert.deepEqual(second.skipped.map(({id}) => id).sort(), [...reasons.keys()].sort());
  const indexOf = (id: string) => photos.findIndex((photo) => photo.id === id);
  assert.deepEqual(
    [...new Set(server.fetches.map(({path}) => Number(path.slice(1))))].sort(),
    ['dead', 'broken'].map(indexOf).sort(),
  );
});

test('photos that fail in a row end the collecting; the next call goes on behind them', async (t) => {
  const photos = [
    ...(await photosFrom(860, 6)).map(({id}) => ({id, content: status(404)})),
    ...(await photosFrom(870, 3)),
  ];
  const server = await servePhotos(t, {photos});
  withKey(t, 'any');
  const options = {
    ...quick,
    folder: newFolder(t),
    classes: {cats: server.api},
    perClass: 3,
    failuresInARow: 6,
  };
  await assert.rejects(
    collectPhotos({...options, concurrency: 1}),
    /^LabError: 6 photos in a row could not be had, the last one from 127\.0\.0\.1:\d+: HTTP 404 Not Found\. Check the network/,
  );
  assert.equal((await collectPhotos(options)).photos.length, 3);
});

test('a redirect from https to http is not followed', async (t) => {
  const folder = newFolder(t);
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    certificate,
  ];
  if (spawnSync('openssl', [...made, ...subject]).status !== 0) return t.skip('needs openssl');
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // this certificate is nobody's
  atEnd(t, () => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  const plain = await serve((_, response) => response.end('[]'));
  atEnd(t, plain.close);
  const options = {key: fs.readFileSync(key), cert: fs.readFileSync(certificate)};
  const secure = createServer(options, (_, response) => {
    response.writeHead(302, {location: `${plain.url}/list`}).end();
  });
  await new Promise<void>((ready) => secure.listen(0, '127.0.0.1', ready));
  atEnd(t, () => secure.close());
  const {port} = secure.address() as AddressInfo;
  withKey(t, 'secret');
  const api = {title: 'TestAPI', address: `https://127.0.0.1:${port}`, keyVariable};
  const {words} = await collectFrom(t, {}, {classes: {cats: api}});
  assert.match(words, /127\.0\.0\.1:\d+ redirects from https to http, which is not followed/);
  assert.equal(plain.ranges.length, 0);
  secure.closeAllConnections();
});
