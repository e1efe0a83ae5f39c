import assert from 'node:assert/strict';
import test from 'node:test';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import type {Classifier} from '../../lib/heads';
import {type Metric, macroF1, metrics} from '../../lib/metrics';
import {
  adamw,
  type BatchProgress,
  constant,
  cosine,
  type Epoch,
  evaluate,
  oneCycle,
  sgd,
  type Source,
  type StateTensor,
  Stepper,
  train,
  type TrainingOptions,
  type TrainingState,
} from '../../lib/training';
import {type ClassifierOptions, noisePhotos, tinyClassifier} from './fixtures/tiny';

const data = {train: noisePhotos(28, {seed: 1}), val: noisePhotos(12, {seed: 2})};
const options: TrainingOptions = {
  optimizer: adamw({learningRate: 0.03}),
  schedule: cosine(),
  epochs: 6,
  seed: 3,
};

/** What of an epoch does not depend on the clock. */
const timeless = ({seconds: _, valSeconds: __, imagesPerSecond: ___, ...rest}: Epoch) => rest;

const weightsOf = (classifier: Classifier) => classifier.state().map(({name, values}) => [name, [...values]]);

async function withClassifier<T>(
  action: (classifier: Classifier) => Promise<T>,
  made: ClassifierOptions = {},
): Promise<T> {
  const {numTensors} = tf.memory();
  const classifier = tinyClassifier(made);
  const result = await action(classifier);
  classifier.dispose();
  assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
  return result;
}

test('the loop learns, and tells how far it is', async () => {
  await withClassifier(async (classifier) => {
    const epochs: Epoch[] = [];
    const batches: BatchProgress[] = [];
    const bests: number[] = [];
    const outcome = await train(classifier, data, options, {
      onBatch: (progress) => batches.push(progress),
      onEpoch: (epoch, {improved, state}) => {
        epochs.push(epoch);
        if (improved) bests.push(epoch.epoch);
        assert.deepEqual(state.best?.epoch, bests.at(-1));
      },
    });
    const best = Math.max(...epochs.map(({val}) => val.macroF1));
    assert.ok(best > 0.9, `macro-F1 ${best}`);
    assert.ok(epochs[5].train.loss < epochs[0].train.loss / 2);
    assert.ok(epochs[5].train.accuracy > epochs[0].train.accuracy);
    assert.deepEqual(outcome, {
      state: {epoch: 6, best: {epoch: bests.at(-1), metric: 'macroF1', value: best}},
      interrupted: false,
    });
    assert.deepEqual(
      epochs.map(({epoch}) => epoch),
      [1, 2, 3, 4, 5, 6],
    );
    assert.equal(batches.length, 6 * 4);
    const {epoch, batch, batches: total, secondsLeft} = batches[23];
    assert.deepEqual({epoch, batch, total, secondsLeft}, {epoch: 6, batch: 4, total: 4, secondsLeft: 0});
    assert.ok(batches.every(({imagesPerSecond}) => imagesPerSecond > 0));
  });
});

test('tensors after an epoch are those before, and none are left after training', async () => {
  await withClassifier(async (classifier) => {
    const before = tf.memory().numTensors;
    const counts: number[] = [];
    await train(
      classifier,
      data,
      {...options, epochs: 3, labelSmoothing: 0.1, clipNorm: 1},
      {onEpoch: () => counts.push(tf.memory().numTensors)},
    );
    assert.equal(new Set(counts).size, 1, String(counts));
    assert.equal(tf.memory().numTensors, before);
  });
});

interface Snapshot {
  state: TrainingState;
  optimizer: StateTensor[];
  weights: {name: string; values: Float32Array}[];
}

