import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {before, describe, test, type TestContext} from 'node:test';
import sharp from 'sharp';
import {LabError} from '../../lib/errors';
import {labelByVisionModel, Labels, modelOfEnvironment, type VisionOptions} from '../../lib/labelling';
import {PhotoFile, type Picture} from '../../lib/pictures';
import {atEnd, temporaryFolder, wholeFile} from '../ending';
import {type Asked, type Behaviour, drawPhotos, indexOf, json, refuse, say, startModel} from './model';

const root = temporaryFolder(wholeFile, 'lab-vision-');
const key = 'sk-very-secret-0123456789';
let photos: Picture[] = [];
before(async () => {
  photos = await drawPhotos(join(root, 'photos'), 25);
});

const truth = (asked: Asked) => (indexOf(asked) % 2 === 0 ? 'cat' : 'dog');
const right: Behaviour = (asked, response) => say(response, {label: truth(asked), confidence: 0.9});

/** A model and what asks it, in a folder of its own. */
async function setUp(t: TestContext, behave: Behaviour, changes: Partial<VisionOptions> = {}) {
  const model = await startModel(behave);
  atEnd(t, model.close);
  const folder = fs.mkdtempSync(join(root, 'case-'));
  const labels = new Labels(join(folder, 'labels.jsonl'), ['cat', 'dog']);
  const options: VisionOptions = {
    photos: photos.slice(0, 6),
    classes: ['cat', 'dog'],
    labels,
    address: {url: model.url, key, model: 'vision-1'},
    folder: join(folder, 'answers'),
    backoff: 5,
    ...changes,
  };
  return {
    model,
    labels,
    folder,
    ask: (more: Partial<VisionOptions> = {}) => labelByVisionModel({...options, ...more}),
  };
}

const said = (labels: Labels) =>
  Object.fromEntries([...labels.standing()].map(([photo, {label}]) => [photo, label]));
const six = {'key-0': 'cat', 'key-1': 'dog', 'key-2': 'cat', 'key-3': 'dog', 'key-4': 'cat', 'key-5': 'dog'};

