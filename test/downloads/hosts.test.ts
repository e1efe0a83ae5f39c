/** A host that takes connections and never answers, as behind a firewall. In a file of its own: hosts are remembered. */
import assert from 'node:assert/strict';
import {createServer, type AddressInfo, type Socket} from 'node:net';
import * as path from 'node:path';
import {test} from 'node:test';
import {contact, fetchFile, FileUnavailable, whySilent} from '../../lib/downloads';
import {atEnd, temporaryFolder} from '../ending';
import {sendFile, serve} from './server';

test('silent hosts cost ten seconds in all, once, and others are still asked', async (t) => {
  const sockets: Socket[] = [];
  const addresses = await Promise.all(
    [1, 2, 3].map(async () => {
      const server = createServer((socket) => sockets.push(socket));
      await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
      atEnd(t, () => server.close());
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
    }),
  );
  atEnd(t, () => sockets.forEach((socket) => socket.destroy()));
  const content = Buffer.from('content');
  const answering = await serve((request, response) => sendFile(request, response, content));
  atEnd(t, answering.close);
  const folder = temporaryFolder(t, 'hosts ');
  const began = performance.now();

  await contact([addresses[0], addresses[1], answering.url]);
  assert.match(whySilent(addresses[0])!, /does not answer/);
  assert.equal(whySilent(answering.url), null);
  const wanted = (name: string, places: string[]) =>
    fetchFile({name, to: path.join(folder, name), addresses: places, mirror: '', attempts: 2, backoff: 1});
  for (const name of ['first', 'second', 'third']) {
    await assert.rejects(wanted(name, addresses), FileUnavailable);
  }
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds < 10, `${seconds} s`);
  assert.equal((await wanted('fourth', [...addresses, answering.url])).source, answering.url);
  assert.ok((performance.now() - began) / 1000 < 10);
});