for (const optimizer of [
  adamw({learningRate: {backbone: 0.005, head: 0.03}}),
  sgd({learningRate: 0.05, nesterov: true}),
]) {
  test(`${optimizer.kind}: an interrupted training that is resumed equals an uninterrupted one bit for bit`, async () => {
    const chosen: TrainingOptions = {...options, optimizer, schedule: oneCycle(), epochs: 4};
    const made = {frozen: 1, head: {dropout: 0.4, hidden: [7]}};
    const source = {train: frozenOutputs(data.train), val: frozenOutputs(data.val)};

    const whole = await withClassifier(async (classifier) => {
      const history: Epoch[] = [];
      const {state} = await train(classifier, source, chosen, {onEpoch: (epoch) => history.push(epoch)});
      return {state, history: history.map(timeless), weights: weightsOf(classifier)};
    }, made);

    const history: Epoch[] = [];
    const snapshot = await withClassifier(async (classifier) => {
      const controller = new AbortController();
      let stored: Snapshot | undefined;
      const {state, interrupted} = await train(classifier, source, chosen, {
        signal: controller.signal,
        onBatch: ({epoch, batch}) => {
          if (epoch === 3 && batch === 2) controller.abort();
        },
        onEpoch: (epoch, {state: after, optimizer: optimizerState}) => {
          history.push(epoch);
          stored = {state: after, optimizer: optimizerState(), weights: classifier.state()};
        },
      });
      assert.deepEqual([interrupted, state], [true, stored?.state]);
      return stored!;
    }, made);
    assert.equal(snapshot.state.epoch, 2);

    await withClassifier(
      async (classifier) => {
        classifier.restore(snapshot.weights);
        const {state} = await train(classifier, source, chosen, {
          resume: snapshot,
          onEpoch: (epoch) => history.push(epoch),
        });
        assert.deepEqual(state, whole.state);
        assert.deepEqual(weightsOf(classifier), whole.weights);
      },
      {...made, seed: 1},
    );
    assert.deepEqual(history.map(timeless), whole.history);
  });
}

/** A source of what the first stage makes of photos. */
function frozenOutputs(source: typeof data.train): typeof data.train {
  return {
    ...source,
    async *batches(epoch) {
      const {backbone, dispose} = stem();
      const net = backbone.inference();
      try {
        for await (const {x, labels} of source.batches(epoch)) {
          const output = tf.tidy(() => backbone.run(net, x, {to: 1}));
          x.dispose();
          yield {x: output, labels};
        }
      } finally {
        net.dispose();
        dispose();
      }
    },
  };
}

function stem() {
  const classifier = tinyClassifier();
  return {backbone: classifier.backbone, dispose: () => classifier.dispose()};
}

test('an abort ends training at the next batch', async () => {
  await withClassifier(async (classifier) => {
    const controller = new AbortController();
    let batches = 0;
    const outcome = await train(classifier, data, options, {
      signal: controller.signal,
      onBatch: () => {
        if (++batches === 2) controller.abort();
      },
      onEpoch: () => assert.fail('no epoch is complete'),
    });
    assert.deepEqual(outcome, {state: {epoch: 0, best: null}, interrupted: true});
    assert.equal(batches, 2);
  });
});

/** Epochs without a better value of a metric, by a rule written out anew. */
function bestBy(metric: Metric, epochs: readonly Epoch[]): Epoch {
  const sign = metric === 'loss' ? -1 : 1;
  return epochs.reduce((best, epoch) => (sign * epoch.val[metric] > sign * best.val[metric] ? epoch : best));
}

for (const select of metrics) {
  test(`${select} on the validation part chooses the best epoch, and patience goes by it`, async () => {
    await withClassifier(async (classifier) => {
      const epochs: Epoch[] = [];
      const bests: number[] = [];
      const wild = {...options, optimizer: adamw({learningRate: 0.1}), epochs: 12, patience: 2, select};
      const {state} = await train(classifier, data, wild, {
        onEpoch: (epoch, {improved}) => {
          epochs.push(epoch);
          if (improved) bests.push(epoch.epoch);
        },
      });
      const best = bestBy(select, epochs);
      assert.deepEqual(state.best, {epoch: best.epoch, metric: select, value: best.val[select]});
      assert.equal(bests.at(-1), best.epoch);
      assert.equal(state.epoch, Math.min(12, best.epoch + 2));
    });
  });
}

test('the training accuracy is that of the logits before each step', async () => {
  await withClassifier(
    async (classifier) => {
      const still = {...options, optimizer: sgd({learningRate: 0}), epochs: 1};
      let rows: number[][] = [];
      const labels: number[] = [];
      for await (const batch of data.train.batches(1)) {
        const network = classifier.forTraining({random: () => 0.5});
        const {logits, loss} = tf.tidy(() => network.loss(batch.x, (output) => tf.mean(output)));
        rows = [...rows, ...(logits.arraySync() as number[][])];
        labels.push(...batch.labels);
        network.applyUpdates();
        network.dispose();
        tf.dispose([batch.x, logits, loss]);
      }
      const right = rows.filter((row, item) => row.indexOf(Math.max(...row)) === labels[item]).length;
      const epochs: Epoch[] = [];
      await train(classifier, data, still, {onEpoch: (epoch) => epochs.push(epoch)});
      assert.equal(epochs[0].train.accuracy, right / labels.length);
    },
    {head: {dropout: 0}},
  );
});

