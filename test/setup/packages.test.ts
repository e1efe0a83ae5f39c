import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {isDeepStrictEqual} from 'node:util';
import {tensorflowVersion} from '../../setup/machine.mjs';
import {difference} from '../../setup/packages.mjs';
import {isSupported, lockText, pinsOf, readPins} from '../../setup/python.mjs';

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
  const locked =
    "a==1.0 ; python_full_version < '3.11' \\\n    --hash=sha256:0\na==2.0 ; os_name == 'nt'\nb==3.0 \\\n";
  assert.deepEqual(pinsOf(locked), [
    ['a', '1.0', "python_full_version < '3.11'"],
    ['a', '2.0', "os_name == 'nt'"],
    ['b', '3.0', ''],
  ]);
  assert.throws(() => readPins('plotly>=7\n'), /'plotly>=7' is not of the form name==version/);
});

test('Python 3.10 and newer can make the environment', () => {
  assert.deepEqual(
    ['2.7.18', '3.9.18', '3.10.0', '3.14.1'].map((version) => isSupported(version)),
    [false, false, true, true],
  );
});

test('every package that Python gives is pinned with hashes, and no host stands in a lock file', () => {
  const locks = ['jupyter', 'tensorboard', 'zig', 'tensorflow', 'tensorflow-cpu', 'tensorflow-cuda'] as const;
  for (const name of locks) {
    const text = lockText(name);
    const wanted = readFileSync(`setup/requirements/${name}.in`, 'utf8');
    const pins = readPins(text);
    for (const [, direct] of wanted.matchAll(/^([\w-]+)/gm)) assert.ok(pins[direct], direct);
    const entries = text.split(/^(?=[a-z])/m).slice(1);
    for (const entry of entries) assert.match(entry, /\\\n {4}--hash=sha256:[0-9a-f]{64}/);
    assert.doesNotMatch(text, /:\/\//);
  }
});

test('what TensorBoard shares with JupyterLab is of the same version for the same Pythons', () => {
  const [jupyter, tensorboard] = (['jupyter', 'tensorboard'] as const).map((name) => pinsOf(lockText(name)));
  const ofJupyter = new Set(jupyter.map(([name]) => name));
  const shared = tensorboard.filter(([name]) => ofJupyter.has(name));
  assert.ok(shared.length > 0);
  for (const pin of shared)
    assert.ok(
      jupyter.some((other) => isDeepStrictEqual(other, pin)),
      pin.join(' '),
    );
});

test('the version of TensorFlow is one, in code and in lock files', () => {
  for (const name of ['tensorflow', 'tensorflow-cpu'] as const) {
    assert.equal(readPins(lockText(name))[name], tensorflowVersion);
  }
});
