/** What observers of a run are told, when, and by whom. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {everything, type ExperimentOptions, observers, type RunObserver} from '../../lib/experiments';
import {Lab} from '../../lib/notebook';
import {drawnWorkspace, run} from './workspace';

const small: ExperimentOptions = {
  backbone: 'squeezenet1_1',
  regime: everything(),
  epochs: 2,
  batchSize: 16,
  name: 'small',
};

/** Notes what it is told, under a name. */
function noting(name: string, told: string[]): RunObserver {
  return {
    onStart: ({title, experiment, photos, history}) => {
      const facts = [title, experiment!.network, photos!.train.length > 0, history!.length];
      told.push(`${name} start ${facts.join(' ')}`);
    },
    onGradients: (gradients, {epoch}) => told.push(`${name} gradients ${epoch} ${gradients.size > 10}`),
    onEpoch: ({epoch}, {improved}) => told.push(`${name} epoch ${epoch} ${improved}`),
    onFinish: async ({result, history}) => {
      await Promise.resolve();
      told.push(`${name} finish ${result!.test!.accuracy >= 0} ${history!.length}`);
    },
  };
}

test('several observers are told of a run in their order; of a stored one only the end; of one that goes on, its history', async () => {
  const workspace = await drawnWorkspace();
  const told: string[] = [];
  const controller = new AbortController();
  const stop: RunObserver = {onBatch: ({epoch}) => void (epoch === 2 && controller.abort())};
  await run(small, workspace, {
    ...observers([noting('a', told), {}, noting('b', told), stop]),
    signal: controller.signal,
  });
  const network = told[0].split(' ').at(-3)!;
  assert.deepEqual(told.splice(0), [
    `a start small ${network} true 0`,
    `b start small ${network} true 0`,
    'a gradients 1 true',
    'b gradients 1 true',
    'a epoch 1 true',
    'b epoch 1 true',
  ]);
  await run(small, workspace, noting('a', told));
  assert.deepEqual([told[0], told.at(-1)], [`a start small ${network} true 1`, 'a finish true 2']);
  told.splice(0);
  await new Lab(workspace).run(small, {observers: [noting('a', told)]});
  assert.deepEqual(told, ['a finish true 2']);
});

test('gradients are shown to nobody where nobody asks for them', () => {
  assert.equal(observers([{onEpoch: () => {}}, {}]).onGradients, undefined);
});