test('patience ends a training that gets no better', async () => {
  await withClassifier(async (classifier) => {
    const still = {...options, optimizer: sgd({learningRate: 0}), epochs: 9, patience: 2};
    const {state, interrupted} = await train(classifier, data, still);
    assert.equal(interrupted, false);
    assert.equal(state.epoch, state.best!.epoch + 2);
    assert.ok(state.epoch < 9);
    const again = await train(classifier, data, still, {resume: {state, optimizer: []}});
    assert.deepEqual(again.state, state, 'nor does a resumed one go on');
  });
});

test('a loss that is no number ends training at once, with a remedy', async () => {
  await withClassifier(async (classifier) => {
    let batches = 0;
    await assert.rejects(
      train(
        classifier,
        data,
        {...options, optimizer: sgd({learningRate: 1e30}), schedule: constant()},
        {onBatch: () => batches++},
      ),
      (error) =>
        error instanceof LabError &&
        /^The loss became (NaN|Infinity) in epoch 1, batch \d\. Lower the learning rate or set clipNorm\.$/.test(
          error.message,
        ),
    );
    assert.ok(batches < 4, `${batches} batches`);
  });
});

test('what cannot be is named before anything is computed', async () => {
  await withClassifier(async (classifier) => {
    const wrong: [Partial<TrainingOptions>, RegExp][] = [
      [{epochs: 0}, /^training: 0 epochs cannot be/],
      [{epochs: 2.5}, /2\.5 epochs/],
      [{patience: 0}, /patience of 0/],
      [{select: 'f1' as 'macroF1'}, /select is "f1"\. Give macroF1, accuracy, loss\./],
      [{clipNorm: -1}, /clipNorm of -1/],
      [{clipNorm: NaN}, /clipNorm of NaN/],
      [{labelSmoothing: 1.5}, /label smoothing of 1\.5/],
      [{schedule: cosine({warmup: 6})}, /warm-up of 6 epochs leaves nothing/],
    ];
    for (const [change, message] of wrong) {
      const hooks = {onBatch: () => assert.fail('a batch was computed')};
      await assert.rejects(
        train(classifier, data, {...options, ...change}, hooks),
        (error) => error instanceof LabError && message.test(error.message),
        String(message),
      );
    }
  });
});

test('clipping scales all gradients together down to the norm, and leaves smaller ones alone', async () => {
  await withClassifier(async (classifier) => {
    const step = async (clipNorm?: number) => {
      const before = classifier.state();
      const stepper = new Stepper(classifier, {optimizer: sgd({learningRate: 1, momentum: 0}), clipNorm});
      for await (const {x, labels} of data.train.batches('evaluation')) {
        stepper.step(x, labels, () => 0.5, 1, 1);
        x.dispose();
        break;
      }
      const trainable = classifier.trainable();
      const moves = classifier
        .state()
        .filter(({name}) => trainable.has(name))
        .flatMap(({name, values}) => {
          const old = before.find((tensor) => tensor.name === name)!.values;
          return [...values].map((value, i) => value - old[i]);
        });
      classifier.restore(before);
      stepper.dispose();
      return moves;
    };
    const norm = (values: number[]) => Math.hypot(...values);
    const free = await step();
    const limit = norm(free) / 3;
    const clipped = await step(limit);
    assert.ok(Math.abs(norm(clipped) / limit - 1) < 1e-3);
    const largest = Math.max(...free.map(Math.abs));
    clipped.forEach((move, i) => assert.ok(Math.abs(move - free[i] / 3) < 1e-4 * largest));
    assert.deepEqual(await step(norm(free) * 2), free);
  });
});

