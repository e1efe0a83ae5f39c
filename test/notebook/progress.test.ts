import assert from 'node:assert/strict';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {escapeHtml} from '../../lib/html';
import {plainText, type LiveDisplay} from '../../lib/notebook/display';
import {
  progressHtml,
  ProgressLine,
  progressText,
  type AmountProgress,
  type Progress,
} from '../../lib/notebook/progress';
import {startProgram} from '../processes';

const features: AmountProgress = {title: 'Features of deit_tiny', unit: 'images', done: 1200, total: 2527};

/** A progress line on a clock set by hand; `updates` holds the plain text of what it showed. */
function lineOnAClock() {
  const updates: string[] = [];
  const finished: string[] = [];
  const display: LiveDisplay = {
    update: (html) => updates.push(plainText(html)),
    finish: (html) => finished.push(plainText(html)),
  };
  const clock = {now: 0};
  return {line: new ProgressLine(display, () => clock.now), clock, updates, finished};
}

const training: Progress = {
  title: 'mobilenet_v2, last 3 stages',
  epoch: 3,
  epochs: 8,
  batch: 11,
  batches: 55,
  imagesPerSecond: 10.42,
  secondsLeft: 488,
  valMacroF1: 0.8714,
};

test('the line of a training run tells epoch, batch, pace, time left and the last macro-F1', () => {
  const line = 'mobilenet_v2, last 3 stages · epoch 3/8 · batch 11/55 · 10.4 images/s · 8.1 min left';
  assert.equal(progressText(training), `${line} · val macro-F1 0.871`);
  assert.equal(progressText({...training, valMacroF1: null}), line);
  assert.match(progressHtml(training), /width:27\.5%/);
});

test('the lines of features and of downloads', () => {
  assert.equal(
    progressText(features, {unitsPerSecond: 35.06, secondsLeft: 37.9}),
    'Features of deit_tiny · 1,200/2,527 images · 35.1 images/s · 38 s left',
  );
  const download: AmountProgress = {title: 'photos.zip', unit: 'bytes', done: 12_345_678, total: 42_800_000};
  assert.equal(
    progressText(download, {unitsPerSecond: 3_100_000, secondsLeft: 9.8}),
    'photos.zip · 12.3/42.8 MB · 3.1 MB/s · 10 s left',
  );
  assert.equal(
    progressText({...download, total: null}, {unitsPerSecond: 3_100_000, secondsLeft: null}),
    'photos.zip · 12.3 MB · 3.1 MB/s',
  );
});

test('the HTML holds the line, escaped, and a bar unless the total is unknown', () => {
  const html = progressHtml({...features, title: '<b>&'});
  assert.equal(plainText(html), '<b>& · 1,200/2,527 images');
  assert.match(html, /width:47\.5%/);
  assert.doesNotMatch(html, /<b>/);
  assert.doesNotMatch(progressHtml({...features, total: null}), /width:/);
  assert.match(progressHtml({...features, done: 0, total: 0}), /width:0\.0%/);
});

test('at most four updates a second', () => {
  const {line, clock, updates} = lineOnAClock();
  for (clock.now = 0; clock.now < 2000; clock.now += 10) line.report({...features, done: clock.now});
  assert.equal(updates.length, 8);
});

test('the pace follows the last ten seconds, the time left the whole session', () => {
  const {line, clock, updates} = lineOnAClock();
  const total = 10_000;
  const report = (second: number, done: number) => {
    clock.now = second * 1000;
    line.report({title: 'x', unit: 'images', done, total});
  };
  report(0, 5000);
  assert.equal(updates.at(-1), 'x · 5,000/10,000 images');
  report(10, 5100);
  assert.equal(updates.at(-1), 'x · 5,100/10,000 images · 10.0 images/s · 8.2 min left');
  report(20, 5500);
  assert.equal(updates.at(-1), 'x · 5,500/10,000 images · 40.0 images/s · 3 min left');
});

test('finishing leaves a tidy line', () => {
  const {line, clock, finished} = lineOnAClock();
  line.report({...features, done: 0});
  clock.now = 40_000;
  line.report({...features, done: 2527});
  line.finish();
  line.finish('best epoch 3');
  assert.deepEqual(finished, [
    'Features of deit_tiny · 2,527 images in 40 s · 63.2 images/s',
    'best epoch 3',
  ]);
});

test('plain text of HTML', () => {
  const table = '<table><tr><th>a</th><th>b</th></tr>\n <tr><td>1</td><td>x &lt; y</td></tr></table>';
  assert.equal(plainText(`<style>p {}</style><p>Two  rows</p>${table}`), 'Two  rows\na\tb\n1\tx < y');
  const text = `<a href="#">&amp;'`;
  assert.equal(plainText(escapeHtml(text)), text);
});

/** Runs a script that listens with `onInterrupt`, sends SIGINT whenever it prints 'ready', and gives what it printed. */
async function interrupt(
  t: TestContext,
  script: string,
): Promise<{printed: string; code: number | null; signal: string | null}> {
  const prepare = `const {onInterrupt} = require(${JSON.stringify(join(__dirname, '../../lib/notebook/interrupt'))});`;
  const wait = `const tick = () => new Promise((next) => setTimeout(next, 5));`;
  const code = `${prepare}${wait}(async () => {${script}})();`;
  const {child, printed, ended} = startProgram(t, process.execPath, ['--import', 'tsx', '-e', code]);
  child.stdout.on('data', (text: string) => {
    if (text.includes('ready')) child.kill('SIGINT');
  });
  const [status, signal] = await ended;
  return {printed: printed(), code: status, signal};
}

test('an interrupt is answered once, at the next batch, and other listeners are held back', async (t) => {
  const outcome = await interrupt(
    t,
    `
    process.on('SIGINT', () => console.log('kernel'));
    let stop = false;
    await onInterrupt(() => (stop = true));
    console.log('ready');
    while (!stop) await tick();
    console.log('ended', process.listenerCount('SIGINT'));
    process.exit();`,
  );
  assert.deepEqual(outcome, {printed: 'ready\nended 1\n', code: 0, signal: null});
});

test('after the work the process listens as before', async (t) => {
  const outcome = await interrupt(
    t,
    `
    process.once('SIGINT', () => { console.log('kernel'); process.exit(); });
    const stopListening = await onInterrupt(() => console.log('not called'));
    stopListening();
    stopListening();
    console.log('ready');
    while (true) await tick();`,
  );
  assert.deepEqual(outcome, {printed: 'ready\nkernel\n', code: 0, signal: null});
});

test('a second interrupt ends a process that heeds only the first', async (t) => {
  const outcome = await interrupt(
    t,
    `
    await onInterrupt(() => console.log('ready again'));
    console.log('ready');
    while (true) await tick();`,
  );
  assert.equal(outcome.signal, 'SIGINT');
  assert.equal(outcome.printed, 'ready\nready again\n');
});
