import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {LabError} from '../../lib/errors';
import {
  constant,
  cosine,
  learningRateFactor,
  oneCycle,
  stepDecay,
  type Schedule,
} from '../../lib/training/schedules';

interface Case {
  schedule: Schedule;
  stepsPerEpoch: number;
  epochs: number;
  factors: number[];
}

const cases = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'schedules.json'), 'utf8')) as Case[];

for (const {schedule, stepsPerEpoch, epochs, factors} of cases) {
  test(`as PyTorch: ${JSON.stringify(schedule)}`, () => {
    assert.equal(factors.length, stepsPerEpoch * epochs);
    factors.forEach((expected, step) => {
      const factor = learningRateFactor(schedule, step, stepsPerEpoch, epochs);
      assert.ok(Math.abs(factor - expected) < 1e-12, `step ${step}: ${factor}, PyTorch has ${expected}`);
    });
  });
}

test('schedules are plain data with every default written out', () => {
  assert.deepEqual(
    [constant(), stepDecay({every: 5}), cosine(), oneCycle({warmup: 1})].map((schedule) =>
      JSON.stringify(schedule),
    ),
    [
      '{"kind":"constant","warmup":0}',
      '{"kind":"stepDecay","every":5,"gamma":0.1,"warmup":0}',
      '{"kind":"cosine","final":0,"warmup":0}',
      '{"kind":"oneCycle","pctStart":0.3,"divFactor":25,"finalDivFactor":10000,"warmup":1}',
    ],
  );
});

test('a warm-up rises to where the schedule begins', () => {
  const factors = [0, 1, 2, 3].map((step) => learningRateFactor(oneCycle({warmup: 1}), step, 3, 4));
  assert.deepEqual(
    factors.map((factor) => factor.toFixed(6)),
    ['0.010000', '0.020000', '0.030000', '0.040000'],
  );
});

test('the one cycle of a very short run stays between its end and the base rate', () => {
  for (const steps of [1, 2, 3, 4]) {
    for (let step = 0; step < steps; step++) {
      const factor = learningRateFactor(oneCycle(), step, steps, 1);
      assert.ok(factor >= 1 / 25e4 - 1e-15 && factor <= 1, `${step} of ${steps}: ${factor}`);
    }
  }
});

test('values out of range are named with what to give', () => {
  const wrong: [() => unknown, RegExp][] = [
    [
      () => constant({warmup: -1}),
      /^LabError: constant schedule: warmup is -1; give a number of epochs from 0 up/,
    ],
    [() => stepDecay({every: 0}), /stepDecay schedule: every is 0/],
    [() => stepDecay({every: 2, gamma: 1.5}), /stepDecay schedule: gamma is 1.5/],
    [() => cosine({final: NaN}), /cosine schedule: final is NaN/],
    [() => oneCycle({pctStart: 1}), /oneCycle schedule: pctStart is 1;/],
    [() => oneCycle({divFactor: Infinity}), /divFactor is Infinity/],
    [() => oneCycle({finalDivFactor: 0}), /finalDivFactor is 0/],
    [
      () => learningRateFactor(cosine({warmup: 2}), 0, 10, 2),
      /a warm-up of 2 epochs leaves nothing of the run's 2/,
    ],
    [() => learningRateFactor(cosine(), 20, 10, 2), /Step 20 lies outside a run of 2 epochs of 10 steps/],
    [() => learningRateFactor(cosine(), 0.5, 10, 2), /Step 0.5/],
  ];
  for (const [make, message] of wrong) {
    assert.throws(make, (error) => error instanceof LabError && message.test(String(error)));
  }
});