test('each part of the network moves at its own rate', async () => {
  for (const [learningRate, moving] of [
    [{backbone: 0, head: 0.1}, 'head'],
    [{backbone: 0.1, head: 0}, 'backbone'],
  ] as const) {
    await withClassifier(async (classifier) => {
      const trainable = classifier.trainable();
      const before = new Map(weightsOf(classifier) as [string, number[]][]);
      await train(classifier, data, {...options, epochs: 1, optimizer: sgd({learningRate})});
      for (const [name, values] of weightsOf(classifier) as [string, number[]][]) {
        const part = trainable.get(name)?.part;
        if (!part) continue; // Running statistics follow the batches whatever the rate.
        assert.equal(
          values.some((value, i) => value !== before.get(name)![i]),
          part === moving,
          name,
        );
      }
    });
  }
});

test('an evaluation says what the logits say', async () => {
  await withClassifier(async (classifier) => {
    const {numTensors} = tf.memory();
    const done: number[] = [];
    const {scores, confusion, truth, predicted, probabilities} = await evaluate(classifier, data.val, {
      onBatch: (count, total) => done.push(count, total),
    });
    assert.equal(tf.memory().numTensors, numTensors);
    assert.deepEqual(done, [8, 12, 12, 12]);

    const network = classifier.forInference();
    const rows: number[][] = [];
    for await (const {x} of data.val.batches('evaluation')) {
      const logits = network.logits(x);
      rows.push(...(logits.arraySync() as number[][]));
      tf.dispose([x, logits]);
    }
    network.dispose();
    const softmax = rows.map((row) => {
      const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
      return row.map((value) => Math.exp(value) / total);
    });
    const best = softmax.map((row) => row.indexOf(Math.max(...row)));
    assert.deepEqual(
      [...truth],
      [...rows.keys()].map((item) => item % 3),
    );
    assert.deepEqual([...predicted], best);
    assert.equal(
      confusion.flat().reduce((sum, count) => sum + count),
      12,
    );
    const expectedLoss = softmax.reduce((sum, row, item) => sum - Math.log(row[truth[item]]), 0) / 12;
    assert.ok(Math.abs(scores.loss - expectedLoss) < 1e-5, `${scores.loss} ${expectedLoss}`);
    const right = best.filter((label, item) => label === truth[item]).length;
    assert.deepEqual([scores.accuracy, scores.macroF1, scores.top5], [right / 12, macroF1(confusion), null]);
    assert.equal(probabilities.length, 12 * 3);
    softmax.flat().forEach((value, at) => assert.ok(Math.abs(probabilities[at] - value) < 1e-5));
  });
});

/** A source of which the second batch has a label that is no class. */
const mislabelled = (source: Source, label: number): Source => ({
  ...source,
  async *batches(epoch) {
    let batch = 0;
    for await (const {x, labels} of source.batches(epoch)) {
      yield {x, labels: batch++ === 1 ? labels.with(2, label) : labels};
    }
  },
});

for (const label of [-1, 3]) {
  test(`label ${label} of three classes ends training and evaluation by its name, and leaves no tensor`, async () => {
    const named = (error: unknown) =>
      error instanceof LabError &&
      error.message.startsWith(`Label ${label} at position 2 of the batch is none of 3 classes.`);
    await withClassifier(async (classifier) => {
      const train28 = mislabelled(data.train, label);
      await assert.rejects(train(classifier, {...data, train: train28}, options), named);
      await assert.rejects(evaluate(classifier, mislabelled(data.val, label)), named);
    });
  });
}

test('an observer is shown the gradients of each epoch’s last step, before they are clipped, and may keep none', async () => {
  await withClassifier(async (classifier) => {
    const shown: {epoch: number; norm: number; names: string[]}[] = [];
    const counts: number[] = [];
    await train(
      classifier,
      data,
      {...options, epochs: 3, clipNorm: 1e-6},
      {
        onGradients: (gradients, {epoch, learner}) => {
          assert.equal(learner, classifier);
          const values = [...gradients.values()].flatMap((each) => Array.from(each.dataSync()));
          const norm = Math.hypot(...values);
          shown.push({epoch, norm, names: [...gradients.keys()]});
        },
        onEpoch: () => counts.push(tf.memory().numTensors),
      },
    );
    assert.deepEqual(
      shown.map(({epoch}) => epoch),
      [1, 2, 3],
    );
    assert.ok(
      shown.every(({norm}) => norm > 1e-3),
      'they are larger than the clipped ones',
    );
    assert.deepEqual(shown[0].names, [...classifier.trainable().keys()]);
    assert.deepEqual(new Set(counts).size, 1);
  });
});
