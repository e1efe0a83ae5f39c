/** The notebook of the ants and bees from first cell to last, in the smoke profile, with the mirror. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {checkExecuted, htmlOf, names, resultsOf, runLab, temporaryHome, titles, wordsOf} from './executed';

const random = {alexnet: 'random weights for AlexNet', vgg16: 'random weights for VGG-16'};

/** The bold part of every chart's title, and what stands in for what in it. */
const charts: [string, string[]][] = [
  ['Photos per class and part', []],
  ['AlexNet: loss per epoch', [random.alexnet]],
  ['AlexNet: validation accuracy per epoch', [random.alexnet]],
  ['VGG16: loss per epoch', [random.vgg16]],
  ['VGG16: validation accuracy per epoch', [random.vgg16]],
  ['Inception v3: loss per epoch', []],
  ['Inception v3: validation accuracy per epoch', []],
  ['EfficientNet-Lite0: loss per epoch', []],
  ['Validation accuracy by model and regime', [random.alexnet, random.vgg16]],
  ['Validation accuracy against training time', [random.alexnet, random.vgg16]],
];
const ways = ['feature extraction', 'everything', 'last stage'];

test(
  'with the mirror: nine experiments and one, real weights where there are any, and titles that tell where there are none',
  {timeout: 900_000},
  async (t) => {
    if (!process.env.LAB_MIRROR) return t.skip('needs LAB_MIRROR with ants, bees and Inception v3');
    const lab = await runLab(t, 'ants-bees', temporaryHome(t), {});
    t.diagnostic(`${lab.seconds.toFixed(0)} s, notebook ${(lab.notebookSize / 1e6).toFixed(2)} MB`);
    checkExecuted(lab, /^const settings/);

    assert.deepEqual(
      names(lab.cells),
      charts.map(([title]) => title),
    );
    for (const [i, [, standIns]] of charts.entries()) {
      const told = /stand-in: ([^<]*)</.exec(titles(lab.cells)[i])?.[1] ?? '';
      assert.equal(told, standIns.join(', '), titles(lab.cells)[i]);
    }
    const html = htmlOf(lab.cells);
    for (const [network, instead] of Object.entries(random)) {
      for (const way of ways)
        assert.ok(html.includes(`>${network}, ${way}: 6 validation photos (stand-in: ${instead})<`), way);
    }
    assert.deepEqual(resultsOf(lab.cells), [
      ...['alexnet', 'vgg16'].flatMap((network) => ways.map((way) => [network, way])),
      ...['feature extraction', 'everything', 'last 2 stages'].map((way) => ['inception_v3:Mixed_7a', way]),
      ['efficientnet_lite0', 'feature extraction'],
    ]);

    // The loop written out gives the numbers of lab.run, and two convolutions of 3x3 see what one of 5x5 sees.
    for (const what of ['training loss', 'validation loss', 'validation accuracy'])
      assert.match(html, new RegExp(`<td[^>]*>${what}</td><td[^>]*>none</td>`));
    assert.equal(html.split('25 = 5 x 5').length - 1, 2);
    assert.doesNotMatch(wordsOf(lab.cells), /NaN|undefined|nothing to do/);
  },
);
