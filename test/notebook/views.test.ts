/** The photo on its way to the network, and what that says of a batch. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {everything, experimentParts} from '../../lib/experiments';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {plainText} from '../../lib/notebook';
import {predictedBatchGrid, preprocessingGrid} from '../../lib/notebook/views';
import {imagenet} from '../../lib/pictures';
import {drawnWorkspace} from '../experiments/workspace';

test('a photo step by step: its size, the tensor within 0 and 1, normalised below and above 0', async () => {
  const workspace = await drawnWorkspace();
  const html = await preprocessingGrid(workspace, imagenet({resize: 73, crop: 64}), 0);
  const text = plainText(html);
  assert.equal(html.match(/<img /g)?.length, 4);
  assert.match(text, /Resized to 73, the middle 64 x 64/);
  assert.match(text, /To a tensor: float32 \[64, 64, 3\], divided by 255\s+0\.\d\d to (0\.\d\d|1\.00),/);
  assert.match(
    text,
    /minus 0\.485, 0\.456, 0\.406, divided by 0\.229, 0\.224, 0\.225\s+-\d\.\d\d to \d\.\d\d,/,
  );
  const [, before, after] = /Red at the upper left: (\S+) as a tensor, (\S+) normalised/
    .exec(text)!
    .map(Number);
  assert.ok(Math.abs((before - 0.485) / 0.229 - after) < 0.005);
  await assert.rejects(
    preprocessingGrid(workspace, imagenet(), 1e6),
    (error: Error) =>
      error instanceof LabError && /no training photo 1000000\. Give 0 to \d+/.test(error.message),
  );
});

test('a batch with its predictions: as many right as the title tells, no tensor left', async () => {
  const workspace = await drawnWorkspace();
  const {numTensors} = tf.memory();
  const parts = await experimentParts(
    {backbone: 'squeezenet1_1', regime: everything(), epochs: 1, batchSize: 8},
    workspace,
  );
  const html = await predictedBatchGrid(workspace, parts, 8);
  parts.dispose();
  assert.equal(tf.memory().numTensors, numTensors);
  const [, shown, right] = /: (\d+) test photos, (\d+) of them right/.exec(html)!.map(Number);
  assert.equal(shown, workspace.split.parts.test.length);
  assert.equal(html.match(/✓/g)?.length ?? 0, right);
  assert.equal(html.match(/✗/g)?.length ?? 0, shown - right);
  assert.match(html, /stand-in: drawings/);
});
