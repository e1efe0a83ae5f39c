/** A server as the network makes it: slow, busy, and with connections that break. */
import {createServer, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

/** Of the five attempts that a download has, as many may fail. */
const mostMishaps = 3;
const chunk = 16_384;

export interface Server {
  address: string;
  close: () => void;
}

/** Serves one file at every path, honouring `Range`; each path has its own mishaps, at most three. */
export async function serve(content: Buffer, random: () => number): Promise<Server> {
  const mishaps = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url!;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const fails = random() < 0.5 && (mishaps.get(path) ?? 0) < mostMishaps;
    if (fails) mishaps.set(path, (mishaps.get(path) ?? 0) + 1);
    if (fails && random() < 0.3) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      etag: '"1"',
      'content-length': content.length - from,
      ...(from > 0 && {'content-range': `bytes ${from}-${content.length - 1}/${content.length}`}),
    });
    const end = fails ? from + Math.floor(random() * (content.length - from)) : content.length;
    void send(response, content.subarray(from, end), 8 * random()).then(() =>
      fails ? response.destroy() : response.end(),
    );
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function send(response: ServerResponse, bytes: Buffer, pauseMs: number): Promise<void> {
  for (let start = 0; start < bytes.length && !response.destroyed; start += chunk) {
    response.write(bytes.subarray(start, start + chunk));
    await sleep(pauseMs);
  }
}
