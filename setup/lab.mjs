/** npm run lab [-- notebook or its short name]: sets up what is missing, runs a notebook from first cell to last, writes its reports. */
import {existsSync} from 'node:fs';
import path from 'node:path';
import {jupyterEnvironment, userFolder} from './jupyter.mjs';
import {SetupError, commandLine, runInTerminal} from './processes.mjs';
import {
  findNotebook,
  firstNotebook,
  inProject,
  nodeModules,
  notebookNames,
  root,
  setupFolder,
  venvPython,
} from './project.mjs';
import {setUp} from './steps.mjs';

await commandLine(async () => {
  const named = process.argv[2];
  const notebook = named === undefined ? firstNotebook : findNotebook(named, userFolder(process.env));
  if (!existsSync(notebook)) {
    throw new SetupError(
      `${notebook}: there is no such notebook. Name one of ${notebookNames().join(', ')}, or none for ${inProject(firstNotebook)}.`,
    );
  }
  await setUp();
  const environment = jupyterEnvironment(process.env);
  const reports = path.join(environment.LAB_HOME ?? root, 'reports');
  const runner = [path.join(setupFolder, 'run_notebook.py'), notebook];
  const options = ['--reports', reports, '--plotly', path.join(nodeModules, 'plotly.js-dist', 'plotly.js')];
  return runInTerminal(venvPython, [...runner, ...options], environment);
});
