/**
 * The lab's library, compiled from lib/ to dist/, and the link through which notebooks import it as 'transfer-lab'
 * (tslab cannot import TypeScript from outside the notebook's folder).
 */
import {createHash} from 'node:crypto';
import {
  existsSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {loads, run} from './processes.mjs';
import {nodeModules, root} from './project.mjs';

const dist = path.join(root, 'dist');
const digestFile = path.join(dist, '.sources');
const packageLink = path.join(nodeModules, 'transfer-lab');

/** @type {import('./steps.mjs').Step} */
export const library = {
  title: () => 'lib/ compiled to dist/',
  missing: () => {
    if (!existsSync(digestFile)) return 'dist/ is missing';
    if (readFileSync(digestFile, 'utf8') !== digestOfSources()) return 'lib/ has changed';
    return isLinked() ? null : 'node_modules/transfer-lab is missing';
  },
  works: () => loads(['transfer-lab']),
  perform: async () => {
    await compile();
    if (!isLinked()) {
      rmSync(packageLink, {recursive: true, force: true});
      symlinkSync('..', packageLink);
    }
  },
};

/** Compiles into a folder beside dist/ and swaps the two, so that dist/ is never half written nor holds old modules. */
async function compile() {
  const digest = digestOfSources();
  const partial = `${dist}.partial-${process.pid}`;
  const old = `${dist}.old-${process.pid}`;
  try {
    const tsc = path.join(nodeModules, 'typescript', 'bin', 'tsc');
    await run(process.execPath, [tsc, '--project', root, '--outDir', partial, '--incremental', 'false'], {
      remedy: 'lib/ does not compile; dist/ is as it was.',
    });
    writeFileSync(path.join(partial, path.basename(digestFile)), digest);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(partial, dist);
  } finally {
    rmSync(partial, {recursive: true, force: true});
    rmSync(old, {recursive: true, force: true});
  }
}

function isLinked() {
  try {
    return readlinkSync(packageLink) === '..';
  } catch {
    return false;
  }
}

/** A digest of all that dist/ is made from: the sources, the settings, the compiler's version. */
function digestOfSources() {
  const hash = createHash('sha256');
  const sources = readdirSync(path.join(root, 'lib'), {recursive: true, encoding: 'utf8'}).filter((name) =>
    name.endsWith('.ts'),
  );
  const compiler = path.join('node_modules', 'typescript', 'package.json');
  for (const file of [...sources.sort().map((name) => path.join('lib', name)), 'tsconfig.json', compiler]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(path.join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}
