/** npm start [-- options of JupyterLab]: sets up what is missing and opens JupyterLab at the first notebook. */
import {jupyterEnvironment} from './jupyter.mjs';
import {commandLine, runInTerminal} from './processes.mjs';
import {firstNotebook, inProject, venvPython} from './project.mjs';
import {setUp} from './steps.mjs';

await commandLine(async () => {
  await setUp();
  const options = [
    `--LabApp.default_url=/lab/tree/${inProject(firstNotebook)}`,
    // In a container everybody is root; the server listens on this machine alone and asks for a token.
    ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
  ];
  return runInTerminal(
    venvPython,
    ['-m', 'jupyterlab', ...options, ...process.argv.slice(2)],
    jupyterEnvironment(process.env),
  );
});
