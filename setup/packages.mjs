/** The npm packages, exactly as package-lock.json names them. */
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {loads, run} from './processes.mjs';
import {nodeModules, root} from './project.mjs';

/** @typedef {Record<string, {version?: string, integrity?: string, optional?: boolean, link?: boolean}>} Packages */

/** @type {import('./steps.mjs').Step} */
export const npmPackages = {
  title: () => 'npm packages',
  missing: () => {
    if (!existsSync(nodeModules)) return 'node_modules is missing';
    const installed = path.join(nodeModules, '.package-lock.json');
    if (!existsSync(installed)) return 'node_modules was left half installed';
    return difference(readPackages(path.join(root, 'package-lock.json')), readPackages(installed), (folder) =>
      existsSync(path.join(root, folder, 'package.json')),
    );
  },
  works: () => loads(['sharp', 'zeromq', 'tslab', 'typescript', 'tsx']),
  perform: async () => {
    // What a user's own settings could turn into another installation than the lock file's.
    const settings = [
      '--install-strategy=hoisted',
      '--global=false',
      '--dry-run=false',
      '--package-lock=true',
    ];
    await run(
      'npm',
      [
        'ci',
        '--ignore-scripts',
        '--include=dev',
        '--include=optional',
        '--no-audit',
        '--no-fund',
        ...settings,
      ],
      {
        remedy: 'Check the network (npm ping), then run the command again.',
      },
    );
  },
};

/**
 * The first way in which what is installed differs from the lock file, or null. Optional packages may be absent: npm
 * leaves out those for other platforms.
 * @param {Packages} locked
 * @param {Packages} installed npm's own record of what it installed
 * @param {(folder: string) => boolean} isThere whether a package's folder is really there
 */
export function difference(locked, installed, isThere) {
  for (const [folder, {version, integrity, optional}] of Object.entries(locked)) {
    if (folder === '') continue;
    const found = installed[folder];
    if (found === undefined) {
      if (optional) continue;
      return `${folder} is not installed`;
    }
    if (found.version !== version || found.integrity !== integrity) {
      return `${folder} is ${found.version}, package-lock.json asks for ${version}`;
    }
    if (!isThere(folder)) return `${folder} is missing`;
  }
  return null;
}

/** @param {string} file @returns {Packages} */
function readPackages(file) {
  return /** @type {{packages: Packages}} */ (JSON.parse(readFileSync(file, 'utf8'))).packages;
}
