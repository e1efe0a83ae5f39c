/** The set-up under settings of the user's own, in throw-away folders. */
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {chmod, readdir, writeFile} from 'node:fs/promises';
import {devNull} from 'node:os';
import path from 'node:path';
import {type TestContext, test} from 'node:test';
import {lockFolder} from '../../setup/lock.mjs';
import {environment} from '../../setup/processes.mjs';
import {findPython, pip, pythonVersion, wayOut} from '../../setup/python.mjs';
import {bring} from '../../setup/steps.mjs';
import {temporaryFolder} from '../ending';
import {startProgram} from '../processes';

const folder = (t: TestContext) => temporaryFolder(t, 'lab set-up ');

test("of the user's settings of Python and pip only the way to packages reaches the project's", () => {
  const own = environment({
    PATH: '/bin',
    PYTHONHOME: '/nonexistent',
    PYTHONSAFEPATH: '1',
    PIP_USER: '1',
    PIP_PREFIX: '/elsewhere',
    PIP_INDEX_URL: 'https://index.example/simple',
    PIP_CERT: '/certificates.pem',
  });
  assert.deepEqual(own, {
    PATH: '/bin',
    PIP_INDEX_URL: 'https://index.example/simple',
    PIP_CERT: '/certificates.pem',
    PYTHONNOUSERSITE: '1',
  });
  const listed = [
    ":env:.cert='/env.pem'",
    "global.cert='/file.pem'",
    "global.extra-index-url='https://a.example\\nhttps://b.example'",
    "global.user='true'",
    "install.prefix='/elsewhere'",
    'install.proxy="it\'s"',
  ];
  assert.deepEqual(wayOut(listed.join('\n')), {
    PIP_CONFIG_FILE: devNull,
    PIP_CERT: '/env.pem',
    PIP_EXTRA_INDEX_URL: 'https://a.example\nhttps://b.example',
    PIP_PROXY: "it's",
  });
});

test('Python is found under a PYTHONHOME that leads nowhere', () => {
  const before = process.env.PYTHONHOME;
  process.env.PYTHONHOME = '/nonexistent';
  try {
    assert.match(pythonVersion(findPython()) ?? '', /^3\./);
  } finally {
    if (before === undefined) delete process.env.PYTHONHOME;
    else process.env.PYTHONHOME = before;
  }
});

/** A wheel of one module, made by hand. */
const wheelMaker = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/probe_of_the_lab-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("probe_of_the_lab.py", "")
    info = "probe_of_the_lab-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: probe-of-the-lab\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "")
`;

test('pip told by its settings to install elsewhere still installs into the environment', async (t) => {
  const home = folder(t);
  const venv = path.join(home, 'venv');
  const wheels = temporaryFolder(t, 'lab-wheels-'); // pip parts links at blanks
  const elsewhere = path.join(home, 'elsewhere');
  const python = path.join(venv, 'bin', 'python');
  assert.equal(spawnSync(findPython(), ['-m', 'venv', venv]).status, 0);
  assert.equal(spawnSync(python, ['-c', wheelMaker, wheels]).status, 0);
  const settings = `[global]\nno-index = true\nfind-links = ${wheels}\n[install]\nprefix = ${elsewhere}\n`;
  await writeFile(path.join(home, 'pip.conf'), settings);
  const {PIP_FIND_LINKS: _links, ...rest} = process.env;
  await pip(['install', 'probe-of-the-lab'], {
    python,
    env: {...rest, PIP_CONFIG_FILE: path.join(home, 'pip.conf'), PIP_USER: '1', PIP_TARGET: elsewhere},
  });
  assert.deepEqual(await readdir(home), ['pip.conf', 'venv']);
  assert.equal(spawnSync(python, ['-c', 'import probe_of_the_lab']).status, 0);
});

test('a step is done when what it brings works, not when its command succeeds', async () => {
  const step = {title: () => 'a step', missing: () => null, perform: () => {}};
  await bring({...step, works: () => null});
  await assert.rejects(
    bring({...step, works: () => 'it cannot be imported'}),
    /a step: installed, but it cannot/,
  );
});

test(
  'two set-ups at once wait for each other, and one that is killed lets go',
  {timeout: 60_000},
  async (t) => {
    const project = folder(t);
    const lock = path.resolve('setup/lock.mjs');
    const python = findPython();
    const code = `import {lockFolder} from ${JSON.stringify(lock)};
    await lockFolder(${JSON.stringify(project)}, ${JSON.stringify(python)});
    console.log('held'); setInterval(() => {}, 1000);`;
    const {child: other} = startProgram(t, process.execPath, ['--input-type=module', '-e', code]);
    await once(other.stdout, 'data');
    const told: string[] = [];
    let held = false;
    const waiting = lockFolder(project, python, (message) => {
      told.push(message);
      assert.equal(held, false);
      other.kill('SIGKILL');
    });
    const unlock = await waiting;
    held = true;
    assert.deepEqual(told, ['Another set-up of this project is at work. Waiting for it.']);
    unlock();
    (await lockFolder(project, python, (message) => told.push(message)))();
    assert.equal(told.length, 1);
  },
);

test('a project folder that cannot be written to is named', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const project = folder(t);
  await chmod(project, 0o555);
  await assert.rejects(
    lockFolder(project, findPython()),
    /cannot be written to \(EACCES\).*copy the project/,
  );
});
