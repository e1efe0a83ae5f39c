/** What a cell calls to collect photos, stopped by a real SIGINT and run again. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {LabError} from '../../lib/errors';
import {collect, openLab} from '../../lib/notebook';
import {newFolder, photosIn, quick} from '../collecting/folder';
import {photosFrom, servePhotos} from '../collecting/server';

delete process.env.LAB_OFFLINE;

test('collected in a cell, stopped and run again; the folder opens as a lab', async (t) => {
  const cats = await photosFrom(2000, 8);
  const [last] = cats.slice(-1);
  const {content} = last;
  last.content = () => process.kill(process.pid, 'SIGINT');
  const [cat, dog] = [
    await servePhotos(t, {photos: cats}),
    await servePhotos(t, {photos: await photosFrom(2100, 8)}),
  ];
  const folder = newFolder(t);
  const options = {...quick, folder, classes: {cats: cat.api, dogs: dog.api}, perClass: 8};
  await assert.rejects(collect(options), (error: Error) => {
    assert.ok(error instanceof LabError);
    return /^Collecting into .* was interrupted; what came by then is kept\. Run the cell again to go on\.$/.test(
      error.message,
    );
  });
  assert.ok(photosIn(folder).length >= 4);

  last.content = content;
  const collected = await collect(options);
  assert.equal(collected.photos.length, 16);
  const {workspace} = await openLab({dataset: collected.folder, folder: newFolder(t), mirror: ''});
  assert.deepEqual(workspace.dataset.classes, ['cats', 'dogs']);
  assert.equal(workspace.dataset.photos.length, 16);
});
