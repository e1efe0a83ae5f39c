import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import * as fs from 'node:fs';
import {join} from 'node:path';
import test, {type TestContext} from 'node:test';
import {catalogue} from '../../lib/datasets';
import {renderDrawing} from '../../lib/datasets/drawings';
import {temporaryFolder} from '../ending';
import {noNamespace, type Other, startOther} from '../processes';
import {zip} from './zip-writer';

const opener = join(__dirname, 'fixtures', 'opener.ts');

/** A mirror with an archive of the garbage classes. */
async function newMirror(t: TestContext): Promise<{dataFolder: string; mirror: string}> {
  const root = temporaryFolder(t, 'lab-together-');
  const pictures = catalogue[0].folders!.classes.flatMap((name) =>
    Array.from({length: 40}, (_, i) => ({name, i})),
  );
  const entries = await Promise.all(
    pictures.map(async ({name, i}) => ({
      name: `dataset-resized/${name}/${name}${i}.jpg`,
      content: await renderDrawing(name as 'glass', i),
    })),
  );
  const archive = zip(entries);
  fs.mkdirSync(join(root, 'mirror', 'datasets'), {recursive: true});
  fs.writeFileSync(join(root, 'mirror', 'datasets', 'dataset-resized.zip'), archive);
  const sum = createHash('sha256').update(archive).digest('hex');
  fs.writeFileSync(join(root, 'mirror', 'SHA256SUMS'), `${sum}  datasets/dataset-resized.zip\n`);
  return {dataFolder: join(root, 'data'), mirror: join(root, 'mirror')};
}

/** What a process prints until it has opened the data set. */
async function printed(other: Other): Promise<string[]> {
  const lines: string[] = [];
  while (!/^\d+ /.test(lines.at(-1) ?? '')) lines.push(await other.line());
  return lines;
}

for (const [name, step] of [
  ['garbage', 'unpacking'],
  ['drawings', 'drawing'],
]) {
  for (const inNamespace of [false, true]) {
    test(
      `of two ${inNamespace ? 'containers' : 'processes'} that open ${name} first, one is ${step}; both get the same`,
      {skip: inNamespace && noNamespace},
      async (t) => {
        const {dataFolder, mirror} = await newMirror(t);
        const others = [1, 2].map(() => startOther(t, opener, [name, dataFolder, mirror], {inNamespace}));
        await Promise.all(others.map((other) => other.line()));
        others.forEach((other) => other.send('go'));
        const [first, second] = await Promise.all(others.map(printed));
        assert.equal([...first, ...second].filter((line) => line === step).length, 1);
        assert.match(first.at(-1)!, /^240 /);
        assert.equal(first.at(-1), second.at(-1));
        assert.deepEqual(fs.readdirSync(dataFolder), [name]);
      },
    );
  }

  test(`a process killed while it is ${step} is taken over from`, async (t) => {
    const {dataFolder, mirror} = await newMirror(t);
    const [first, second] = [1, 2].map(() => startOther(t, opener, [name, dataFolder, mirror]));
    await Promise.all([first.line(), second.line()]);
    first.send('go');
    assert.equal(await first.line(), step);
    await first.kill();
    second.send('go');
    assert.match((await printed(second)).at(-1)!, /^240 /);
    assert.deepEqual(fs.readdirSync(dataFolder), [name]);
    assert.deepEqual(
      fs.readdirSync(join(dataFolder, name)).filter((left) => left.endsWith('.part')),
      [],
    );
  });
}
