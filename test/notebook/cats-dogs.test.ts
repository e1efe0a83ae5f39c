/** The notebook of the cats and dogs from first cell to last, in the smoke profile, with the mirror. */
import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {test} from 'node:test';
import {
  checkExecuted,
  htmlOf,
  names,
  outputs,
  runLab,
  temporaryHome,
  text,
  titles,
  wordsOf,
} from './executed';

/** The bold part of every chart's title. */
const charts = [
  'Photos per class and part',
  'DeiT-Tiny, offline: checked photos',
  'What each label brings',
  'Own CNN: loss per epoch',
  'Own CNN: validation accuracy per epoch',
  'Transfer: loss per epoch',
  '8 photos as the layer before the last sees them',
  'Test accuracy against training photos',
  'Test accuracy: own CNN and transfer',
  'own CNN: what block1.norm makes of 16 photos',
  'Gradient norms of 50 layers, with and without shortcuts',
];
/** Nobody is asked: no API of photos, no vision model. */
const alone = {CAT_API_KEY: '', DOG_API_KEY: '', LABEL_API_URL: '', LABEL_API_KEY: '', LABEL_MODEL: ''};

test(
  'with the mirror: labels, an own network, transfer, embeddings, the comparison and nine answers',
  {timeout: 900_000},
  async (t) => {
    if (!process.env.LAB_MIRROR) return t.skip('needs LAB_MIRROR with cats, dogs, MobileNetV2 and DeiT-Tiny');
    const home = temporaryHome(t);
    const lab = await runLab(t, 'cats-dogs', home, alone);
    t.diagnostic(`${lab.seconds.toFixed(0)} s, notebook ${(lab.notebookSize / 1e6).toFixed(2)} MB`);
    checkExecuted(
      lab,
      /^(import|const (block|gapOf|augmentation|features|fewer|mine|way8|moved64)|\/\*\* What block1)/,
    );
    assert.deepEqual(names(lab.cells), charts);
    for (const title of titles(lab.cells)) assert.doesNotMatch(title, /stand-in/);

    const printed = outputs(lab.cells)
      .map(({text: lines}) => text(lines))
      .join('');
    assert.match(printed, /8 checked photos of the validation part/);
    assert.match(printed, /Own CNN: accuracy 0\.\d{3} on training photos, 0\.\d{3} on test photos/);
    assert.match(printed, /own CNN is in TensorBoard's projector/);
    const words = htmlOf(lab.cells);
    assert.match(words, /No vision model is named\. Set LABEL_API_URL/);
    assert.match(words, /DeiT-Tiny, offline<\/td><td[^>]*>8</);
    assert.doesNotMatch(wordsOf(lab.cells), /NaN|undefined/);

    const board = await readdir(join(home, 'models', 'tensorboard'));
    for (const run of [/^own CNN \w+/, /^transfer \w+/])
      assert.ok(
        board.some((name) => run.test(name)),
        String(run),
      );
    assert.ok(existsSync(join(home, 'models', 'tensorboard', 'mobilenet_v2', 'sprite.png')), board.join());
  },
);
