/**
 * TensorFlow's C library, taken out of its Python wheel.
 *
 * Only the library and its headers are used, never Python's part, so one wheel (that for CPython 3.12) serves every
 * Python that a user may have, also those for which TensorFlow has no wheel. It lies in a folder of its own, whose
 * layout is that of site-packages: so the CUDA build finds its companions at `../nvidia` as its run path says.
 */
import {existsSync, mkdirSync, readdirSync, renameSync, rmSync} from 'node:fs';
import path from 'node:path';
import {chooseBuild, thisMachine} from './machine.mjs';
import {venv} from './project.mjs';
import {installLocked} from './python.mjs';

/** TensorFlow's shared libraries, by which the binding is linked. */
export const libraries =
  process.platform === 'darwin'
    ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
    : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** @type {import('./steps.mjs').Step} */
export const engine = {
  title: () => {
    const {version, cuda} = engineBuild();
    return `TensorFlow ${version} (${cuda ? 'CUDA, which LAB_DEVICE asks for; not tested on a card yet' : 'CPU'})`;
  },
  missing: () => {
    const absent = libraries.find((name) => !existsSync(path.join(engineFolder(), 'tensorflow', name)));
    return absent === undefined ? null : `TensorFlow's ${absent} is missing`;
  },
  works: () => null, // the binding tries it
  perform: async () => {
    const build = engineBuild();
    const folder = engineFolder();
    const partial = `${folder}.partial`;
    rmSync(partial, {recursive: true, force: true});
    mkdirSync(partial, {recursive: true});
    try {
      await install(build, partial);
      rmSync(folder, {recursive: true, force: true});
      renameSync(partial, folder);
    } finally {
      rmSync(partial, {recursive: true, force: true});
    }
  },
};

/** The build of TensorFlow for this machine and LAB_DEVICE. */
export function engineBuild() {
  return chooseBuild(thisMachine(), process.env.LAB_DEVICE || undefined);
}

/** The folder of this machine's build. Builds lie side by side, so LAB_DEVICE can change without a download. */
export function engineFolder() {
  const {wheel, version} = engineBuild();
  return path.join(venv, 'engine', `${wheel}-${version}`);
}

/**
 * Unpacks the wheel into a folder and keeps what the engine needs.
 * @param {import('./machine.mjs').Build} build
 * @param {string} folder
 */
async function install({wheel, tag, cuda}, folder) {
  const target = ['--no-deps', '--no-compile', '--target', folder];
  const anyPython = [
    '--python-version',
    '3.12',
    '--implementation',
    'cp',
    '--abi',
    'cp312',
    '--platform',
    tag,
  ];
  await installLocked(wheel, [...target, ...anyPython]);
  if (cuda) await installLocked('tensorflow-cuda', target);
  keepOnly(folder, /^(tensorflow|nvidia|.*\.dist-info)$/);
  keepOnly(path.join(folder, 'tensorflow'), /^(include|libtensorflow.*|.*\.txt)$/);
}

/** @param {string} folder @param {RegExp} names */
function keepOnly(folder, names) {
  for (const name of readdirSync(folder)) {
    if (!names.test(name)) rmSync(path.join(folder, name), {recursive: true});
  }
}
