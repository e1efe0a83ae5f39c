/** The notebook of ResNeXt on CIFAR-100 from first cell to last, in the smoke profile, with the mirror. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {checkExecuted, names, outputs, runLab, temporaryHome, text, titles, wordsOf} from './executed';

test(
  'with the mirror: both loops written out, ResNeXt from random weights as its titles tell, and what follows from the test part',
  {timeout: 900_000},
  async (t) => {
    if (!process.env.LAB_MIRROR) return t.skip('needs LAB_MIRROR with CIFAR-100');
    const lab = await runLab(t, 'resnext', temporaryHome(t), {});
    t.diagnostic(`${lab.seconds.toFixed(0)} s, notebook ${(lab.notebookSize / 1e6).toFixed(2)} MB`);
    checkExecuted(lab, /^(const plain|const analyse)/);
    for (const title of titles(lab.cells)) {
      const isOfResnext = /resnext50_32x4d/.test(title);
      assert.equal(/stand-in: random weights for ResNeXt-50 32x4d/.test(title), isOfResnext, title);
    }
    assert.ok(names(lab.cells).some((name) => /resnext50_32x4d.*: training loss/.test(name)));
    assert.equal(names(lab.cells).filter((name) => /: superclasses$/.test(name)).length, 2);
    assert.deepEqual(
      outputs(lab.cells).filter(
        ({name, text: printed}) => name === 'stdout' && /macro avg/.test(text(printed)),
      ).length,
      1,
    );
    assert.doesNotMatch(wordsOf(lab.cells), /NaN|undefined/);
  },
);
