import assert from 'node:assert/strict';
import {chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {before, beforeEach, describe, test} from 'node:test';
import sharp, {type Sharp} from 'sharp';

import {duplicateGroups, hashDistance, nearDuplicateBits, type Photo, scanFolder} from '../../lib/datasets';
import {renderDrawing} from '../../lib/datasets/drawings';
import {decodeView, imagenet} from '../../lib/pictures';
import {temporaryFolder, wholeFile} from '../ending';
import {bitmap, pixelMap} from '../pictures/odd-files';

const root = temporaryFolder(wholeFile, 'scans ');
let sample = '';
let folder = '';

before(async () => {
  sample = path.join(root, 'sample');
  for (const name of ['glass', 'metal'] as const) {
    await mkdir(path.join(sample, name), {recursive: true});
    for (let i = 1; i <= 3; i++) {
      await writeFile(path.join(sample, name, `${name}${i}.jpg`), await renderDrawing(name, i));
    }
  }
});

/** A fresh copy of two classes of three photos each. */
beforeEach(async () => {
  folder = await mkdtemp(path.join(root, 'case-'));
  await cp(sample, folder, {recursive: true});
});

const put = (name: string, content: string | Uint8Array) => writeFile(path.join(folder, name), content);

test('lists classes and photos in order, with size, checksum and hash', async () => {
  const reports: [number, number][] = [];
  const scan = await scanFolder(folder, {onProgress: (done, total) => reports.push([done, total])});
  assert.equal(scan.photos[0].picture.place, path.join(folder, 'glass/glass1.jpg'));
  assert.deepEqual(scan.classes, ['glass', 'metal']);
  assert.deepEqual(
    scan.photos.map(({picture, label}) => [picture.name, label]),
    [1, 2, 3].map((i) => [`glass/glass${i}.jpg`, 0]).concat([1, 2, 3].map((i) => [`metal/metal${i}.jpg`, 1])),
  );
  const [photo] = scan.photos;
  assert.deepEqual(await photo.picture.size(), {width: 256, height: 192});
  assert.match(photo.picture.key, /^[0-9a-f]{64}$/);
  assert.match(photo.hash, /^[0-9a-f]{16}[0-9a-f]{256}$/);
  assert.deepEqual([scan.skipped, scan.conflicts], [[], []]);
  assert.deepEqual(reports.at(-1), [6, 6]);
});

describe('accepts as photos', () => {
  test('bitmaps and portable maps, a whole set of them', async () => {
    for (const name of ['glass', 'metal'] as const) {
      for (let i = 1; i <= 3; i++) {
        const file = path.join(folder, name, `${name}${i}`);
        const {data, info} = await sharp(`${file}.jpg`).raw().toBuffer({resolveWithObject: true});
        await rm(`${file}.jpg`);
        await writeFile(`${file}.bmp`, i === 1 ? pixelMap(data, info) : bitmap(data, info));
      }
    }
    const {photos} = await scanFolder(folder);
    assert.equal(photos.length, 6);
    const [plain] = (await scanFolder(sample)).photos;
    assert.ok(hashDistance(photos[0].hash, plain.hash) <= 2);
    for (const {picture} of photos) await decodeView(picture, imagenet(), 'evaluation');
  });

  test('grey, CMYK, 16-bit, transparent, EXIF-rotated and animated pictures in the usual formats', async () => {
    const original = await renderDrawing('metal', 9);
    const odd: Record<string, Sharp> = {
      'grey.jpg': sharp(original).grayscale().toColourspace('b-w').jpeg(),
      'cmyk.jpg': sharp(original).toColourspace('cmyk').jpeg(),
      '16bit.png': sharp(original).toColourspace('rgb16').png(),
      'alpha.png': sharp(original).ensureAlpha(1).png(),
      'palette.png': sharp(original).png({palette: true}),
      'a space.webp': sharp(original).webp(),
      'picture.gif': sharp(original).gif(),
      'picture.tiff': sharp(original).tiff(),
      'rotated.JPEG': sharp(original).rotate(90).withMetadata({orientation: 8}).jpeg(),
    };
    for (const [name, image] of Object.entries(odd)) await put(`metal/${name}`, await image.toBuffer());
    const reference = (await scanFolder(folder)).photos.find(
      ({picture}) => picture.name === 'metal/alpha.png',
    )!;
    const scan = await scanFolder(folder);
    assert.deepEqual(scan.skipped, []);
    for (const name of Object.keys(odd)) {
      const photo = scan.photos.find(({picture}) => picture.name === `metal/${name}`)!;
      assert.deepEqual(await photo.picture.size(), {width: 256, height: 192}, name);
      assert.ok(hashDistance(photo.hash, reference.hash) <= nearDuplicateBits, name);
    }
    const meta = await sharp(path.join(folder, 'metal/16bit.png')).metadata();
    assert.equal(meta.depth, 'ushort');
  });

  test('flat pictures, which resemble only themselves', async () => {
    for (let i = 0; i < 6; i++) {
      const background = {r: 40 * i, g: 10, b: 200};
      const flat = sharp({create: {width: 8, height: 8, channels: 3, background}});
      await put(`${i < 3 ? 'glass' : 'metal'}/flat${i}.png`, await flat.png().toBuffer());
    }
    const scan = await scanFolder(folder);
    assert.equal(scan.photos.length, 12);
    assert.deepEqual(scan.conflicts, []);
  });
});

test('tells pictures of one camera apart by their colours', async () => {
  const lamp = (red: number, green: number) =>
    Buffer.from(
      `<svg width="256" height="192"><circle cx="60" cy="50" r="14" fill="rgb(${red},${green},20)"/></svg>`,
    );
  const scene = await renderDrawing('metal', 7);
  for (let i = 0; i < 8; i++) {
    const light = await sharp(scene)
      .composite([{input: i < 4 ? lamp(230 + i, 30) : lamp(30, 180 + i)}])
      .jpeg()
      .toBuffer();
    await put(`${i < 4 ? 'glass' : 'metal'}/lamp${i}.jpg`, light);
  }
  const {photos, conflicts} = await scanFolder(folder);
  assert.deepEqual(conflicts, []);
  const lamps = photos.filter(({picture}) => picture.name.includes('lamp'));
  const groups = duplicateGroups(
    lamps.map(({hash}) => hash),
    nearDuplicateBits,
  );
  assert.deepEqual(groups, [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ]);
  const grey = await sharp(path.join(folder, 'glass/lamp0.jpg')).grayscale().toBuffer();
  await put('metal/grey.jpg', grey);
  assert.equal((await scanFolder(folder)).conflicts.length, 1, 'a grey copy is the same picture');
});

test('reports pictures that stand under two labels', async () => {
  const glass = await readFile(path.join(folder, 'glass/glass2.jpg'));
  await put('metal/copy.jpg', glass);
  await put('metal/smaller.png', await sharp(glass).resize(128).png().toBuffer());
  assert.deepEqual((await scanFolder(folder)).conflicts, [
    {
      paths: ['glass/glass2.jpg', 'metal/copy.jpg', 'metal/smaller.png'],
      labels: ['glass', 'metal', 'metal'],
    },
  ]);
});

describe('skips and lists', () => {
  test('files that are no photos, are cut short, empty or forbidden', async () => {
    const whole = await readFile(path.join(folder, 'glass/glass1.jpg'));
    await put('glass/cut.jpg', whole.subarray(0, Math.floor(whole.length / 2)));
    await put('glass/empty.jpg', '');
    await put('glass/notes.txt', 'glass1.jpg is nice');
    await put('glass/page.svg', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await put('metal/text.jpg', 'this is no picture');
    await put('metal/.DS_Store', 'litter is not worth a word');
    const {photos, skipped, leftAside} = await scanFolder(folder, {skippedLimit: 0.5});
    assert.equal(photos.length, 6);
    assert.deepEqual(
      skipped.map(({path}) => path),
      ['glass/cut.jpg', 'glass/empty.jpg', 'metal/text.jpg'],
    );
    assert.match(skipped[0].reason, /not a readable image \(.*premature end/i);
    assert.equal(skipped[1].reason, 'the file is empty');
    assert.match(skipped[2].reason, /not a readable image/);
    assert.deepEqual(leftAside, ['glass/notes.txt', 'glass/page.svg']);
    await assert.rejects(scanFolder(folder), (error: Error) => {
      assert.match(error.message, /3 of 9 pictures cannot be read \(limit 1 %\)/);
      assert.match(error.message, /glass\/empty\.jpg: the file is empty/);
      assert.match(error.message, /larger skippedLimit/);
      return true;
    });
  });

  test('one broken picture, however few there are, and other files however many', async () => {
    await put('glass/empty.jpg', '');
    for (let i = 1; i <= 3; i++) await put(`glass/glass${i}.json`, '{}');
    const {skipped, leftAside} = await scanFolder(folder);
    assert.deepEqual(skipped, [{path: 'glass/empty.jpg', reason: 'the file is empty'}]);
    assert.equal(leftAside.length, 3);
  });

  test('links that lead nowhere and names that are not UTF-8', async () => {
    await symlink('/nowhere/glass9.jpg', path.join(folder, 'glass/glass9.jpg'));
    const name = Buffer.concat([
      Buffer.from(path.join(folder, 'metal/caf')),
      Buffer.from([0xe9]),
      Buffer.from('.jpg'),
    ]);
    await writeFile(name, await renderDrawing('metal', 9));
    const {photos, skipped} = await scanFolder(folder);
    assert.equal(photos.length, 6);
    assert.deepEqual(skipped[0], {path: 'glass/glass9.jpg', reason: 'a link to a file that is not there'});
    assert.match(skipped[1].reason, /rename it to UTF-8/);
  });

  test('what training could not decode: a wrong checksum in a PNG, the end of a JPEG cut off', async () => {
    const original = await renderDrawing('metal', 8);
    const png = await sharp(original).png().toBuffer();
    const idat = png.indexOf('IDAT');
    png[idat + 4 + png.readUInt32BE(idat - 4)] ^= 0xff;
    await put('metal/crc.png', png);
    const jpeg = await sharp(original).resize(300, 257, {fit: 'fill'}).jpeg().toBuffer();
    await put('metal/cut.jpg', jpeg.subarray(0, jpeg.length - 30));
    const {photos, skipped} = await scanFolder(folder, {skippedLimit: 0.5});
    assert.deepEqual(
      skipped.map(({path}) => path),
      ['metal/crc.png', 'metal/cut.jpg'],
    );
    for (const {picture} of photos) await decodeView(picture, imagenet(), 'evaluation');
  });

  test('formats that cannot be read here, with the way out', async () => {
    const begun = (start: string, at = 0) => {
      const bytes = Buffer.alloc(64);
      bytes.write(start, at, 'latin1');
      return bytes;
    };
    await put('metal/a.jpg', begun('ftypheic', 4));
    await put('metal/b.jp2', begun('jP  ', 4));
    await put('metal/c', begun('JXL ', 4));
    const {skipped} = await scanFolder(folder, {skippedLimit: 0.5});
    assert.deepEqual(
      skipped.map(({reason}) => reason),
      ['HEIC (HEVC)', 'JPEG 2000', 'JPEG XL'].map(
        (format) => `${format} cannot be read here: convert it to JPEG or PNG`,
      ),
    );
  });

  test('what stands in place of a picture, by what it is', async () => {
    await put('glass/a.jpg', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
    await put('glass/b.jpg', '<!DOCTYPE html><title>Not found</title>');
    await put('glass/d.nef', 'II*\0');
    await put('glass/e.tga', 'anything');
    await put('glass/f.psd', '8BPS\0\x01');
    await put('glass/g.avif', '\0\0\0\x20ftypavis');
    const {skipped} = await scanFolder(folder, {skippedLimit: 1});
    const convert = 'cannot be read here: convert it to JPEG or PNG';
    assert.deepEqual(
      skipped.map(({reason}) => reason),
      [
        'it is a Git LFS pointer: run `git lfs pull` in its repository',
        'it is a web page, not a picture: fetch the picture again',
        ...['camera raw', 'TGA', 'PSD', 'an AVIF sequence'].map((format) => `${format} ${convert}`),
      ],
    );
  });

  test('a file without permission', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may read everything');
    await put('glass/secret.jpg', await renderDrawing('glass', 4));
    await chmod(path.join(folder, 'glass/secret.jpg'), 0);
    const {skipped} = await scanFolder(folder, {skippedLimit: 0.5});
    assert.deepEqual(skipped, [{path: 'glass/secret.jpg', reason: 'it cannot be opened (EACCES)'}]);
  });
});

describe('finds the class folders', () => {
  test('at any depth, beside text lists and litter, through links', async () => {
    const outer = path.join(root, 'outer');
    const inner = path.join(outer, 'Garbage classification', 'Garbage classification');
    await mkdir(inner, {recursive: true});
    await cp(sample, inner, {recursive: true});
    await writeFile(path.join(outer, 'one-indexed-files.txt'), 'glass1.jpg 1');
    await mkdir(path.join(outer, '__MACOSX', 'glass'), {recursive: true});
    await writeFile(path.join(outer, '__MACOSX', 'glass', '._glass1.jpg'), 'litter');
    assert.ok((await scanFolder(outer)).photos.every(({picture}) => picture.place.startsWith(inner)));
    const link = path.join(root, 'link');
    await symlink(outer, link);
    assert.equal((await scanFolder(link)).photos.length, 6);
  });

  test('in the known layout when there are several', async () => {
    for (const name of ['one', 'two']) await cp(sample, path.join(root, 'several', name), {recursive: true});
    const several = path.join(root, 'several');
    const scan = await scanFolder(several, {layouts: ['nowhere', 'two']});
    assert.equal(scan.photos[0].picture.place, path.join(several, 'two/glass/glass1.jpg'));
    await assert.rejects(
      scanFolder(several),
      /^LabError: .*several folders of class folders: one, two, .* Name/,
    );
  });

  test('by the content of their files, whatever their endings', async () => {
    for (const name of ['glass', 'metal']) {
      for (let i = 1; i <= 3; i++) {
        const from = path.join(folder, name, `${name}${i}.jpg`);
        await rename(from, i === 1 ? from.replace('.jpg', '') : from.replace('jpg', 'jfif'));
      }
    }
    assert.equal((await scanFolder(folder)).photos.length, 6);
  });

  test('with what lies in sub-folders of the classes', async () => {
    await cp(path.join(sample, 'glass'), path.join(folder, 'glass/bottles'), {recursive: true});
    const {photos, classes} = await scanFolder(folder);
    assert.deepEqual(classes, ['glass', 'metal']);
    assert.equal(photos.filter(({label}) => label === 0).length, 6);
  });

  test('when all photos lie one folder below', async () => {
    for (const name of ['glass', 'metal']) {
      await cp(path.join(sample, name), path.join(root, 'inner', name, 'images'), {recursive: true});
    }
    assert.deepEqual((await scanFolder(path.join(root, 'inner'))).classes, ['glass', 'metal']);
  });
});

describe('takes the parts of a split as they are given', () => {
  /** A folder of parts, each with the two classes. */
  async function parted(...parts: string[]): Promise<string> {
    const home = await mkdtemp(path.join(root, 'parted-'));
    for (const part of parts) await cp(sample, path.join(home, part), {recursive: true});
    return home;
  }
  const counts = (photos: Photo[]) =>
    Object.fromEntries(
      ['train', 'val', 'test', null].map((part) => [
        String(part),
        photos.filter((photo) => photo.part === part).length,
      ]),
    );

  test('by the names of their folders', async () => {
    for (const [names, expected] of [
      [['train', 'val'], {train: 6, val: 6, test: 0, null: 0}],
      [['train', 'valid', 'test'], {train: 6, val: 6, test: 6, null: 0}],
      [['Training', 'Validation'], {train: 6, val: 6, test: 0, null: 0}],
      [['set/train', 'set/test'], {train: 6, val: 0, test: 6, null: 0}],
      [['train'], {train: 0, val: 0, test: 0, null: 6}],
    ] as const) {
      const {classes, photos} = await scanFolder(await parted(...names));
      assert.deepEqual(classes, ['glass', 'metal']);
      assert.deepEqual(counts(photos), expected, names.join());
    }
  });

  test('a test folder without classes is left aside, and said', async () => {
    const home = await parted('train');
    await cp(path.join(sample, 'glass'), path.join(home, 'test'), {recursive: true});
    const {photos, notes, leftAside} = await scanFolder(home);
    assert.deepEqual(counts(photos), {train: 0, val: 0, test: 0, null: 6});
    assert.deepEqual(notes, ['test has no classes: its 3 photos are left aside.']);
    assert.equal(leftAside.length, 3);
  });

  test('a part without photos is said', async () => {
    const home = await parted('train', 'test');
    await mkdir(path.join(home, 'val'));
    assert.deepEqual((await scanFolder(home)).notes, ['val has no photos.']);
  });

  test('classes that a part lacks or has alone are named', async () => {
    const home = await parted('train', 'val');
    await rename(path.join(home, 'val/metal'), path.join(home, 'val/paper'));
    await assert.rejects(
      scanFolder(home),
      /val has the class paper, which train has not \(glass, metal\)\. Put/,
    );
    await rename(path.join(home, 'val/paper'), path.join(folder, 'away'));
    await assert.rejects(scanFolder(home), /val has no photos of metal\. Put some there, or move val out/);
    const flat = await mkdtemp(path.join(root, 'flat-'));
    for (const part of ['train', 'test'])
      await cp(path.join(sample, 'glass'), path.join(flat, part), {recursive: true});
    await assert.rejects(
      scanFolder(flat),
      /train has no class folders\. Put the training photos of each class/,
    );
    const twice = await parted('train', 'val', 'valid');
    await assert.rejects(scanFolder(twice), /two folders for the val part, val and valid/);
  });

  test('a class called train is a class', async () => {
    await cp(path.join(folder, 'glass'), path.join(folder, 'train'), {recursive: true});
    assert.deepEqual((await scanFolder(folder)).classes, ['glass', 'metal', 'train']);
  });
});

describe('refuses, naming the folder and the remedy,', () => {
  const refused = (message: RegExp, options = {}) => assert.rejects(scanFolder(folder, options), message);

  test('a folder that does not exist or is none', async () => {
    await assert.rejects(scanFolder(path.join(folder, 'nowhere')), /^LabError: .*nowhere does not exist/);
    await assert.rejects(scanFolder(path.join(folder, 'glass/glass1.jpg')), /^LabError: .*is not a folder/);
  });

  test('an empty class folder', async () => {
    await mkdir(path.join(folder, 'paper'));
    await refused(/^LabError: The class folder .*paper is empty\. Put photos into it, or move/);
  });

  test('a single class', async () => {
    await rm(path.join(folder, 'metal'), {recursive: true});
    await refused(/^LabError: .* has a single class, glass\..*add the folder of a second/);
  });

  test('fewer than three photos in a class', async () => {
    await rm(path.join(folder, 'metal/metal2.jpg'));
    await refused(/^LabError: The class metal of .* has 2 readable photos; each class needs at least 3/);
  });

  test('photos without class folders', async () => {
    const flat = path.join(folder, 'glass');
    await assert.rejects(
      scanFolder(flat),
      /^LabError: .*no class folders with photos \(3 photos lie in it directly\)/,
    );
  });

  test('other classes than expected', () =>
    refused(/has the class folders glass, metal, expected glass, paper/, {classes: ['glass', 'paper']}));

  test('a folder without permission', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may read every folder');
    await chmod(path.join(folder, 'metal'), 0);
    await refused(/^LabError: No permission to read the folder .*metal/);
    await chmod(path.join(folder, 'metal'), 0o755);
  });
});

describe('the cache', () => {
  test('gives the same scan, and only changed files are read again', async () => {
    const cacheFile = path.join(folder, '..', 'kept', 'scan.json');
    const first = await scanFolder(folder, {cacheFile});
    const written = (await stat(cacheFile)).mtimeMs;
    assert.deepEqual(await scanFolder(folder, {cacheFile}), first);
    assert.equal((await stat(cacheFile)).mtimeMs, written);
    await put('glass/glass1.jpg', await renderDrawing('glass', 50));
    await rm(path.join(folder, 'metal/metal3.jpg'));
    await put('metal/metal4.jpg', await renderDrawing('metal', 4));
    const second = await scanFolder(folder, {cacheFile});
    assert.notEqual(second.photos[0].picture.key, first.photos[0].picture.key);
    assert.deepEqual(second.photos.slice(1, 5), first.photos.slice(1, 5));
    assert.deepEqual(second, await scanFolder(folder));
    const {files} = JSON.parse(await readFile(cacheFile, 'utf8')) as {files: object};
    assert.equal('metal/metal3.jpg' in files, false);
  });

  test('is left aside when damaged, and is no error where it cannot be written', async () => {
    const cacheFile = path.join(folder, '..', 'damaged.json');
    await writeFile(cacheFile, '{"version":1,"fil');
    assert.equal((await scanFolder(folder, {cacheFile})).photos.length, 6);
    await scanFolder(folder, {cacheFile: path.join(folder, 'glass/glass1.jpg/scan.json')});
  });
});

test('stops at the signal', async () => {
  const stop = new AbortController();
  stop.abort(new Error('stopped'));
  await assert.rejects(scanFolder(folder, {signal: stop.signal}), /stopped/);
});