describe('what is asked and answered', () => {
  test('each photo as a JPEG of a bounded size, by a schema of the classes; the labels tell who gave them', async (t) => {
    const {model, labels, ask} = await setUp(t, right);
    const progress: [number, number, number][] = [];
    const outcome = await ask({
      side: 256,
      settings: {temperature: 0},
      prices: {input: 2, output: 10},
      onProgress: ({done, total, requests}) => progress.push([done, total, requests]),
    });
    assert.deepEqual(said(labels), six);
    const {by, confidence} = labels.standing().get('key-0')!;
    assert.deepEqual([by, confidence], ['model vision-1', 0.9]);
    assert.deepEqual(outcome, {
      giver: 'model vision-1',
      labelled: 6,
      reused: 0,
      left: [],
      unasked: [],
      requests: 6,
      tokens: {input: 6000, output: 600},
      cost: 0.018,
      stopped: null,
      warnings: [],
    });
    assert.deepEqual(progress.at(-1), [6, 6, 6]);

    const [{path, headers, model: name, messages, response_format, ...rest}] = model.asked;
    assert.equal(path, '/v1/chat/completions');
    assert.equal(headers.authorization, `Bearer ${key}`);
    assert.equal(name, 'vision-1');
    assert.equal((rest as Record<string, unknown>).temperature, 0);
    assert.deepEqual(response_format.json_schema.schema.properties.label.enum, ['cat', 'dog']);
    assert.equal(response_format.json_schema.strict, true);
    assert.match(messages[0].content[0].text!, /Classes: cat, dog\./);
    const {url} = messages[0].content[1].image_url!;
    assert.match(url, /^data:image\/jpeg;base64,/);
    const {width, height, format} = await sharp(Buffer.from(url.split(',')[1], 'base64')).metadata();
    assert.deepEqual([width, height, format], [256, 128, 'jpeg']);
  });

  test('nothing is asked twice: answers are kept by photo, question and model', async (t) => {
    const {model, labels, ask} = await setUp(t, right);
    await ask({photos: photos.slice(0, 3)});
    labels.add({photo: 'key-0', label: 'dog', by: 'Anna'});
    const outcome = await ask();
    assert.deepEqual([model.asked.length, outcome.reused, outcome.requests], [6, 3, 3]);
    assert.deepEqual(said(labels), {...six, 'key-0': 'dog'}, "a person's later label stays the last");
    await ask();
    assert.equal(model.asked.length, 6);
    assert.equal(labels.of('key-1').length, 1);
    assert.equal(fs.readFileSync(labels.file, 'utf8').trim().split('\n').length, 7);
    await ask({question: 'Which animal is it?'});
    assert.equal(model.asked.length, 12);
    await ask({address: {url: model.url, key: '', model: 'vision-2'}});
    assert.equal(model.asked.length, 18);
    assert.equal(model.asked.at(-1)!.headers.authorization, undefined);
  });

  test('two kernels that ask the same at once pay once', async (t) => {
    const {model, ask} = await setUp(t, right);
    const [first, second] = await Promise.all([ask(), ask()]);
    assert.equal(model.asked.length, 6);
    assert.deepEqual([first.reused + second.reused, first.labelled, second.labelled], [6, 6, 6]);
  });

  test('as many are asked at once as allowed, the first one alone', async (t) => {
    const held: (() => void)[] = [];
    const together: number[] = [];
    const {ask} = await setUp(t, (asked, response, count) => {
      held.push(() => right(asked, response, count));
      setTimeout(() => {
        if (count > 0 && held.length < 3) return;
        together.push(held.length);
        for (const answer of held.splice(0)) answer();
      }, 50);
    });
    await ask({photos: photos.slice(0, 13), concurrency: 3});
    assert.deepEqual(together, [1, 3, 3, 3, 3]);
  });
});

