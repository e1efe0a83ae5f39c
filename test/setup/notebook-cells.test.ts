import assert from 'node:assert/strict';
import {test} from 'node:test';
import {codeCells, place, typeErrors} from '../../setup/notebook-cells.mjs';
import {notebooks} from '../../setup/project.mjs';

test('code cells are read in their order, whichever way their lines are stored', () => {
  const cells = [
    {cell_type: 'markdown', source: '# Title'},
    {cell_type: 'code', source: ['const a = 1;\n', 'a']},
    {cell_type: 'code', source: 'const b = 2;'},
  ];
  assert.deepEqual(codeCells(JSON.stringify({cells})), ['const a = 1;\na', 'const b = 2;']);
});

test('a line of all cells is found again in its cell', () => {
  const cells = ['1\n2', '3', '4\n5'];
  assert.equal(place(cells, 1), 'code cell 1, line 2');
  assert.equal(place(cells, 2), 'code cell 2, line 1');
  assert.equal(place(cells, 4), 'code cell 3, line 2');
});

test('cells see one another, may await, and are checked strictly', () => {
  const good = [
    "import * as tslab from 'tslab';\nconst a: number[] = [1];",
    'await Promise.resolve(a);\ntslab.display',
  ];
  assert.deepEqual(typeErrors('x.ipynb', notebooks, good), []);
  assert.deepEqual(typeErrors('x.ipynb', notebooks, [...good, 'const f = (x) => x;\n\na.sort(1);']), [
    "x.ipynb, code cell 3, line 1: Parameter 'x' implicitly has an 'any' type.",
    "x.ipynb, code cell 3, line 3: Argument of type 'number' is not assignable to parameter of type '(a: number, b: number) => number'.",
  ]);
});
