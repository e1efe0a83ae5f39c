/** The labelling page, spoken to as a stranger might, and used in a browser as a person does. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {request} from 'node:http';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {describe, test, type TestContext} from 'node:test';
import type {Browser, Page} from 'playwright-core';
import {classKeys, Labels, openLabellingPage, type PageOptions} from '../../lib/labelling';
import {PhotoFile, type Picture} from '../../lib/pictures';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {findBrowser, openBrowser} from '../notebook/jupyterlab';
import {startOther} from '../processes';
import {drawPhotos} from './model';

const root = temporaryFolder(wholeFile, 'lab-page-');

async function setUp(t: TestContext, changes: Partial<PageOptions> = {}) {
  const folder = fs.mkdtempSync(join(root, 'case-'));
  const photos = await drawPhotos(join(folder, 'photos'), 4);
  const classes = changes.classes ?? ['cat', 'dog'];
  const labels = new Labels(join(folder, 'labels.jsonl'), classes);
  const page = await openLabellingPage({photos, classes, labels, by: 'Anna', ...changes});
  atEnd(t, () => page.close());
  return {folder, photos, labels, page};
}

interface Sent {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A request as it stands; fetch sets some headers itself. */
function send(address: string, {path = '', method = 'GET', headers = {}, body}: Sent = {}) {
  return new Promise<{status: number; type: string; content: string; headers: object}>((resolve, reject) => {
    request(new URL(path, address), {method, headers}, (response) => {
      void text(response).then((content) =>
        resolve({
          status: response.statusCode!,
          type: response.headers['content-type'] ?? '',
          content,
          headers: response.headers,
        }),
      );
    })
      .on('error', reject)
      .end(body);
  });
}

const said = (labels: Labels) =>
  Object.fromEntries([...labels.standing()].map(([photo, {label}]) => [photo, label]));

