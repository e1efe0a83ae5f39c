import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import * as fs from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import test, {type TestContext} from 'node:test';
import {pathToFileURL} from 'node:url';
import util from 'node:util';
import {engineReport, peakMemory} from '../../lib/engine';
import {temporaryFolder} from '../ending';

const project = resolve(__dirname, '..', '..');

test('the engine tells what it is', () => {
  const report = engineReport();
  assert.match(report.tensorflow, /^2\.\d+\.\d+$/);
  assert.match(report.tfjs, /^4\.\d+\.\d+$/);
  assert.ok(['CPU', 'GPU'].includes(report.device));
  assert.ok(Number.isInteger(report.threads) && report.threads >= 1);
  assert.equal(typeof report.oneDNN, 'boolean');
});

test('peak memory is at least what is resident now, and below what the machine could hold', () => {
  const peak = peakMemory();
  assert.ok(peak >= process.memoryUsage().rss * 0.99, `${peak} bytes`);
  assert.ok(peak < 2 ** 40, `${peak} bytes`);
});

/** Loads the engine from a copy of its folder that has the given packages alone; what the error says. */
function loadCopy(t: TestContext, packages: Record<string, string>): string {
  const folder = temporaryFolder(t, 'lab engine ');
  fs.cpSync(join(project, 'lib', 'engine'), join(folder, 'lib', 'engine'), {recursive: true});
  fs.copyFileSync(join(project, 'lib', 'errors.ts'), join(folder, 'lib', 'errors.ts'));
  for (const [name, main] of Object.entries(packages)) {
    const home = join(folder, 'node_modules', name);
    fs.mkdirSync(home, {recursive: true});
    fs.writeFileSync(join(home, 'package.json'), JSON.stringify({name, main: 'index.js'}));
    fs.writeFileSync(join(home, 'index.js'), main);
  }
  const tsx = pathToFileURL(require.resolve('tsx')).href;
  const code = "try { require('./lib/engine'); } catch (error) { console.log(String(error)); }";
  const {stdout, stderr} = spawnSync(
    process.execPath,
    ['--import', tsx, '--input-type=commonjs', '-e', code],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  assert.equal(stderr, '');
  return stdout;
}

const remedy = /Run `npm run setup` in the project folder .*`npm run doctor` tells what is missing\.\n$/;

test('without its package the engine names the set-up command', (t) => {
  const message = loadCopy(t, {});
  assert.match(
    message,
    /^LabError: The TensorFlow engine is not set up: Cannot find module '@tensorflow\/tfjs-node'\n/,
  );
  assert.match(message, remedy);
});

test('with a binding that was never compiled, too', (t) => {
  const installed = require.resolve('@tensorflow/tfjs-node/package.json');
  const binding = join(dirname(installed), 'lib', 'napi-v8', 'tfjs_binding.node');
  assert.ok(fs.existsSync(binding), 'the engine of this project is compiled');
  const missing = join(tmpdir(), 'lab engine', 'tfjs_binding.node');
  const message = loadCopy(t, {'@tensorflow/tfjs-node': `require(${JSON.stringify(missing)})`});
  assert.match(
    message,
    /^LabError: The TensorFlow engine is not set up: Cannot find module '.*tfjs_binding\.node'\n/,
  );
  assert.match(message, remedy);
});

test('what tfjs-node calls of util warns of nothing, and is there under every Node', () => {
  const {isArray, isNullOrUndefined} = util as unknown as Record<string, (value: unknown) => boolean>;
  assert.equal(isArray, Array.isArray);
  assert.deepEqual([null, undefined, 0, ''].map(isNullOrUndefined), [true, true, false, false]);
});
