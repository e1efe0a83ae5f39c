/**
 * tfjs-node's binding to TensorFlow, compiled from lib/engine/binding (its source, changed a little) together with the
 * kernels of lib/engine/kernels.
 *
 * The kernels are compiled for this machine's processor, so the name also tells processors apart. It lies beside the library in the engine's folder, under a name that holds a digest of all it is made from, and
 * finds the library by a relative path; tfjs-node's package only has a link to it. So `npm ci` costs no compilation
 * and the project can be moved.
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import os from 'node:os';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {findCompiler} from './compiler.mjs';
import {engineFolder, libraries} from './engine.mjs';
import {tensorflowVersion} from './machine.mjs';
import {SetupError, run} from './processes.mjs';
import {enginePackage, nodeModules, root} from './project.mjs';

const sourceFolders = ['binding', 'kernels'].map((name) => path.join(root, 'lib', 'engine', name));

/** Where tfjs-node looks for its binding. */
export const bindingLink = path.join(enginePackage, 'lib', 'napi-v8', 'tfjs_binding.node');

/** @type {import('./steps.mjs').Step} */
export const binding = {
  title: () => 'the binding of Node to TensorFlow, compiled',
  missing: () => {
    const file = bindingFile(sources());
    if (!existsSync(file)) return 'the binding is not compiled';
    return linksTo(file) ? null : 'the binding is not linked';
  },
  works: () => {
    const version = loadedVersion(bindingLink);
    return version === tensorflowVersion ? null : `TensorFlow does not load (${version.trim()})`;
  },
  perform: async () => {
    const files = sources();
    const file = bindingFile(files);
    if (!existsSync(file) || loadedVersion(file) !== tensorflowVersion) await compile(files, file);
    link(file);
  },
};

/** The binding's source files by name. */
function sources() {
  return new Map(
    sourceFolders.flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /\.(cc|h)$/.test(name))
        .sort()
        .map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]),
    ),
  );
}

/** @param {Map<string, string>} files */
function bindingFile(files) {
  const digest = createHash('sha256')
    .update(JSON.stringify([...files, compilerArguments('tensorflow', 'node', 'output', []), processor()]))
    .digest('hex');
  return path.join(engineFolder(), `tfjs_binding-${digest.slice(0, 12)}.node`);
}

/** What tells this machine's processor from others: its model and, where the system lists them, its features. */
function processor() {
  const list = '/proc/cpuinfo';
  const features = existsSync(list) && /^(?:flags|Features)\s*:.*$/m.exec(readFileSync(list, 'utf8'));
  return [process.arch, os.cpus()[0]?.model, features && features[0]].join(' ');
}

/**
 * @param {string} tensorflow the folder of TensorFlow's headers and libraries
 * @param {string} node the folder of Node's headers
 * @param {string} output
 * @param {string[]} files the names of all source files
 */
function compilerArguments(tensorflow, node, output, files) {
  const mac = process.platform === 'darwin';
  return [
    ...['-O3', '-fno-math-errno', '-fno-trapping-math', '-std=c++17', '-fPIC', '-shared', '-pthread'],
    ...['-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding', '-DBUILDING_NODE_EXTENSION'],
    ...['-I', path.join(tensorflow, 'include'), '-I', node],
    ...files.filter((name) => name.endsWith('.cc')),
    ...['-o', output],
    ...libraries.map((name) => path.join(tensorflow, name)),
    ...(mac
      ? ['-Wl,-rpath,@loader_path/tensorflow', '-Wl,-undefined,dynamic_lookup']
      : ['-Wl,-rpath,$ORIGIN/tensorflow']),
  ];
}

/**
 * Compiles in a folder of its own, tries the result, and only then gives it its name.
 * @param {Map<string, string>} files
 * @param {string} file
 */
async function compile(files, file) {
  const compiler = await findCompiler(process.env.LAB_COMPILER || undefined);
  const folder = path.join(engineFolder(), 'build');
  const output = path.join(engineFolder(), 'tfjs_binding.partial.node');
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder);
  try {
    for (const [name, text] of files) writeFileSync(path.join(folder, name), text);
    const tensorflow = path.join(engineFolder(), 'tensorflow');
    const node = path.join(nodeModules, 'node-api-headers', 'include');
    const parameters = compilerArguments(tensorflow, node, output, [...files.keys()]);
    await run(compiler.command, [...compiler.args, ...compiler.native, ...parameters], {
      cwd: folder,
      env: {
        ...process.env,
        ZIG_GLOBAL_CACHE_DIR: path.join(folder, 'zig'),
        ZIG_LOCAL_CACHE_DIR: path.join(folder, 'zig'),
      },
      remedy: `This was ${compiler.name}; LAB_COMPILER names another compiler ('zig' is installed into .venv).`,
    });
    const version = loadedVersion(output);
    if (version !== tensorflowVersion) {
      throw new SetupError(
        `The compiled binding reports TensorFlow ${version}, ${tensorflowVersion} expected. Remove .venv/engine and run the command again.`,
      );
    }
    renameSync(output, file);
  } finally {
    rmSync(folder, {recursive: true, force: true});
    rmSync(output, {force: true});
  }
}

/**
 * The version of TensorFlow that a binding reports, loaded in a Node of its own; the error's text if it does not load.
 * @param {string} file
 */
export function loadedVersion(file) {
  try {
    const code = 'process.stdout.write(require(process.argv[1]).TF_Version)';
    return execFileSync(process.execPath, ['-e', code, file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {...process.env, TF_CPP_MIN_LOG_LEVEL: '2', LAB_DEVICE: 'cpu'},
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @param {string} file */
function linksTo(file) {
  return existsSync(bindingLink) && realpathSync(bindingLink) === realpathSync(file);
}

/** @param {string} file */
function link(file) {
  mkdirSync(path.dirname(bindingLink), {recursive: true});
  const partial = `${bindingLink}.partial-${process.pid}`;
  symlinkSync(path.relative(path.dirname(bindingLink), file), partial);
  renameSync(partial, bindingLink);
}