describe('a wrong or refused answer is asked for once more, then left to a person', () => {
  const bad: [string, (response: Parameters<Behaviour>[1]) => void, RegExp][] = [
    ['no JSON', (response) => say(response, 'I think it is a cat'), /^no JSON: I think it is a cat$/],
    ['an endless answer', (response) => response.end(Buffer.alloc(3 * 2 ** 20, 'x')), /^an endless answer$/],
    ['a web page', (response) => response.end('<html>Log in</html>'), /^a web page instead of an answer$/],
    ['broken JSON', (response) => response.end('{"choices": ['), /^the answer is no JSON$/],
    ['no choices', (response) => json(response, 200, {choices: []}), /^an empty answer$/],
    [
      'a class that is none',
      (response) => say(response, {label: 'zebra', confidence: 1}),
      /^'zebra' is no class$/,
    ],
    ['a confidence in percent', (response) => say(response, {label: 'cat', confidence: 95}), /confidence/],
    [
      'a refusal',
      (response) => say(response, '', {message: {refusal: 'I cannot help with that'}}),
      /^refused$/,
    ],
    [
      'the content filter',
      (response) => say(response, '', {finish_reason: 'content_filter'}),
      /content filter/,
    ],
    [
      'the content filter as an error',
      (response) => refuse(response, 400, {code: 'content_filter'}),
      /^refused \(content_filter\)$/,
    ],
    ['a cut', (response) => say(response, '{"label": "c', {finish_reason: 'length'}), /^cut off/],
  ];
  for (const [name, answer, reason] of bad) {
    test(name, async (t) => {
      const {model, labels, ask} = await setUp(t, (asked, response, count) => {
        if (indexOf(asked) === 2) answer(response);
        else right(asked, response, count);
      });
      const outcome = await ask({photos: photos.slice(0, 4)});
      assert.deepEqual(
        outcome.left.map(({photo}) => photo.name),
        ['photo 2.png'],
      );
      assert.match(outcome.left[0].reason, reason);
      assert.deepEqual([outcome.labelled, model.asked.length], [3, 5]);
      const {'key-2': _, 'key-4': __, 'key-5': ___, ...others} = six;
      assert.deepEqual(said(labels), others);
      const again = await ask({photos: photos.slice(0, 4)});
      assert.deepEqual(
        [again.left.length, again.requests],
        [1, 0],
        'what was paid in vain is not paid again',
      );
    });
  }

  test('the second answer may be right; a fence around it is no fault', async (t) => {
    const {model, labels, ask} = await setUp(t, (asked, response, count) => {
      if (count < 2) say(response, {label: 'zebra', confidence: 1});
      else say(response, `\`\`\`json\n{"label": "${truth(asked)}", "confidence": 1}\n\`\`\``);
    });
    const outcome = await ask({concurrency: 1});
    assert.deepEqual([outcome.labelled, model.asked.length], [5, 7]);
    assert.equal(said(labels)['key-1'], 'dog');
  });

  test('a photo that is gone is left, and costs nothing', async (t) => {
    const {model, ask} = await setUp(t, right);
    const gone = new PhotoFile(join(root, 'gone.jpg'), 'gone.jpg', 'key-gone');
    const outcome = await ask({photos: [gone, ...photos.slice(0, 2)]});
    assert.match(outcome.left[0].reason, /gone\.jpg: not a readable image/);
    assert.deepEqual([outcome.labelled, model.asked.length], [2, 2]);
  });

  test('ten photos in a row without a usable answer end it', async (t) => {
    const {model, ask} = await setUp(t, (_, response) => say(response, '', {message: {refusal: 'no'}}));
    const outcome = await ask({photos, concurrency: 1});
    assert.match(outcome.stopped!, /^10 photos in a row got no usable answer, the last because of: refused$/);
    assert.deepEqual([outcome.left.length, outcome.unasked.length, model.asked.length], [10, 15, 20]);
  });
});

describe('limits', () => {
  test('of requests, those asked again included', async (t) => {
    const {model, labels, ask} = await setUp(t, (asked, response, count) => {
      if (count === 1) refuse(response, 503);
      else right(asked, response, count);
    });
    const outcome = await ask({limit: {requests: 4}});
    assert.equal(outcome.stopped, 'the limit of 4 requests is reached');
    assert.deepEqual([model.asked.length, outcome.labelled, outcome.unasked.length], [4, 3, 3]);
    const rest = await ask({limit: {requests: 4}});
    assert.deepEqual([rest.stopped, rest.labelled], [null, 6]);
    assert.deepEqual(said(labels), six);
  });

  test('of the cost, by the tokens that the answers tell', async (t) => {
    const {model, ask} = await setUp(t, right);
    const prices = {input: 2, output: 10};
    const outcome = await ask({prices, limit: {cost: 0.01}, concurrency: 8, photos});
    assert.equal(outcome.stopped, 'the limit of the cost, 0.01, is reached');
    assert.deepEqual([model.asked.length, outcome.cost], [3, 0.009]);
    await assert.rejects(ask({limit: {cost: 1}}), /^LabError: A limit of the cost needs prices/);
  });

  test('a cost that the answers do not tell ends it after the first', async (t) => {
    const {model, ask} = await setUp(t, (asked, response) =>
      say(response, {label: truth(asked), confidence: 1}, {}, null),
    );
    const outcome = await ask({prices: {input: 2, output: 10}, limit: {cost: 1}});
    assert.match(outcome.stopped!, /do not tell their tokens/);
    assert.deepEqual([model.asked.length, outcome.labelled], [1, 1]);
  });
});

