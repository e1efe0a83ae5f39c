/** Part of npm run check: the types of all notebooks' cells. */
import {readFileSync, readdirSync} from 'node:fs';
import path from 'node:path';
import {codeCells, typeErrors} from './notebook-cells.mjs';
import {inProject, notebooks} from './project.mjs';

const files = readdirSync(notebooks).filter((name) => name.endsWith('.ipynb'));
const errors = files.flatMap((name) => {
  const file = path.join(notebooks, name);
  return typeErrors(inProject(file), notebooks, codeCells(readFileSync(file, 'utf8')));
});
for (const error of errors) console.error(error);
console.log(
  `Types of the cells of ${files.length} notebook(s): ${errors.length === 0 ? 'in order' : `${errors.length} error(s)`}.`,
);
process.exitCode = errors.length === 0 ? 0 : 1;
