/** npm run doctor: what of the set-up is in place, with versions, and what to do about what is not. */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, readdirSync, statfsSync} from 'node:fs';
import path from 'node:path';
import {engineBuild} from './engine.mjs';
import {absoluteMirror, userFolder} from './jupyter.mjs';
import {cardReport, checkNode, graphicsCards} from './machine.mjs';
import {SetupError, commandLine} from './processes.mjs';
import {inProject, nodeModules, root, venv, venvPython} from './project.mjs';
import {findPython, lockText, pythonVersion, readPins} from './python.mjs';
import {steps, stepsOnDemand} from './steps.mjs';

/**
 * One line of the doctor's report.
 * @typedef {object} Finding
 * @property {string} name
 * @property {'ok' | 'note' | 'missing'} state only `missing` keeps the lab from running
 * @property {string} text what is there, or what is not and the remedy
 */

const setUpRemedy = 'run: npm run setup';

/** @returns {Finding[]} */
function examine() {
  const tools = [
    finding('Node', () => (checkNode(process.versions.node), process.versions.node)),
    finding('Python', pythonUsed),
    finding('machine', () => {
      const {wheel, version, tag, cuda} = engineBuild();
      return `${process.platform} ${process.arch}: wheel ${wheel} ${version} for ${tag}${cuda ? ', CUDA (not tested on a card yet)' : ''}`;
    }),
  ];
  if (tools.some(({state}) => state === 'missing')) return [...tools, diskSpace()];
  const setUp = steps.map((step) =>
    finding(step.title(), () => {
      const fault = step.missing() ?? step.works();
      if (fault !== null) throw new SetupError(`${fault}; ${setUpRemedy}`);
      return 'in place, and works';
    }),
  );
  return [
    ...tools,
    ...setUp,
    ...onDemand(),
    ...versions(),
    graphicsCard(),
    browser(),
    mirror(),
    atHand('data'),
    atHand('models/weights'),
    diskSpace(),
  ];
}

/** @param {string} name @param {() => string} examination returns what is there, throws what is missing @returns {Finding} */
function finding(name, examination) {
  try {
    return {name, state: 'ok', text: examination()};
  } catch (error) {
    // A step cannot even be examined before those it builds on are done.
    return {
      name,
      state: 'missing',
      text: error instanceof SetupError ? error.message : `not set up; ${setUpRemedy}`,
    };
  }
}

function pythonUsed() {
  const inVenv = existsSync(venvPython) ? pythonVersion(venvPython) : null;
  if (inVenv !== null) return `${inVenv} in ${inProject(venv)}`;
  const command = findPython();
  return `${pythonVersion(command)} (${command})`;
}

/**
 * The versions of what the lab is made of.
 * @returns {Finding[]}
 */
function versions() {
  const pinned = readPins(lockText('jupyter'));
  const pypi = ['jupyterlab', 'nbconvert', 'nbclient', 'plotly'].map((name) =>
    finding(`Python's ${name}`, () => pinned[name]),
  );
  const npm = ['tslab', '@tensorflow/tfjs-node', 'sharp', 'plotly.js-dist'].map((name) =>
    finding(`npm's ${name}`, () => packageVersion(name)),
  );
  return [...npm, ...pypi];
}

/** @param {string} name */
function packageVersion(name) {
  const text = readFileSync(path.join(nodeModules, name, 'package.json'), 'utf8');
  return /** @type {{version: string}} */ (JSON.parse(text)).version;
}

/**
 * What commands of their own have brought, which the lab runs without.
 * @returns {Finding[]}
 */
function onDemand() {
  return stepsOnDemand().map((step) => {
    const fault = step.missing() ?? step.works();
    const name = step.title();
    return fault === null
      ? {name, state: 'ok', text: 'in place, and works'}
      : {name, state: 'note', text: `${fault}; ${setUpRemedy}`};
  });
}

/** @returns {Finding} */
function graphicsCard() {
  return {name: 'graphics card', ...cardReport(graphicsCards(), engineBuild().cuda ? enginesAnswer() : null)};
}

/** What TensorFlow says of the card, in a process of its own. */
function enginesAnswer() {
  const code = `const {cardMissed, engineReport} = require(${JSON.stringify(path.join(root, 'dist', 'engine'))});
    console.log(JSON.stringify({device: engineReport().device, cardMissed}));`;
  const {status, stdout, stderr} = spawnSync(process.execPath, ['-e', code], {encoding: 'utf8'});
  return status === 0
    ? /** @type {{device: string, cardMissed: string | null}} */ (JSON.parse(stdout))
    : (/Error: (TensorFlow .*)/.exec(stderr)?.[1] ?? 'TensorFlow does not load');
}

/** @returns {Finding} */
function browser() {
  const file = [process.env.CHROMIUM, '/usr/bin/chromium'].find(
    (candidate) => candidate && existsSync(candidate),
  );
  return file
    ? {name: 'browser for tests', state: 'ok', text: file}
    : {
        name: 'browser for tests',
        state: 'note',
        text: 'none: the JupyterLab tests skip themselves; install Chromium or set CHROMIUM to its path',
      };
}

/** @returns {Finding} */
function mirror() {
  const wish = process.env.LAB_MIRROR;
  if (!wish)
    return {
      name: 'LAB_MIRROR',
      state: 'note',
      text: 'not set: data and weights come from their public addresses',
    };
  try {
    const place = absoluteMirror(wish, userFolder(process.env));
    return /^https?:/.test(place) || existsSync(place)
      ? {name: 'LAB_MIRROR', state: 'ok', text: place}
      : {name: 'LAB_MIRROR', state: 'note', text: `${place} does not exist: correct it or unset it`};
  } catch (error) {
    return {name: 'LAB_MIRROR', state: 'note', text: error instanceof Error ? error.message : String(error)};
  }
}

/** @param {string} folder @returns {Finding} */
function atHand(folder) {
  const place = path.join(root, folder);
  const names = existsSync(place)
    ? readdirSync(place).filter((name) => !name.startsWith('.') && name !== 'README.md')
    : [];
  return names.length > 0
    ? {name: folder, state: 'ok', text: names.join(', ')}
    : {
        name: folder,
        state: 'note',
        text: 'empty: the lab fetches what it needs, or stand-ins when it cannot',
      };
}

/** @returns {Finding} */
function diskSpace() {
  const {bavail, bsize} = statfsSync(root);
  const free = bavail * bsize;
  const text = `${(free / 1e9).toFixed(1)} GB free`;
  const [taken, enough] = process.env.LAB_DEVICE === 'gpu' ? [8, 12] : [2, 3];
  return free > enough * 1e9
    ? {name: 'disk', state: 'ok', text}
    : {
        name: 'disk',
        state: 'note',
        text: `${text}: the set-up takes ${taken} GB, data and runs come on top; make room`,
      };
}

await commandLine(() => {
  const findings = examine();
  const width = Math.max(...findings.map(({name}) => name.length));
  const marks = {ok: 'ok     ', note: 'note   ', missing: 'MISSING'};
  for (const {name, state, text} of findings) console.log(`${marks[state]}  ${name.padEnd(width)}  ${text}`);
  const runs = findings.every(({state}) => state !== 'missing');
  console.log(runs ? '\nThe lab can run: npm run lab, or npm start.' : '\nThe lab cannot run yet.');
  return runs ? 0 : 1;
});
