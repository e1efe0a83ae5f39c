import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {findNotebook, firstNotebook, notebookNames, notebooks} from '../../setup/project.mjs';

test('a notebook is found by its name without number, by the beginning of it, or by its path', () => {
  const ants = join(notebooks, '3-ants-bees.ipynb');
  for (const name of ['ants-bees', 'ants']) assert.equal(findNotebook(name, '/elsewhere'), ants);
  assert.equal(findNotebook('garbage', '/elsewhere'), firstNotebook);
  assert.equal(findNotebook('my.ipynb', '/elsewhere'), '/elsewhere/my.ipynb');
  assert.equal(findNotebook('./garbage', '/elsewhere'), '/elsewhere/garbage');
  for (const name of notebookNames()) assert.ok(existsSync(findNotebook(name, '/elsewhere')), name);
});

test('a name that means none, or more than one, gives a path where there is nothing', () => {
  for (const name of ['wasps', '']) assert.ok(!existsSync(findNotebook(name, '/elsewhere')), name);
});
