/**
 * TensorFlow's C library, taken out of its Python wheel.
 *
 * Only the library and its headers are used, never Python's part, so one wheel (that for CPython 3.12) serves every
 * Python that a user may have, also those for which TensorFlow has no wheel. It lies in a folder of its own, whose
 * layout is that of site-packages: so the CUDA build finds its companions at `../nvidia` as its run path says.
 */
import {existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync} from 'node:fs';
import path from 'node:path';
import {chooseBuild, thisMachine} from './machine.mjs';
import {venv, venvPython} from './project.mjs';
import {complaint, installLocked, lockText, pinsOf} from './python.mjs';

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
    if (absent !== undefined) return `TensorFlow's ${absent} is missing`;
    return engineBuild().cuda ? missingOfCuda(engineFolder(), lockText('tensorflow-cuda')) : null;
  },
  // The binding tries TensorFlow itself, which loads CUDA only where a card answers.
  works: () => (engineBuild().cuda ? complaint(venvPython, loadingCuda(engineFolder())) : null),
  perform: async () => {
    const build = engineBuild();
    const folder = engineFolder();
    const [partial, old] = [`${folder}.partial`, `${folder}.old`];
    for (const left of [partial, old]) rmSync(left, {recursive: true, force: true});
    mkdirSync(partial, {recursive: true});
    try {
      await install(build, partial);
      if (existsSync(folder)) renameSync(folder, old);
      renameSync(partial, folder);
    } finally {
      for (const left of [partial, old]) rmSync(left, {recursive: true, force: true});
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
 * What of the CUDA build's companions is not there, by the records of their wheels; null when all are.
 * @param {string} folder
 * @param {string} lock the text of the lock file that names the wheels
 */
export function missingOfCuda(folder, lock) {
  for (const [name, version] of pinsOf(lock)) {
    const record = path.join(folder, `${name.replaceAll('-', '_')}-${version}.dist-info`, 'RECORD');
    if (!existsSync(record)) return `${name} ${version} is missing`;
    const absent = sharedLibraries(record).find((file) => !existsSync(path.join(folder, file)));
    if (absent !== undefined) return `${name}'s ${absent} is missing`;
  }
  return null;
}

/** @param {string} record a wheel's list of its files @returns the shared libraries among them */
const sharedLibraries = (record) =>
  [...readFileSync(record, 'utf8').matchAll(/^([^,\n]+\.so(?:\.\d+)*),/gm)].map(([, file]) => file);

/** Python that loads what TensorFlow takes of CUDA as soon as a card answers. @param {string} folder */
function loadingCuda(folder) {
  const taken = /\/lib(cudart|cublas|cublasLt|cufft|cusolver|cusparse|cudnn|nccl|cupti)\.so\.\d+$/;
  const records = readdirSync(folder).filter((name) => /^nvidia_.*\.dist-info$/.test(name));
  const files = records.flatMap((name) => sharedLibraries(path.join(folder, name, 'RECORD')));
  const paths = files.filter((file) => taken.test(file)).map((file) => path.join(folder, file));
  return `import ctypes\nfor file in ${JSON.stringify(paths)}: ctypes.CDLL(file)`;
}

/**
 * Unpacks the wheel into a folder and keeps what the engine needs.
 * @param {import('./machine.mjs').Build} build
 * @param {string} folder
 */
async function install({wheel, tag, cuda}, folder) {
  const target = ['--no-deps', '--no-compile', '--target', folder];
  // The system's folder for temporary files is often small, and keeps what a killed pip leaves.
  const temporary = path.join(folder, 'temporary');
  mkdirSync(temporary);
  const env = {...process.env, TMPDIR: temporary};
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
  await installLocked(wheel, [...target, ...anyPython], env);
  if (cuda) await installLocked('tensorflow-cuda', target, env);
  keepOnly(folder, /^(tensorflow|nvidia|.*\.dist-info)$/);
  keepOnly(path.join(folder, 'tensorflow'), /^(include|libtensorflow.*|.*\.txt)$/);
}

/** @param {string} folder @param {RegExp} names */
function keepOnly(folder, names) {
  for (const name of readdirSync(folder)) {
    if (!names.test(name)) rmSync(path.join(folder, name), {recursive: true});
  }
}