describe('what the page answers', () => {
  test('nothing without its token, under another host name, or to another origin', async (t) => {
    const {page, labels} = await setUp(t);
    const {address} = page;
    const {host, port, origin} = new URL(address);
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
    assert.equal((await send(address)).status, 200);
    assert.equal(
      (await send(address, {headers: {host: `localhost:${port}`, origin: `http://localhost:${port}`}}))
        .status,
      200,
    );

    const wrong = `${origin}/${'A'.repeat(32)}/`;
    const label = {path: 'label', method: 'POST', body: '{"photo":0,"label":"cat"}'};
    const json = {'content-type': 'application/json'};
    const refused: [string, string, Sent][] = [
      ['no token', origin, {}],
      ['another token', wrong, {}],
      ['another token for the photo', wrong, {path: 'photo/0.jpg'}],
      ['the token in a question', origin, {path: `/?token=${new URL(address).pathname.slice(1, -1)}`}],
      ['a label with another token', wrong, {...label, headers: json}],
      ['a rebound host name', address, {headers: {host: `evil.example:${port}`}}],
      ['a host name without the port', address, {headers: {host: '127.0.0.1'}}],
      ['another origin', address, {...label, headers: {...json, origin: 'http://evil.example'}}],
      ['an origin of another port', address, {...label, headers: {...json, origin: 'http://127.0.0.1:1'}}],
      ['an opaque origin', address, {...label, headers: {...json, origin: 'null'}}],
    ];
    for (const [name, to, sent] of refused) {
      const {status, content} = await send(to, sent);
      assert.equal(status, 403, name);
      assert.ok(!content.includes('photo'), name);
    }
    assert.equal(
      (await send(address, {...label, headers: {'content-type': 'text/plain', host}})).status,
      415,
    );
    assert.equal((await send(address, {path: 'label', method: 'PUT', headers: json})).status, 405);
    assert.equal((await send(address, {path: 'page.ts'})).status, 404);
    assert.equal((await send(address, {path: `${new URL(address).pathname}..%2fsession.ts`})).status, 404);
    assert.equal((await send(address, {...label, body: 'x'.repeat(20_000), headers: json})).status, 500);
    assert.deepEqual(said(labels), {});
  });

  test('with headers that let nothing else run, be loaded, kept or framed', async (t) => {
    const {page} = await setUp(t);
    const {headers} = await send(page.address);
    const {'content-security-policy': policy, ...rest} = headers as Record<string, string>;
    assert.match(policy, /^default-src 'none';.*script-src 'self';.*frame-ancestors 'none'$/);
    assert.equal(rest['x-content-type-options'], 'nosniff');
    assert.equal(rest['referrer-policy'], 'no-referrer');
    assert.equal(rest['cache-control'], 'no-store');
    const framed = await setUp(t, {framed: true});
    const shown = (await send(framed.page.address)).headers as Record<string, string>;
    assert.match(
      shown['content-security-policy'],
      /frame-ancestors http:\/\/127\.0\.0\.1:\* http:\/\/localhost:\*$/,
    );
  });

  test('a press on a photo that is no longer shown with the one that is, and labels nothing', async (t) => {
    const {page, labels} = await setUp(t);
    const post = (body: string) =>
      send(page.address, {
        path: 'label',
        method: 'POST',
        body,
        headers: {'content-type': 'application/json'},
      });
    const twice = await Promise.all([post('{"photo":0,"label":"cat"}'), post('{"photo":0,"label":"cat"}')]);
    assert.deepEqual(twice.map(({status}) => status).sort(), [200, 409]);
    for (const {content} of twice)
      assert.equal((JSON.parse(content) as {photo: {number: number}}).photo.number, 1);
    const none = await post('{"photo":1,"label":"zebra"}');
    assert.equal(none.status, 500);
    assert.match(none.content, /'zebra' is no class of/);
    assert.equal((await post('not JSON')).status, 409);
    assert.deepEqual(said(labels), {'key-0': 'cat'});
  });

  test('photos labelled by people are passed over, by models not; a photo that is gone is passed over and told', async (t) => {
    const folder = fs.mkdtempSync(join(root, 'case-'));
    const photos: Picture[] = await drawPhotos(join(folder, 'photos'), 4);
    const labels = new Labels(join(folder, 'labels.jsonl'));
    labels.add({photo: 'key-0', label: 'cat', by: 'Bert'}, {photo: 'key-1', label: 'cat', by: 'model x'});
    const gone = new PhotoFile(join(folder, 'gone.jpg'), 'gone.jpg', 'key-gone');
    const {page} = await setUp(t, {photos: [photos[0], gone, ...photos.slice(1)], labels});
    const {photo, ...state} = JSON.parse((await send(page.address, {path: 'state'})).content) as {
      photo: {number: number; name: string; others: object[]};
    };
    assert.deepEqual(photo, {number: 2, name: 'photo 1.png', others: []});
    assert.deepEqual(
      ['done', 'total', 'others', 'labelled'].map((each) => (state as Record<string, unknown>)[each]),
      [2, 5, 1, 0],
    );
    await page.close();
    const {unreadable, ended} = await page.done;
    assert.equal(ended, 'closed');
    assert.match(unreadable[0].reason, /gone\.jpg: not a readable image/);

    const again = await setUp(t, {photos, labels, again: true});
    assert.match(
      (await send(again.page.address, {path: 'state'})).content,
      /"number":0.*"by":"Bert","label":"cat"/,
    );
  });

  test('photos that are asked for one round after another; null when it ends', async (t) => {
    const {page, labels} = await setUp(t, {onDemand: true});
    const state = async () =>
      JSON.parse((await send(page.address, {path: 'state'})).content) as {
        photo: {number: number; name: string} | null;
      };
    assert.equal((await state()).photo, null);
    const press = async (path: string, label?: string) => {
      const body = JSON.stringify({photo: (await state()).photo?.number ?? null, label});
      await send(page.address, {path, method: 'POST', body, headers: {'content-type': 'application/json'}});
    };
    const first = page.ask(['key-2', 'key-0']);
    assert.equal((await state()).photo?.name, 'photo 2.png');
    await press('label', 'dog');
    await press('skip');
    assert.deepEqual(await first, new Map([['key-2', 'dog']]));
    labels.add({photo: 'key-3', label: 'cat', by: 'Bert'});
    assert.deepEqual(await page.ask(['key-3']), new Map([['key-3', 'cat']]), 'another has labelled it');
    await assert.rejects(page.ask(['key-9']), /^LabError: There is no photo key-9 to ask for/);
    const last = page.ask(['key-1']);
    await press('finish');
    assert.equal(await last, null);
    assert.equal(await page.ask(['key-1']), null);
    const {ended, labelled, skipped} = await page.done;
    assert.deepEqual(
      [ended, [...labelled], skipped.map(({key}) => key)],
      ['finished', [['key-2', 'dog']], ['key-0']],
    );
  });

  test('nothing any more once its signal is aborted', async (t) => {
    const controller = new AbortController();
    const {page} = await setUp(t, {signal: controller.signal});
    controller.abort();
    assert.equal((await page.done).ended, 'stopped');
    await assert.rejects(send(page.address), /ECONNREFUSED/);
    const before = await setUp(t, {signal: controller.signal});
    assert.equal((await before.page.done).ended, 'stopped');
  });
});