describe('an address that does not take a question', () => {
  test('is asked again after the time it tells, by seconds or date, by all at once', async (t) => {
    const times: number[] = [];
    const {ask, labels} = await setUp(t, (asked, response, count) => {
      times.push(performance.now());
      if (count === 1) refuse(response, 429, {}, {'retry-after': '1'});
      else if (count === 4)
        refuse(response, 429, {}, {'retry-after': new Date(Date.now() + 1900).toUTCString()});
      else right(asked, response, count);
    });
    await ask({concurrency: 1});
    assert.deepEqual(said(labels), six);
    assert.ok(times[2] - times[1] > 950, String(times[2] - times[1]));
    assert.ok(times[5] - times[4] > 850, String(times[5] - times[4]));
  });

  test('is asked again with growing pauses when it is busy, fails, breaks off or is silent', async (t) => {
    const times: number[] = [];
    const {ask, labels} = await setUp(t, (asked, response, count) => {
      times.push(performance.now());
      if (count === 1) refuse(response, 429);
      else if (count === 2) refuse(response, 502);
      else if (count === 3) response.destroy();
      else if (count > 4) right(asked, response, count);
      else if (count === 0) right(asked, response, count);
    });
    await ask({concurrency: 1, backoff: 40, timeout: 500});
    assert.deepEqual(said(labels), six);
    for (const [index, pause] of [40, 80, 160].entries())
      assert.ok(times[index + 2] - times[index + 1] >= pause - 2);
  });

  const fatal: [string, Behaviour, RegExp][] = [
    [
      '401',
      (_, response) => refuse(response, 401, {message: `Incorrect API key: ${key}`}),
      /refuses the key \(HTTP 401\)\. Set LABEL_API_KEY/,
    ],
    ['402', (_, response) => refuse(response, 402), /has no credit left/],
    [
      '403',
      (_, response) => refuse(response, 403, {message: `${key} may not`}),
      /may not use vision-1 at 127\.0\.0\.1:\d+ \(HTTP 403: \[key\] may not\)\. Set LABEL_MODEL/,
    ],
    [
      '404',
      (_, response) => refuse(response, 404),
      /no \/v1\/chat\/completions or no model vision-1 .*LABEL_API_URL is what stands before/,
    ],
    [
      '400',
      (_, response) => refuse(response, 400, {message: 'response_format is not supported'}),
      /does not understand the question \(HTTP 400: response_format is not supported\)/,
    ],
    [
      '429 for want of credit',
      (_, response) => refuse(response, 429, {code: 'insufficient_quota'}),
      /has no credit left/,
    ],
    [
      'a wait of an hour',
      (_, response) => refuse(response, 429, {}, {'retry-after': '3600'}),
      /HTTP 429, to be asked again in 3600 s\. Run again later\./,
    ],
    ['500 for ever', (_, response) => refuse(response, 500), /HTTP 500 \(5 attempts\)\. Run again later\./],
  ];
  for (const [name, behave, message] of fatal) {
    test(`ends it where asking on is of no use: ${name}`, async (t) => {
      const {model, ask, labels, folder} = await setUp(t, (asked, response, count) =>
        count < 2 ? right(asked, response, count) : behave(asked, response, count),
      );
      await assert.rejects(ask({concurrency: 2}), (error) => {
        assert.ok(error instanceof LabError);
        assert.match(error.message, message);
        assert.match(error.message, /\. The [12] photos answered so far are kept\.$/);
        assert.ok(!String(error.stack).includes(key));
        return true;
      });
      assert.ok(model.asked.length <= 12);
      assert.ok(labels.standing().size >= 1);
      const written = fs.readdirSync(folder, {recursive: true, encoding: 'utf8'});
      assert.ok(written.some((file) => file.endsWith('.jsonl')));
      for (const file of written.filter((name) => name.endsWith('.jsonl'))) {
        assert.ok(!fs.readFileSync(join(folder, file), 'utf8').includes(key), 'the key is not stored');
      }
      assert.ok(written.every((file) => !file.endsWith('.lock')));
    });
  }

  test('never gets the key at another place that it sends on to', async (t) => {
    const other = await startModel(right);
    atEnd(t, other.close);
    const {ask} = await setUp(t, (_, response) => {
      response.writeHead(307, {location: `${other.url}/chat/completions`}).end();
    });
    await assert.rejects(ask(), /sends on to 127\.0\.0\.1:\d+ \(HTTP 307\); the key is not sent there/);
    assert.equal(other.asked.length, 0);
  });

  test('that is down is told soon', async (t) => {
    const {model, ask} = await setUp(t, right);
    await model.close();
    await assert.rejects(
      ask(),
      /^LabError: 127\.0\.0\.1:\d+: the connection was refused \(2 attempts\)\. Check LABEL_API_URL and the network/,
    );
  });
});

