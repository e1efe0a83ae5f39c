/** npm run tensorboard [-- options of TensorBoard]: sets up what is missing and serves models/tensorboard on this machine alone. */
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {jupyterEnvironment} from './jupyter.mjs';
import {commandLine, runInTerminal} from './processes.mjs';
import {root, venvPython} from './project.mjs';
import {tensorBoard} from './python.mjs';
import {setUp} from './steps.mjs';

await commandLine(async () => {
  await setUp({more: [tensorBoard]});
  const environment = jupyterEnvironment(process.env);
  const folder = path.join(environment.LAB_HOME ?? root, 'models', 'tensorboard');
  mkdirSync(folder, {recursive: true});
  const options = ['--logdir', folder, '--host', '127.0.0.1', ...process.argv.slice(2)];
  return runInTerminal(venvPython, ['-m', 'tensorboard.main', ...options], environment);
});
