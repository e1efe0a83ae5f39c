/** Where everything of the project lies. */
import {readdirSync} from 'node:fs';
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
 * The notebook that a user means: a path, or the name of one of notebooks/ without its number, or a part of it from the
 * beginning: `ants-bees`, `garbage`.
 * @param {string} named
 * @param {string} folder what a path is relative to
 */
export function findNotebook(named, folder) {
  if (named.includes('/') || named.endsWith('.ipynb')) return path.resolve(folder, named);
  const names = readdirSync(notebooks).filter((file) => file.endsWith('.ipynb'));
  const meant = names.filter((file) => file.replace(/^\d+-/, '').startsWith(named));
  return path.join(notebooks, meant.length === 1 ? meant[0] : `${named}.ipynb`);
}

/** The notebooks by their names without numbers, in the order of these. */
export const notebookNames = () =>
  readdirSync(notebooks)
    .filter((file) => file.endsWith('.ipynb'))
    .sort((a, b) => parseInt(a) - parseInt(b))
    .map((file) => file.replace(/^\d+-|\.ipynb$/g, ''));

/**
 * The path as a user of the project would write it.
 * @param {string} file
 */
export function inProject(file) {
  const relative = path.relative(root, file);
  return relative.startsWith('..') ? file : relative;
}
