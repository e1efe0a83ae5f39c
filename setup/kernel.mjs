/**
 * The TypeScript kernel: tslab, kept from losing output, and at home in any folder.
 *
 * tslab sends each piece of text that a cell prints as a message of its own, and its publisher refuses messages (the
 * news that the cell has ended among them) while one waits: after 512 without a turn of the event loop, or beyond
 * ZeroMQ's high-water mark. Here every message is taken at once and none is dropped, and text that comes fast is
 * gathered into few messages, which is what JupyterLab can draw.
 *
 * A notebook outside the project finds the project's packages behind those of its own folder: the kernel's settings
 * name them to Node (NODE_PATH), and this file to tslab's TypeScript.
 */
import {existsSync} from 'node:fs';
import path from 'node:path';
import ts from '@tslab/typescript-for-tslab';
import jupyter from 'tslab/dist/jupyter.js';
import tslab from 'tslab/dist/main.js';
import {nodeModules} from './project.mjs';
import {gathered} from './stream-text.mjs';

const {JupyterHandlerImpl, ZmqServer} = jupyter;

/** What the cells that run have printed. @type {Set<ReturnType<typeof gathered>>} */
const texts = new Set();
process.on('exit', () => texts.forEach((text) => text.flush()));

jupyter.JupyterHandlerImpl = class extends JupyterHandlerImpl {
  /** @type {typeof JupyterHandlerImpl.prototype.handleExecute} */
  async handleExecute(request, writeStream, writeDisplayData) {
    const text = gathered(writeStream);
    texts.add(text);
    try {
      return await super.handleExecute(request, text.write, (data, update) => {
        text.flush();
        writeDisplayData(data, update);
      });
    } finally {
      text.flush();
      texts.delete(text);
    }
  }
};

/** @typedef {{iopub: object, bindSocket: (socket: object, port: number) => Promise<void>}} Sockets what tslab keeps to itself */

const sockets = /** @type {Sockets} */ (/** @type {unknown} */ (ZmqServer.prototype));
const {bindSocket} = sockets;
/** @this {Sockets} @param {object} socket @param {number} port */
sockets.bindSocket = function (socket, port) {
  if (socket === this.iopub) Object.assign(socket, {sendTimeout: 0, sendHighWaterMark: 0});
  return bindSocket.call(this, socket, port);
};

/** Lets TypeScript look for packages of the notebook's folder that are not there among the project's. */
function findProjectPackages() {
  const here = path.join(process.cwd(), 'node_modules');
  /** @param {string} file */
  const found = (file) => {
    const relative = path.relative(here, file);
    return relative.startsWith('..') || existsSync(file) ? file : path.join(nodeModules, relative);
  };
  const system = {...ts.sys};
  ts.sys.fileExists = (file) => system.fileExists(found(file));
  ts.sys.directoryExists = (folder) => system.directoryExists(found(folder));
  ts.sys.getDirectories = (folder) => system.getDirectories(found(folder));
  ts.sys.readFile = (file, encoding) => system.readFile(found(file), encoding);
  ts.sys.realpath = (file) => system.realpath?.(found(file)) ?? file;
}

/** @typedef {(callback: () => void, milliseconds: number) => unknown} SetTimer */
/** @typedef {(timer: unknown) => void} ClearTimer */

/**
 * TypeScript sets two timers when files change beside a notebook (to look up again what it did not find, and to check the
 * program), tslab keeps one and fails with "Unexpected pending rebuildTimer". The first gets a timer of its own here.
 */
function keepLookupsApart() {
  /** @type {Map<unknown, NodeJS.Timeout>} */
  const lookups = new Map();
  /** @type {(set: SetTimer) => SetTimer} */
  const setter = (set) => (callback, milliseconds) => {
    if (callback.name !== 'invalidateResolutionsOfFailedLookup') return set(callback, milliseconds);
    const timer = setTimeout(() => {
      lookups.delete(timer);
      callback();
    }, milliseconds);
    lookups.set(timer, timer);
    return timer;
  };
  /** @type {(clear: ClearTimer) => ClearTimer} */
  const clearer = (clear) => (timer) => {
    const lookup = lookups.get(timer);
    lookups.delete(timer);
    if (lookup) clearTimeout(lookup);
    else clear(timer);
  };
  replaceInHeirs('setTimeout', setter);
  replaceInHeirs('clearTimeout', clearer);
}

/**
 * What tslab's own system, which inherits from TypeScript's, sets under this name is replaced.
 * @template Value
 * @param {string} name
 * @param {(value: Value) => Value} replacement
 */
function replaceInHeirs(name, replacement) {
  Object.defineProperty(ts.sys, name, {
    /** @param {Value} value */
    set(value) {
      Object.defineProperty(this, name, {value: replacement(value)});
    },
  });
}

findProjectPackages();
keepLookupsApart();
tslab.startKernel({configPath: process.argv[2], enableFindLocal: false});