test('each class has its number and, where it is its own, its first letter', () => {
  const keys = classKeys(['cat', 'Dog', 'cow', 'кот', '1st', '  <b>']).map((each) => each.keys.join());
  assert.deepEqual(keys, ['1', '2,d', '3', '4,к', '5', '6']);
  const many = classKeys(Array.from({length: 12}, (_, i) => `${String.fromCharCode(97 + i)}-class`));
  assert.deepEqual([many[8].keys, many[9].keys], [['9', 'i'], ['j']]);
});

test('classes that cannot be are refused', async (t) => {
  await assert.rejects(setUp(t, {classes: ['cat']}), /The classes are cat\. Give two or more, each once/);
  const labels = new Labels(join(root, 'x.jsonl'), ['cat', 'dog']);
  await assert.rejects(setUp(t, {labels, classes: ['cat', 'bird']}), /'bird' is no class of/);
});

const program = findBrowser();

describe('in a browser', {skip: program === null && 'needs Chromium'}, () => {
  let browser: Browser;
  const open = async (t: TestContext, address: string): Promise<Page> => {
    browser ??= await openBrowser(wholeFile, program!);
    const page = await browser.newPage();
    atEnd(t, () => page.close());
    await page.goto(address);
    return page;
  };
  const shows = (page: Page, wanted: string) => page.getByText(wanted).first().waitFor({timeout: 15_000});

  test('keys label, skip and undo; progress follows; Enter finishes', async (t) => {
    const {page: served, labels} = await setUp(t);
    const page = await open(t, served.address);
    await shows(page, 'photo 0.png');
    await page.waitForFunction('document.images[0].naturalWidth === 600');
    await page.keyboard.press('1');
    await shows(page, 'photo 1.png');
    await page.keyboard.press('d');
    await shows(page, 'photo 2.png');
    await shows(page, '2 of 4 · 2 labelled');
    assert.deepEqual(said(labels), {'key-0': 'cat', 'key-1': 'dog'});
    assert.equal(
      await page.locator('progress').evaluate((bar) => (bar as unknown as {value: number}).value),
      2,
    );

    await page.keyboard.press('x');
    await page.keyboard.press('Backspace');
    await shows(page, 'photo 1.png');
    assert.deepEqual(said(labels), {'key-0': 'cat'});
    await page.keyboard.press('c');
    await shows(page, 'photo 2.png');
    await page.keyboard.press('Space');
    await shows(page, 'photo 3.png');
    await page.getByRole('button', {name: 'dog'}).click();
    await shows(page, 'All photos are done. Press Enter to finish.');
    await shows(page, '4 of 4 · 3 labelled · 1 skipped');
    await page.keyboard.press('Control+z');
    await shows(page, 'photo 3.png');
    await page.keyboard.press('Enter');
    await page.keyboard.press('c');
    await shows(page, 'All photos are done.');
    await page.keyboard.press('Enter');
    await shows(page, 'Finished: 3 labelled. This page can be closed.');
    const {ended, labelled, skipped} = await served.done;
    assert.equal(ended, 'finished');
    assert.deepEqual(Object.fromEntries(labelled), {'key-0': 'cat', 'key-1': 'cat', 'key-3': 'cat'});
    assert.deepEqual(
      skipped.map(({name}) => name),
      ['photo 2.png'],
    );
    assert.deepEqual(said(labels), Object.fromEntries(labelled));
    assert.equal(fs.readFileSync(labels.file, 'utf8').trim().split('\n').length, 7, 'every press is a line');
  });

  test('a held key labels one photo', async (t) => {
    const {page: served, labels} = await setUp(t);
    const page = await open(t, served.address);
    await shows(page, 'photo 0.png');
    for (let i = 0; i < 5; i++) {
      await page.keyboard.down('c');
      await page.waitForTimeout(60);
    }
    await page.keyboard.up('c');
    await shows(page, 'photo 1.png');
    assert.deepEqual(said(labels), {'key-0': 'cat'});
  });

  test('names of photos, classes and people are text, whatever they hold', async (t) => {
    const hostile = '<img src=x onerror=alert(1)>';
    const folder = fs.mkdtempSync(join(root, 'case-'));
    const [drawn] = await drawPhotos(folder, 1);
    const labels = new Labels(join(folder, 'labels.jsonl'));
    labels.add({photo: 'a', label: `</script>${hostile}`, by: hostile});
    const photo = new PhotoFile(drawn.place, `"'&${hostile}.png`, 'a');
    const classes = [`</script>${hostile}`, '"><script>alert(2)</script>'];
    const {page: served} = await setUp(t, {photos: [photo], classes, labels, again: true, title: hostile});
    const page = await open(t, 'about:blank');
    page.on('dialog', () => assert.fail('something ran'));
    await page.goto(served.address);
    await shows(page, `"'&${hostile}.png`);
    await shows(page, `${hostile} says </script>${hostile}.`);
    assert.equal(await page.title(), hostile);
    assert.equal(await page.locator('img').count(), 1);
    assert.equal(await page.locator('script').count(), 1);
    await page.keyboard.press('2');
    await shows(page, 'All photos are done.');
    assert.equal(said(labels).a, classes[1]);
  });

  test('a wrong token shows nothing', async (t) => {
    const {page: served} = await setUp(t);
    const page = await open(t, served.address.replace(/\/[\w-]+\/$/, '/wrong/'));
    assert.match((await page.content()).toString(), /Open the address that the notebook shows/);
    assert.equal(await page.locator('button').count(), 0);
  });

  test('two people in two kernels: each sees what the other labels, both labels stay, and a kill loses none', async (t) => {
    const folder = fs.mkdtempSync(join(root, 'case-'));
    await drawPhotos(join(folder, 'photos'), 4);
    const file = join(folder, 'labels.jsonl');
    const fixture = join(__dirname, 'fixtures', 'page.ts');
    const kernels = ['Anna', 'Bert'].map((by) => startOther(t, fixture, [join(folder, 'photos'), file, by]));
    const addresses = [await kernels[0].line(), await kernels[1].line()];
    const [anna, bert] = [await open(t, addresses[0]), await open(t, addresses[1])];
    for (const page of [anna, bert]) await shows(page, 'photo 0.png');
    await anna.keyboard.press('c');
    await shows(anna, 'photo 1.png');
    await shows(bert, 'Anna says cat.');
    await bert.keyboard.press('d');
    await shows(bert, 'photo 1.png');
    await bert.keyboard.press('d');
    await shows(bert, 'photo 2.png');
    await shows(anna, 'Bert says dog.');
    await anna.keyboard.press('Space');
    await shows(anna, 'photo 2.png');
    await bert.keyboard.press('c');
    await shows(bert, 'photo 3.png');
    await anna.keyboard.press('Space');
    await shows(anna, 'photo 3.png');

    const labels = new Labels(file);
    const photos = ['photo 0.png', 'photo 1.png', 'photo 2.png'];
    assert.deepEqual(
      said(labels),
      Object.fromEntries(photos.map((name, i) => [name, ['dog', 'dog', 'cat'][i]])),
    );
    assert.deepEqual(
      labels
        .disagreements()
        .map(({photo, labels}) => [photo, labels.map(({by, label}) => `${by}: ${label}`)]),
      [['photo 0.png', ['Anna: cat', 'Bert: dog']]],
    );
    await kernels[0].kill();
    await anna.keyboard.press('c');
    await shows(anna, 'The notebook no longer answers.');
    await bert.keyboard.press('c');
    await shows(bert, 'All photos are done.');
    await bert.keyboard.press('Enter');
    const outcome = JSON.parse(await kernels[1].line()) as {ended: string; labelled: object};
    assert.equal(outcome.ended, 'finished');
    assert.equal(Object.keys(outcome.labelled).length, 4);
    assert.equal(new Labels(file).standing(['Anna']).size, 1);
  });
});
