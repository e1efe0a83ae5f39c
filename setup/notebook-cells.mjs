/**
 * The types of notebooks' cells, checked strictly: the kernel compiles them with settings that let much pass.
 *
 * All code cells of a notebook make one module (a name is declared once), compiled by the kernel's own TypeScript, so
 * that what passes here also compiles there. Problems are told by notebook, code cell and line.
 */
import path from 'node:path';
import ts from '@tslab/typescript-for-tslab';

/** @type {import('@tslab/typescript-for-tslab').CompilerOptions} */
const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  esModuleInterop: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Node10,
  lib: ['lib.es2022.d.ts'],
  types: ['node'],
};

/**
 * The code cells of a notebook, in their order.
 * @param {string} json the notebook file's text
 * @returns {string[]}
 */
export function codeCells(json) {
  const notebook = /** @type {{cells: {cell_type: string, source: string | string[]}[]}} */ (
    JSON.parse(json)
  );
  return notebook.cells
    .filter((cell) => cell.cell_type === 'code')
    .map(({source}) => [source].flat().join(''));
}

/**
 * Type errors in code cells, each as `name, code cell 2, line 3: message`.
 * @param {string} name the notebook's name for the messages
 * @param {string} folder the notebook's folder, from which its imports are resolved
 * @param {string[]} cells
 */
export function typeErrors(name, folder, cells) {
  const file = path.join(folder, '__cells__.ts');
  const text = ['export {};', ...cells].join('\n');
  const host = ts.createCompilerHost(options);
  const disk = ts.createCompilerHost(options);
  host.fileExists = (asked) => asked === file || disk.fileExists(asked);
  host.readFile = (asked) => (asked === file ? text : disk.readFile(asked));
  host.getCurrentDirectory = () => folder;
  return ts.getPreEmitDiagnostics(ts.createProgram([file], options, host)).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n  ');
    if (diagnostic.file?.fileName !== file) return `${name}: ${message}`;
    const {line} = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
    return `${name}, ${place(cells, line - 1)}: ${message}`;
  });
}

/**
 * The cell and the line in it of a line of all cells one below the other, counted from 0.
 * @param {string[]} cells
 * @param {number} line
 */
export function place(cells, line) {
  let left = line;
  for (const [index, cell] of cells.entries()) {
    const lines = cell.split('\n').length;
    if (left < lines) return `code cell ${index + 1}, line ${left + 1}`;
    left -= lines;
  }
  return 'the end';
}
