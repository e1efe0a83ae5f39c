/** What a testing loop of a cell gathers is shown as a stored run is. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {everything, experimentParts, testedByHand} from '../../lib/experiments';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {evaluate} from '../../lib/training';
import {drawnWorkspace} from './workspace';

test('gathered by hand: the confusion, the scores and the predictions of an evaluation', async () => {
  const workspace = await drawnWorkspace();
  const parts = await experimentParts(
    {backbone: 'squeezenet1_1', regime: everything(), epochs: 1, batchSize: 8},
    workspace,
  );
  const network = parts.learner.forInference();
  const truth: number[] = [];
  const probabilities: number[][] = [];
  for await (const {x, labels} of parts.sources.test.batches('evaluation')) {
    const batch = tf.tidy(() => tf.softmax(network.logits(x)));
    truth.push(...labels);
    probabilities.push(...(batch.arraySync() as number[][]));
    tf.dispose([x, batch]);
  }
  network.dispose();
  const {scores, confusion, predicted} = await evaluate(parts.learner, parts.sources.test);
  const {title, configuration, result} = testedByHand(parts, workspace, {truth, probabilities});
  assert.equal(title, parts.title);
  assert.deepEqual(configuration.classes, workspace.split.classes);
  assert.deepEqual(configuration.standIns, parts.experiment.standIns);
  assert.deepEqual(result.confusion, confusion);
  assert.deepEqual(result.test, {...scores, loss: NaN});
  assert.deepEqual(
    result.predictions.map(({path, predicted}) => [path, predicted]),
    workspace.split.parts.test.map(({picture}, photo) => [picture.name, predicted[photo]]),
  );
  assert.ok(result.predictions.every(({probability}) => probability > 1 / configuration.classes.length));

  const lacking = {truth: truth.slice(1), probabilities};
  assert.throws(
    () => testedByHand(parts, workspace, lacking),
    (error: Error) =>
      error instanceof LabError && /truth has \d+ entries for \d+ test photos/.test(error.message),
  );
  parts.dispose();
});
