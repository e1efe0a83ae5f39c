/** A page as the report makes it: Plotly draws the figures, and pointing at a dot shows its photo. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import {test} from 'node:test';
import {embeddingScatter, hoverPhotos, type HoverPhotosOptions, photosId} from '../../lib/charts';
import {LabError} from '../../lib/errors';
import {photoSheet, type Picture, sharp} from '../../lib/pictures';
import {findBrowser, openBrowser, root} from '../notebook/jupyterlab';

const evil = `<img src=x onerror=alert(1)></script><script>document.title='broken'</script>`;

function plain(index: number, background: string): Picture {
  return {
    name: `${index}.png`,
    key: String(index),
    place: `${index}.png`,
    size: () => Promise.resolve({width: 30, height: 20}),
    image: () => Promise.resolve(sharp({create: {width: 30, height: 20, channels: 3, background}})),
  };
}

/** Five photos of one colour each, the last of which lies alone in its row. */
async function sheet(): Promise<HoverPhotosOptions> {
  const colours = ['red', 'lime', 'blue', 'yellow', 'white', 'black', 'gray'];
  const photos = await photoSheet(
    colours.map((colour, index) => plain(index, colour)),
    8,
  );
  assert.deepEqual([photos.columns, photos.side, photos.photos], [3, 8, 7]);
  return {...photos, captions: colours.map((colour) => `${colour} ${evil}`)};
}

test('a sheet holds each photo in its place', async () => {
  const {image} = await sheet();
  const {data, info} = await sharp(Buffer.from(image.split(',')[1], 'base64'))
    .raw()
    .toBuffer({resolveWithObject: true});
  assert.deepEqual([info.width, info.height], [24, 24]);
  const middle = (column: number, row: number) =>
    [0, 1, 2].map((channel) => Math.round(data[((8 * row + 4) * 24 + 8 * column + 4) * 3 + channel] / 255));
  assert.deepEqual(
    [middle(0, 0), middle(1, 0), middle(2, 0), middle(0, 1), middle(1, 1), middle(2, 1)],
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 1, 0],
      [1, 1, 1],
      [0, 0, 0],
    ],
  );
});

test('an output of photos takes pictures alone, and captions cannot smuggle markup', async () => {
  const photos = await sheet();
  const html = hoverPhotos(photos);
  assert.equal(html.match(/<script/g)?.length, 1);
  assert.equal(html.match(/<\/script/g)?.length, 1);
  assert.doesNotMatch(html, /<img/);
  assert.throws(() => hoverPhotos({...photos, image: 'photos.jpg'}), LabError);
  assert.throws(() => hoverPhotos({...photos, image: 'data:image/png;base64,AA");x:url("'}), LabError);
});

test('pointing at a dot shows its photo, in each figure of a page', {timeout: 120_000}, async (t) => {
  const program = findBrowser();
  if (!program) return t.skip('needs Chromium: install it, or set CHROMIUM to its path');
  const photos = await sheet();
  const figure = embeddingScatter(
    [1, 2].map((factor) => ({
      title: `panel ${factor}`,
      points: photos.captions.map((_, i): [number, number] => [factor * i, (i * 3) % 5]),
    })),
    {classes: ['a', 'b'], labels: [0, 0, 1, 1, 0, 1, 0], title: 'Photos', photos: photosId(photos)},
  );
  const browser = await openBrowser(t, program);
  const page = await browser.newPage({viewport: {width: 1000, height: 1400}});
  await page.setContent(`<!doctype html><div id="first"></div><div id="second"></div>${hoverPhotos(photos)}`);
  await page.addScriptTag({path: join(root, 'node_modules', 'plotly.js-dist', 'plotly.js')});
  for (const id of ['first', 'second']) {
    await page.evaluate(
      `Plotly.newPlot('${id}', ${JSON.stringify(figure.data)}, ${JSON.stringify(figure.layout)})`,
    );
  }
  // Drawn again, as an output that is updated.
  await page.evaluate(
    `Plotly.newPlot('first', ${JSON.stringify(figure.data)}, ${JSON.stringify(figure.layout)})`,
  );

  const card = page.locator('.transfer-lab-photo');
  assert.equal(await card.isVisible(), false);
  /** Points at a dot, comes from outside of the figure, and tells what the card shows. */
  const pointAt = async (id: string, trace: number, dot: number) => {
    await page.mouse.move(2, 2);
    await card.waitFor({state: 'hidden'});
    const box = await page
      .locator(`#${id} .scatterlayer .trace`)
      .nth(trace)
      .locator('.point')
      .nth(dot)
      .boundingBox();
    assert.ok(box);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x - 3, y, {steps: 2});
    await page.mouse.move(x, y, {steps: 4});
    await card.waitFor({state: 'visible', timeout: 10_000});
    const photo = card.locator('div').first();
    const position = await photo.evaluate(
      (element) => (element as unknown as {style: {backgroundPosition: string}}).style.backgroundPosition,
    );
    return {caption: await card.textContent(), position};
  };
  // Traces: panel 1 class a (photos 0, 1, 4, 6), class b (2, 3, 5), then panel 2.
  assert.deepEqual(await pointAt('first', 1, 1), {caption: `yellow ${evil}`, position: '0px -24px'});
  assert.deepEqual(await pointAt('second', 0, 2), {caption: `white ${evil}`, position: '-24px -24px'});
  assert.deepEqual(await pointAt('second', 3, 2), {caption: `black ${evil}`, position: '-48px -24px'});
  assert.deepEqual(await pointAt('first', 2, 3), {caption: `gray ${evil}`, position: '0px -48px'});
  assert.equal(await page.locator('.transfer-lab-photo').count(), 1);
  assert.notEqual(await page.title(), 'broken');
});
