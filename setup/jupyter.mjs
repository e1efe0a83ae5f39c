/** The TypeScript kernel and Jupyter's settings, all of them inside .venv: nothing is written to the user's home. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {isDeepStrictEqual} from 'node:util';
import {SetupError} from './processes.mjs';
import {nodeModules, root, setupFolder, venv} from './project.mjs';
import {replaceFile} from './replace.mjs';

const configFolder = path.join(venv, 'etc', 'jupyter');
const dataFolder = path.join(venv, 'share', 'jupyter');

/** @type {import('./steps.mjs').Step} */
export const jupyter = {
  title: () => 'the TypeScript kernel in .venv',
  missing: () => {
    const stale = settings().find(([file, content]) => !holds(file, content));
    return stale ? `${path.relative(venv, stale[0])} in .venv is missing or out of date` : null;
  },
  works: () => null,
  perform: () => {
    for (const [file, content] of settings()) {
      replaceFile(file, `${JSON.stringify(content, null, 2)}\n`);
    }
  },
};

/**
 * Whether a file holds these settings, beside entries that JupyterLab adds of its own.
 * @param {string} file
 * @param {object} content
 */
function holds(file, content) {
  try {
    /** @type {Record<string, unknown>} */
    const found = JSON.parse(readFileSync(file, 'utf8'));
    return Object.entries(content).every(([name, value]) => isDeepStrictEqual(found[name], value));
  } catch {
    return false;
  }
}

/**
 * The files of settings and their contents.
 * @returns {[string, object][]}
 */
function settings() {
  return [
    [path.join(dataFolder, 'kernels', 'tslab', 'kernel.json'), kernelSpec(process.execPath)],
    [
      path.join(configFolder, 'jupyter_server_config.json'),
      {
        KernelSpecManager: {allowed_kernelspecs: ['tslab'], ensure_native_kernel: false},
        MultiKernelManager: {default_kernel_name: 'tslab'},
        ServerApp: {root_dir: root},
        // The server drops output beyond a rate; here it serves one person on one machine.
        ZMQChannelsWebsocketConnection: {limit_rate: false},
      },
    ],
    [
      path.join(configFolder, 'labconfig', 'page_config.json'),
      {disabledExtensions: {'@jupyterlab/apputils-extension:announcements': true}},
    ],
  ];
}

/**
 * How Jupyter starts the kernel: the project's tslab in the Node that ran the set-up. oneDNN makes TensorFlow's
 * convolutions up to three times faster and must be asked for before the engine loads.
 * @param {string} node
 */
export function kernelSpec(node) {
  return {
    argv: [node, path.join(setupFolder, 'kernel.mjs'), '{connection_file}'],
    display_name: 'TypeScript',
    language: 'typescript',
    env: {TF_ENABLE_ONEDNN_OPTS: '1', TF_CPP_MIN_LOG_LEVEL: '2', NODE_PATH: nodeModules},
  };
}

/**
 * The environment in which Jupyter's programs use .venv alone. A LAB_HOME and a LAB_MIRROR that is a folder become
 * absolute, because notebooks run in their own folder.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function jupyterEnvironment(env) {
  const {JUPYTER_PATH: _path, JUPYTER_CONFIG_PATH: _configPath, ...rest} = env;
  return {
    ...rest,
    ...(env.LAB_HOME ? {LAB_HOME: path.resolve(userFolder(env), env.LAB_HOME)} : {}),
    ...(env.LAB_MIRROR ? {LAB_MIRROR: absoluteMirror(env.LAB_MIRROR, userFolder(env))} : {}),
    JUPYTER_CONFIG_DIR: configFolder,
    JUPYTER_DATA_DIR: dataFolder,
    JUPYTER_RUNTIME_DIR: path.join(dataFolder, 'runtime'),
    IPYTHONDIR: path.join(venv, 'etc', 'ipython'),
  };
}

/**
 * An http(s) address as it is, anything else as the absolute path of a folder.
 * @param {string} mirror a folder, also as a file: URL, or an http(s) base URL
 * @param {string} folder what a relative folder is relative to
 */
export function absoluteMirror(mirror, folder) {
  if (/^https?:\/\//i.test(mirror)) return mirror;
  try {
    return /^file:/i.test(mirror) ? fileURLToPath(mirror) : path.resolve(folder, mirror);
  } catch (error) {
    throw new SetupError(
      `LAB_MIRROR is '${mirror}', which names no folder (${/** @type {Error} */ (error).message}): give its path.`,
    );
  }
}

/**
 * The folder in which the user typed the command: npm moves to the project's.
 * @param {NodeJS.ProcessEnv} env
 */
export function userFolder(env) {
  return env.INIT_CWD ?? process.cwd();
}
