import {spawnSync} from 'node:child_process';
import * as fs from 'node:fs';
import {join} from 'node:path';
import {renderDrawing} from '../../lib/datasets/drawings';
import {sharp} from '../../lib/pictures';
import {findPython} from '../../setup/python.mjs';
import {classes} from './experiments';

/** A drawing as a small JPEG file, which takes little time. */
export const drawPhoto = async (name: (typeof classes)[number], seed: number): Promise<Buffer> =>
  sharp(await renderDrawing(name, seed))
    .resize(64)
    .jpeg()
    .toBuffer();

/** Lays `<folder>/photos.zip` with so many drawings of each class, and returns its path. */
export async function drawArchive(folder: string, perClass: number): Promise<string> {
  const photos = join(folder, 'drawn');
  for (const [label, name] of classes.entries()) {
    fs.mkdirSync(join(photos, name), {recursive: true});
    for (let i = 0; i < perClass; i++) {
      fs.writeFileSync(join(photos, name, `${name}${i}.jpg`), await drawPhoto(name, 1000 * label + i));
    }
  }
  const archive = join(folder, 'photos.zip');
  const {status, stderr} = spawnSync(
    findPython(),
    ['-m', 'zipfile', '-c', archive, ...classes.map((name) => join(photos, name))],
    {encoding: 'utf8'},
  );
  if (status !== 0) throw new Error(`The archive was not packed: ${stderr}`);
  return archive;
}
