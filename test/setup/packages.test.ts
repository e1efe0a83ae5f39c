import assert from 'node:assert/strict';
import {test} from 'node:test';
import {cudaRequirements} from '../../setup/engine.mjs';
import {difference} from '../../setup/packages.mjs';
import {isSupported, readPins} from '../../setup/python.mjs';

const locked = {
  '': {version: '0.1.0'},
  'node_modules/a': {version: '1.0.0', integrity: 'sha512-a'},
  'node_modules/mac-only': {version: '2.0.0', integrity: 'sha512-m', optional: true},
};
const installed = {'node_modules/a': {version: '1.0.0', integrity: 'sha512-a'}};

test('npm packages are in place when all that is locked is there, but for optional ones', () => {
  assert.equal(
    difference(locked, installed, () => true),
    null,
  );
  assert.equal(
    difference(locked, installed, () => false),
    'node_modules/a is missing',
  );
  assert.equal(
    difference(locked, {}, () => true),
    'node_modules/a is not installed',
  );
  const older = {'node_modules/a': {version: '0.9.0', integrity: 'sha512-a'}};
  assert.match(
    difference(locked, older, () => true) ?? '',
    /a is 0\.9\.0, package-lock\.json asks for 1\.0\.0/,
  );
});

test('pins are read from a requirements file, and only pins are allowed', () => {
  assert.deepEqual(readPins('# tools\njupyterlab==4.6.6\n\nplotly==7.1.0\n'), {
    jupyterlab: '4.6.6',
    plotly: '7.1.0',
  });
  assert.throws(() => readPins('plotly>=7\n'), /'plotly>=7' is not of the form name==version/);
});

test('Python 3.10 and newer can make the environment', () => {
  assert.deepEqual(
    ['2.7.18', '3.9.18', '3.10.0', '3.14.1'].map((version) => isSupported(version)),
    [false, false, true, true],
  );
});

test('the CUDA wheels are those that the TensorFlow wheel itself asks for', () => {
  const metadata = [
    'Requires-Dist: numpy>=1.26.0',
    'Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"',
    'Requires-Dist: tensorflow-io-gcs-filesystem>=0.23.1; extra == "gcs-filesystem"',
  ];
  assert.deepEqual(cudaRequirements(metadata.join('\n')), ['nvidia-cudnn-cu12<10.0,>=9.3.0.75']);
});
