/** Where everything of the project lies. */
import path from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
export const setupFolder = path.join(root, 'setup');
export const nodeModules = path.join(root, 'node_modules');
export const enginePackage = path.join(nodeModules, '@tensorflow', 'tfjs-node');
export const venv = path.join(root, '.venv');
export const venvPython = path.join(venv, 'bin', 'python');
export const notebooks = path.join(root, 'notebooks');
export const firstNotebook = path.join(notebooks, '1-garbage-classification.ipynb');

/**
 * The path as a user of the project would write it.
 * @param {string} file
 */
export function inProject(file) {
  const relative = path.relative(root, file);
  return relative.startsWith('..') ? file : relative;
}
