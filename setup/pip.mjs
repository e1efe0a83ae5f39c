/** pip as the library calls it for packages that are mere files: shielded from the user's settings as the set-up's is. */
import {existsSync} from 'node:fs';
import {commandLine, runInTerminal} from './processes.mjs';
import {venvPython} from './project.mjs';
import {pipArguments, pipEnvironment} from './python.mjs';

await commandLine(async () => {
  const python = existsSync(venvPython) ? venvPython : 'python3';
  const environment = await pipEnvironment(python, process.env);
  return runInTerminal(python, [...pipArguments, ...process.argv.slice(2)], environment, process.cwd());
});
