/** Active learning with a real engine on drawn photos and a small backbone. */
import assert from 'node:assert/strict';
import test, {before} from 'node:test';
import {tf} from '../../lib/engine';
import {LabError} from '../../lib/errors';
import {
  type ActiveLearningOptions,
  compareStrategies,
  type FrozenParts,
  frozenParts,
  learnActively,
  type Question,
  truthOf,
} from '../../lib/labelling';
import {mulberry32} from '../../lib/random';
import {drawnWorkspace} from '../experiments/workspace';

let frozen: FrozenParts;
let session: Pick<ActiveLearningOptions, 'pool' | 'scored' | 'classes' | 'oracle'>;

before(async () => {
  frozen = await frozenParts({backbone: 'mobilenet_v2'}, await drawnWorkspace());
  const {train, val, classes} = frozen;
  session = {pool: train, scored: val, classes, oracle: truthOf(train)};
});

const timeless = (rounds: {labelled: number; accuracy: number}[]) =>
  rounds.map(({labelled, accuracy}) => ({labelled, accuracy}));

test('features have the mean 0 and the deviation 1 over the training photos, and the parts keep their order', () => {
  const {train, val} = frozen;
  const {values, width} = train.features;
  assert.equal(values.length, train.keys.length * width);
  assert.equal(val.features.values.length, val.labels.length * width);
  for (let column = 0; column < width; column++) {
    const numbers = train.keys.map((_, row) => values[row * width + column]);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
    assert.ok(
      Math.abs(mean) < 1e-4 && (Math.abs(variance - 1) < 1e-3 || variance === 0),
      `${column}: ${variance}`,
    );
  }
});

test('rounds label up to the budget, and leave no tensor behind', async () => {
  const {numTensors} = tf.memory();
  const asked: Question[] = [];
  const oracle = (question: Question) => {
    asked.push(question);
    return session.oracle(question);
  };
  const {rounds, labels, judgements} = await learnActively({
    ...session,
    oracle,
    start: 8,
    step: 5,
    budget: 21,
  });
  assert.equal(tf.memory().numTensors, numTensors);
  assert.deepEqual(
    rounds.map(({labelled}) => labelled),
    [8, 13, 18, 21],
  );
  assert.deepEqual(
    asked.map(({photos}) => photos.length),
    [8, 5, 5, 3],
  );
  assert.deepEqual(
    asked.map(({judgements}) => judgements.size),
    [0, 5, 5, 3],
    'the network says what it thinks',
  );
  assert.equal(new Set(asked.flatMap(({photos}) => photos)).size, 21, 'no photo is asked for twice');
  assert.equal(labels.size + judgements.size, frozen.train.keys.length);
  for (const {label, confidence} of judgements.values()) {
    assert.ok(frozen.classes.includes(label) && confidence > 0 && confidence <= 1);
  }
});

test('what lies apart is told apart with a few labels, and the network is least sure of what lies between', async () => {
  const random = mulberry32(1);
  const photos = Array.from({length: 80}, (_, i) => ({
    key: `${i}`,
    x: (i % 2 ? 1 : -1) + random(),
    y: random(),
  }));
  const pool = {
    keys: photos.map(({key}) => key),
    features: {values: Float32Array.from(photos.flatMap(({x, y}) => [x, y])), width: 2},
    labels: photos.map((_, i) => (i % 2 ? 'right' : 'left')),
  };
  const {rounds, judgements} = await learnActively({
    pool,
    scored: pool,
    classes: ['left', 'right'],
    oracle: truthOf(pool),
    start: 4,
    step: 4,
    budget: 12,
    strategy: 'least margin',
    head: {steps: 200, learningRate: 0.05},
  });
  assert.equal(rounds.at(-1)!.accuracy, 1);
  for (const [key, {label}] of judgements) assert.equal(label, pool.labels[Number(key)]);
  const sure = photos.map(({key, x}) => ({far: Math.abs(x - 0.5), said: judgements.get(key)}));
  const confidenceOf = (wanted: (far: number) => boolean) =>
    sure.flatMap(({far, said}) => (said && wanted(far) ? [said.confidence] : []));
  assert.ok(Math.min(...confidenceOf((far) => far > 1)) > Math.max(...confidenceOf((far) => far < 0.6)));
});

test('a session that stops and goes on from its labels asks and scores as one that did not', async () => {
  const options = {...session, start: 6, step: 4, seed: 3};
  const whole = await learnActively({...options, budget: 18});
  const first = await learnActively({
    ...options,
    budget: 18,
    oracle: (question) => (question.labelled < 10 ? session.oracle(question) : null),
  });
  assert.equal(first.labels.size, 10);
  const labels = new Map([...first.labels].reverse());
  const rest = await learnActively({...options, budget: 18, labels});
  assert.deepEqual(timeless([...first.rounds.slice(0, -1), ...rest.rounds]), timeless(whole.rounds));
  assert.deepEqual(new Map([...rest.labels].sort()), new Map([...whole.labels].sort()));
});

test('a photo that a person passes over is not asked for again, and one class alone trains nothing', async () => {
  const [skipped, ...others] = frozen.train.keys;
  const asked: string[] = [];
  const only = frozen.classes[0];
  const {rounds, labels} = await learnActively({
    ...session,
    start: 4,
    step: 4,
    oracle: ({photos}) => {
      asked.push(...photos);
      return new Map(photos.filter((key) => key !== skipped).map((key) => [key, only]));
    },
  });
  assert.deepEqual(rounds, [], 'nothing can be learnt');
  assert.deepEqual([...labels.keys()].sort(), others.sort());
  assert.equal(asked.filter((key) => key === skipped).length, 1);
});

test('strategies are compared over seeds: a mean and a deviation for each number of labels', async () => {
  const {numTensors} = tf.memory();
  const done: number[] = [];
  const {train: pool, val: scored, classes} = frozen;
  const curves = await compareStrategies({
    pool,
    scored,
    classes,
    seeds: [1, 2],
    start: 8,
    step: 6,
    budget: 20,
    head: {steps: 10},
    onProgress: (sessions, total) => done.push(sessions / total),
  });
  assert.equal(tf.memory().numTensors, numTensors);
  assert.deepEqual(
    curves.map(({name}) => name),
    ['margin and spread', 'least margin', 'entropy', 'spread', 'random'],
  );
  for (const {labelled, mean, deviation, runs} of curves) {
    assert.deepEqual(labelled, [8, 14, 20]);
    assert.deepEqual([runs.length, mean.length, deviation.length], [2, 3, 3]);
  }
  assert.equal(done.at(-1), 1);
  assert.deepEqual(
    [...done].sort((a, b) => a - b),
    done,
  );
});

test('a label that is no class and numbers that cannot be are told, and the signal ends a session', async () => {
  const told = (options: Partial<ActiveLearningOptions>, message: RegExp) =>
    assert.rejects(
      learnActively({...session, ...options}),
      (error: Error) => error instanceof LabError && message.test(error.message),
    );
  await told({oracle: ({photos}) => new Map([[photos[0], 'lion']])}, /the label "lion" is none of/);
  await told({step: 0}, /step is 0\. Give a whole number/);
  await told({strategy: 'best' as 'random', budget: 20}, /no strategy "best"\. Give margin and spread/);
  await told({pool: {keys: [], features: frozen.train.features}}, /no photo to ask for/);
  const controller = new AbortController();
  const stopped = learnActively({...session, signal: controller.signal, onRound: () => controller.abort()});
  await assert.rejects(stopped, {name: 'AbortError'});
});
