import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import {createServer as createSecureServer} from 'node:https';
import type {AddressInfo} from 'node:net';

export interface TestServer {
  url: string;
  /** The `Range` header of every request so far (undefined where there was none). */
  ranges: (string | undefined)[];
  close: () => Promise<void>;
}

/** A real HTTP server on 127.0.0.1, HTTPS with a certificate; the handler also gets the number of requests before. */
export async function serve(
  handler: (request: IncomingMessage, response: ServerResponse, count: number) => void,
  certificate?: {key: Buffer; cert: Buffer},
): Promise<TestServer> {
  const ranges: (string | undefined)[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    ranges.push(request.headers.range);
    handler(request, response, ranges.length - 1);
  };
  const server = certificate ? createSecureServer(certificate, answer) : createServer(answer);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const {port} = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  return {url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`, ranges, close};
}

/** Answers with the bytes, honouring `Range` and `If-Range` as real file servers do. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  etag = '"v1"',
): void {
  const from = rangeStart(request, etag);
  response.writeHead(from > 0 ? 206 : 200, {
    etag,
    'content-length': bytes.length - from,
    ...(from > 0 ? {'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`} : {}),
  });
  response.end(bytes.subarray(from));
}

/** Like sendFile, but the connection breaks (or falls silent) after `count` bytes. */
export function sendSome(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  count: number,
  then: 'break' | 'silence',
  etag = '"v1"',
): void {
  const from = rangeStart(request, etag);
  response.writeHead(from > 0 ? 206 : 200, {
    etag,
    'content-length': bytes.length - from,
    ...(from > 0 ? {'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`} : {}),
  });
  // Who asks is in this process: what is sent is read within a turn of its loop, however late the clock finds it.
  response.write(bytes.subarray(from, from + count), () => {
    if (then === 'break') setTimeout(() => setImmediate(() => setImmediate(() => response.destroy())), 30);
  });
}

function rangeStart(request: IncomingMessage, etag: string): number {
  const fresh = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  return match && fresh ? Number(match[1]) : 0;
}