test('a model that always answers one class is named', async (t) => {
  const {ask} = await setUp(t, (_, response) => say(response, {label: 'cat', confidence: 1}));
  assert.deepEqual((await ask({photos: photos.slice(0, 19)})).warnings, []);
  const {warnings} = await ask({photos});
  assert.match(warnings[0], /^vision-1 says 'cat' of all 25 photos\. .*hold its labels against a sample/);
});

test('an abort ends it at once; what was answered is kept', async (t) => {
  const controller = new AbortController();
  const {model, labels, ask} = await setUp(t, (asked, response, count) => {
    if (count === 2) controller.abort(new Error('stopped'));
    else right(asked, response, count);
  });
  await assert.rejects(ask({signal: controller.signal, concurrency: 1}), /^Error: stopped$/);
  assert.equal(labels.standing().size, 2);
  const outcome = await ask();
  assert.deepEqual([outcome.reused, outcome.labelled, model.asked.length], [2, 6, 7]);
});

test('what cannot be asked is refused before anything is sent', async (t) => {
  const {model, ask} = await setUp(t, right);
  const address = (change: object) => ({address: {url: model.url, key, model: 'vision-1', ...change}});
  await assert.rejects(ask(address({url: 'api.example.com/v1'})), /LABEL_API_URL is no address of the form/);
  await assert.rejects(ask(address({url: `https://me:${key}@example.com/v1`})), (error) => {
    assert.match(String(error), /^LabError: LABEL_API_URL is no address/);
    return !String(error).includes(key);
  });
  await assert.rejects(ask(address({key: `${key}\nx`})), (error) => {
    assert.match(String(error), /^LabError: LABEL_API_KEY holds characters/);
    return !String(error).includes(key);
  });
  await assert.rejects(ask({classes: ['cat']}), /The classes are cat\. Give two or more/);
  await assert.rejects(ask({classes: ['cat', 'bird']}), /'bird' is no class of .*labels\.jsonl: cat, dog/);
  await assert.rejects(ask({limit: {requests: NaN}}), /limit\.requests is NaN/);
  await assert.rejects(ask({concurrency: 0}), /concurrency is 0\. Give 1 or more/);
  process.env.LAB_OFFLINE = '1';
  atEnd(t, () => delete process.env.LAB_OFFLINE);
  await assert.rejects(
    ask(address({url: 'https://example.com/v1'})),
    /example\.com is not asked, because LAB_OFFLINE is set/,
  );
  assert.equal(model.asked.length, 0);
});

test('the environment names the model', () => {
  assert.equal(modelOfEnvironment({}), null);
  const whole = {LABEL_API_URL: 'https://example.com/v1', LABEL_API_KEY: key, LABEL_MODEL: 'vision-1'};
  assert.deepEqual(modelOfEnvironment(whole), {url: 'https://example.com/v1', key, model: 'vision-1'});
  assert.throws(
    () => modelOfEnvironment({...whole, LABEL_MODEL: ''}),
    /LABEL_API_URL is set, LABEL_MODEL is not/,
  );
  assert.throws(
    () => modelOfEnvironment({...whole, LABEL_API_URL: ''}),
    /LABEL_MODEL is set, LABEL_API_URL is not/,
  );
});
