/** Each error about a folder or an archive of photos, met as a user would, and what it says done: the data set then opens. */
import assert from 'node:assert/strict';
import {cp, mkdir, mkdtemp, rename, symlink, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {before, describe, test} from 'node:test';
import sharp from 'sharp';

import {catalogue, type Dataset, openDataset, type OpenOptions, storedSplit, unzip} from '../../lib/datasets';
import {renderDrawing} from '../../lib/datasets/drawings';
import {LabError} from '../../lib/errors';
import {decodeView, imagenet} from '../../lib/pictures';
import {temporaryFolder, wholeFile} from '../ending';
import {zip} from './zip-writer';

const {classes: garbage} = catalogue[0].folders!;
const drawn = new Map<string, Buffer>();
const root = temporaryFolder(wholeFile, 'remedies ');

before(async () => {
  for (const name of garbage) {
    for (let i = 1; i <= 6; i++) drawn.set(`${name}/${i}.jpg`, await renderDrawing(name as 'glass', i));
  }
});

/** A folder of the user's, and where it is opened. */
interface Case {
  folder: string;
  aside: string;
  options: OpenOptions;
  put: (name: string, content?: Buffer | string) => Promise<void>;
  /** Moves a folder or file of the data set out of it. */
  moveAway: (name: string) => Promise<void>;
  open: (options?: Partial<OpenOptions>) => Promise<Dataset>;
}

/** Two classes of six photos under `under`. */
async function newCase(under = ''): Promise<Case> {
  const home = await mkdtemp(path.join(root, 'case-'));
  const [folder, aside] = [path.join(home, 'photos'), path.join(home, 'aside')];
  const options = {dataFolder: path.join(home, 'data'), mirror: ''};
  await mkdir(aside);
  const put: Case['put'] = async (name, content = drawn.get(name.split('/').slice(-2).join('/'))!) => {
    await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
    await writeFile(path.join(folder, name), content);
  };
  for (const name of [...drawn.keys()].filter((each) => /^(glass|metal)/.test(each)))
    await put(`${under}${name}`);
  return {
    ...{folder, aside, options, put},
    moveAway: (name) => rename(path.join(folder, name), path.join(aside, path.basename(name))),
    open: (more) => openDataset(folder, {...options, ...more}),
  };
}

interface Remedy {
  fault: string;
  under?: string;
  make: (the: Case) => Promise<unknown>;
  says: RegExp;
  /** Does what the error says; the data set that opens then, or what is done before it is opened again. */
  obey: (the: Case) => Promise<unknown>;
  options?: Partial<OpenOptions>;
}

const empty = Buffer.alloc(0);

const remedies: Remedy[] = [
  {
    fault: 'a class folder is empty',
    make: (the) => mkdir(path.join(the.folder, 'paper')),
    says: /or move it out of/,
    obey: (the) => the.moveAway('paper'),
  },
  {
    fault: 'each class is an archive',
    make: async (the) => {
      for (const name of ['glass', 'metal']) {
        const photos = [...drawn].filter(([photo]) => photo.startsWith(name));
        await the.moveAway(name);
        await the.put(
          `${name}.zip`,
          zip(photos.map(([photo, content]) => ({name: path.basename(photo), content}))),
        );
      }
    },
    says: /holds archives \(glass\.zip, metal\.zip\): unpack them, each into a folder of its name/,
    obey: async (the) => {
      for (const name of ['glass', 'metal'])
        await unzip(path.join(the.folder, `${name}.zip`), path.join(the.folder, name));
    },
  },
  {
    fault: 'there is one class',
    make: (the) => the.moveAway('metal'),
    says: /add the folder of a second class/,
    obey: (the) =>
      the
        .put('paper/1.jpg')
        .then(() => the.put('paper/2.jpg'))
        .then(() => the.put('paper/3.jpg')),
  },
  {
    fault: 'a class has two photos',
    make: (the) => the.put('paper/1.jpg').then(() => the.put('paper/2.jpg')),
    says: /Add photos, or move the folder of the class out of/,
    obey: (the) => the.moveAway('paper'),
  },
  {
    fault: 'photos cannot be read',
    make: (the) => the.put('glass/7.jpg', empty).then(() => the.put('glass/8.jpg', empty)),
    says: /open the data set with a larger skippedLimit \(0\.5/,
    obey: () => Promise.resolve(),
    options: {skippedLimit: 0.5},
  },
  {
    fault: 'train has no class folders',
    make: async (the) => {
      await mkdir(path.join(the.folder, 'train'));
      await rename(path.join(the.folder, 'metal'), path.join(the.aside, 'metal'));
      await rename(path.join(the.folder, 'glass'), path.join(the.folder, 'test'));
      await the.put('train/1.jpg', drawn.get('metal/1.jpg'));
    },
    says: /Put the training photos of each class into a sub-folder of train/,
    obey: async (the) => {
      for (let i = 1; i <= 3; i++)
        await the.put(`train/glass/${i}.jpg`).then(() => the.put(`train/metal/${i}.jpg`));
    },
  },
  {
    fault: 'a part lacks a class',
    under: 'train/',
    make: (the) => the.put('val/glass/1.jpg'),
    says: /Put some there, or move val out of/,
    obey: (the) => the.moveAway('val'),
  },
  {
    fault: 'a part has a class of its own',
    under: 'train/',
    make: (the) =>
      Promise.all(['val/glass/1.jpg', 'val/metal/1.jpg', 'val/paper/1.jpg'].map((name) => the.put(name))),
    says: /or move the folder out of val/,
    obey: (the) => the.moveAway('val/paper'),
  },
  {
    fault: 'two folders are the same part',
    under: 'train/',
    make: (the) =>
      Promise.all(
        ['val', 'valid'].flatMap((part) =>
          ['glass', 'metal'].map((name) => the.put(`${part}/${name}/1.jpg`)),
        ),
      ),
    says: /or move one out of/,
    obey: (the) => the.moveAway('valid'),
  },
];

describe('what an error about a folder says works:', () => {
  for (const {fault, under, make, says, obey, options} of remedies) {
    test(fault, async () => {
      const the = await newCase(under);
      await make(the);
      await assert.rejects(the.open(), (error: Error) => {
        assert.ok(error instanceof LabError, error.stack);
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /\b(delete|remove)\b/i, 'no advice destroys photos');
        return true;
      });
      await obey(the);
      assert.ok((await the.open(options)).photos.length >= 6);
    });
  }

  test('pictures that look alike', async () => {
    const the = await newCase();
    for (let i = 0; i < 6; i++) {
      const light = sharp(drawn.get('paper/1.jpg')).linear(1 - 0.01 * i);
      await the.put(`paper/${i}.jpg`, await light.jpeg().toBuffer());
    }
    const wanted = {seed: 1, folder: the.options.dataFolder};
    await assert.rejects(
      storedSplit(await the.open(), wanted),
      /open the data set with nearDuplicates: 'ignore'/,
    );
    const split = await storedSplit(await the.open({nearDuplicates: 'ignore'}), wanted);
    assert.deepEqual(split.classes, ['glass', 'metal', 'paper']);
  });

  test('a photo that goes bad while the data set is open', async () => {
    const the = await newCase();
    const wanted = {seed: 1, folder: the.options.dataFolder};
    const dataset = await the.open();
    const first = await storedSplit(dataset, wanted);
    const {picture} = first.parts.train[0];
    await writeFile(picture.place, 'no longer a picture');
    await assert.rejects(
      decodeView(picture, imagenet(), 'evaluation'),
      /not a readable image .*Put a readable one in its place or move it away, then open the data set again/,
    );
    await the.moveAway(picture.name);
    const second = await storedSplit(await the.open(), wanted);
    assert.deepEqual([second.state, second.parts.test.length], [2, first.parts.test.length]);
    assert.match(second.notes[0], /Gone from their parts: .*\.jpg \(it is gone\)/);
  });
});

test('the garbage set with a folder too many is unpacked anew when it was moved away', async () => {
  const the = await newCase();
  await mkdir(path.join(the.options.dataFolder, 'garbage'), {recursive: true});
  const archive = zip([...drawn].map(([name, content]) => ({name: `dataset-resized/${name}`, content})));
  await writeFile(path.join(the.options.dataFolder, 'garbage', 'dataset-resized.zip'), archive);
  await openDataset('garbage', the.options);
  const photos = path.join(the.options.dataFolder, 'garbage', 'photos');
  await cp(path.join(photos, 'dataset-resized/glass'), path.join(photos, 'dataset-resized/glass 2'), {
    recursive: true,
  });
  await assert.rejects(openDataset('garbage', the.options), (error: Error) => {
    const folder = /Move (.*) away to have it unpacked anew/.exec(error.message)?.[1];
    assert.equal(folder, photos);
    return true;
  });
  await rename(photos, path.join(the.aside, 'photos'));
  assert.equal((await openDataset('garbage', the.options)).photos.length, drawn.size);
});

test('what is left out of a folder stands in a list: loose photos, text, links that dangle, names that are not UTF-8', async () => {
  const the = await newCase();
  await the.put('loose.jpg', drawn.get('glass/1.jpg'));
  await the.put('glass/labels.txt', 'a list');
  await the.put('glass/siamese/9.jpg', drawn.get('paper/1.jpg'));
  await symlink(path.join(root, 'nowhere'), path.join(the.folder, 'glass/link.jpg'));
  const latin = Buffer.concat([
    Buffer.from(path.join(the.folder, 'glass/caf')),
    Buffer.from([0xe9]),
    Buffer.from('.jpg'),
  ]);
  await writeFile(latin, drawn.get('glass/1.jpg')!);
  const {photos, skipped, leftAside} = await the.open();
  assert.equal(photos.length, 13);
  assert.deepEqual(leftAside, ['glass/labels.txt', 'loose.jpg']);
  assert.deepEqual(
    skipped.map(({reason}) => reason),
    ['its name is not UTF-8: rename it to UTF-8', 'a link to a file that is not there'],
  );
});
