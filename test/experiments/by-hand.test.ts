/** The training loop written out with the parts that the package's door gives, as a cell would: lib's loop is that loop. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {experimentParts} from '../../lib/experiments';
import {
  adamw,
  cosine,
  crossEntropy,
  dropoutRandom,
  evaluate,
  everything,
  type ExperimentOptions,
  gradients,
  lastStages,
  learningRateFactor,
  type Scores,
  Optimizer,
  Stepper,
  type Tensor,
  tf,
} from '../../lib';
import {drawnWorkspace, run} from './workspace';

const options: ExperimentOptions = {
  backbone: 'squeezenet1_1',
  regime: lastStages(2),
  head: {dropout: 0.3, hidden: [12]},
  optimizer: adamw({learningRate: {backbone: 1e-3, head: 4e-3}}),
  schedule: cosine({warmup: 1}),
  labelSmoothing: 0.1,
  epochs: 2,
  batchSize: 8,
  seed: 5,
};

interface Numbers {
  trainLoss: number;
  val: Scores;
}

/** Two epochs, all written out: forward, loss, gradients, update, validation. */
async function byHand(chosen: ExperimentOptions): Promise<Numbers[]> {
  const {learner, sources, training, dispose} = await experimentParts(chosen, await drawnWorkspace());
  const trainable = learner.trainable();
  const optimizer = new Optimizer(training.optimizer, trainable);
  const history: Numbers[] = [];
  const {batchesPerEpoch} = sources.train;
  let count = 0;
  for (let epoch = 1; epoch <= training.epochs; epoch++) {
    const random = dropoutRandom(training.seed, epoch);
    let [sum, seen] = [0, 0];
    for await (const {x, labels} of sources.train.batches(epoch)) {
      const factor = learningRateFactor(training.schedule, count++, batchesPerEpoch, training.epochs);
      const pass = learner.forTraining({random});
      const criterion = (logits: Tensor) => crossEntropy(logits, labels, training);
      const {value, grads} = gradients(
        () => pass.loss(x, criterion).loss,
        [...trainable.values()].map(({variable}) => variable),
      );
      pass.applyUpdates();
      optimizer.step(grads, {factor, count});
      sum += labels.length * value.dataSync()[0];
      seen += labels.length;
      tf.dispose([x, value, grads]);
    }
    const {scores} = await evaluate(learner, sources.val);
    history.push({trainLoss: sum / seen, val: scores});
  }
  optimizer.dispose();
  dispose();
  return history;
}

/** The same with the step that lib takes. */
async function byStepper(chosen: ExperimentOptions): Promise<number[]> {
  const {learner, sources, training, dispose} = await experimentParts(chosen, await drawnWorkspace());
  const stepper = new Stepper(learner, training);
  const losses: number[] = [];
  for await (const {x, labels} of sources.train.batches(1)) {
    losses.push(stepper.step(x, labels, dropoutRandom(training.seed, 1), 1, losses.length + 1).loss);
    x.dispose();
  }
  stepper.dispose();
  dispose();
  return losses;
}

for (const regime of [lastStages(2), everything()]) {
  test(`${regime.kind}: a loop written out by hand gives the numbers of lib's to the last bit`, async () => {
    const {numTensors} = tf.memory();
    const chosen = {...options, regime};
    const history = await byHand(chosen);
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
    const {record} = await run(chosen, await drawnWorkspace());
    assert.deepEqual(
      record.history.map(({train, val}) => ({trainLoss: train.loss, val})),
      history,
    );
  });
}

test('a step of the door trains, and leaves no tensor', async () => {
  const {numTensors} = tf.memory();
  const losses = await byStepper({...options, batchSize: 4});
  assert.ok(losses.length > 2 && losses.every(Number.isFinite));
  assert.equal(tf.memory().numTensors, numTensors);
});
