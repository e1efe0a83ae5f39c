/** A kernel: does what its parent asks for, at the moment that this says. */
import {LabError} from '../../lib/errors';
import type {Answer, Request} from './kernels';
import {tasks} from './tasks';

async function answer({task, options, at}: Request): Promise<Answer<unknown>> {
  while (Date.now() < at);
  try {
    return {value: await (tasks[task] as (options: unknown) => Promise<unknown>)(options)};
  } catch (error) {
    const {name, message, stack = ''} = error as Error;
    return {error: {name, message, stack, named: error instanceof LabError}};
  }
}

process.on('message', (request: Request) => void answer(request).then((given) => process.send!(given)));
process.on('disconnect', () => process.exit());
process.send!('ready');
