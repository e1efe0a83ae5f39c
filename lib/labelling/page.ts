/**
 * A small page on which a person labels, served on 127.0.0.1 alone, under a random token: whoever does not know it gets
 * nothing, nor does a page of another origin, nor one whose host name was made to lead here.
 */
import {randomBytes, timingSafeEqual} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {LabError} from '../errors';
import {LabellingSession, type SessionOptions, type SessionOutcome, StalePhoto} from './session';

export interface PageOptions extends SessionOptions {
  /** The page may be shown in a frame of another local page, such as JupyterLab. */
  framed?: boolean;
  /** Ends it in good order. */
  signal?: AbortSignal;
}

export interface LabellingPage {
  /** What to open in a browser on this machine. */
  address: string;
  /** When the person has finished, or it was closed or stopped. */
  done: Promise<SessionOutcome>;
  /** See LabellingSession.ask. */
  ask(keys: readonly string[]): Promise<Map<string, string> | null>;
  close(): Promise<void>;
}

const folder = join(__dirname, '..', '..', 'lib', 'labelling', 'page');
const files: Record<string, string> = {
  'index.html': 'text/html; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
};
const longestBody = 10_000;

/** Opens the page. Throws a LabError for classes that cannot be. */
export async function openLabellingPage({
  framed = false,
  signal,
  ...options
}: PageOptions): Promise<LabellingPage> {
  const session = new LabellingSession(options);
  const token = randomBytes(24).toString('base64url');
  let origins: string[] = [];
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers(framed))) response.setHeader(name, value);
    void answer(request, response).catch((error: unknown) => send(response, 500, {error: wordsOf(error)}));
  });
  await new Promise<void>((listening, failed) =>
    server.once('error', failed).listen(0, '127.0.0.1', listening),
  );
  const {port} = server.address() as AddressInfo;
  origins = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];

  const stop = () => session.end('stopped');
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, {once: true});
  const done = session.ended.then(async () => {
    signal?.removeEventListener('abort', stop);
    await new Promise<void>((closed) => server.close(() => closed()));
    return session.outcome();
  });

  return {
    address: `${origins[0]}/${token}/`,
    done,
    ask: (keys) => session.ask(keys),
    close: async () => {
      session.end('closed');
      await done;
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {host = '', origin = origins[0]} = request.headers;
    const [, given = '', ...rest] = (request.url ?? '').split('?')[0].split('/');
    if (!origins.includes(`http://${host}`) || !origins.includes(origin) || !isEqual(given, token)) {
      return send(response, 403, {error: 'Open the address that the notebook shows, with its token.'});
    }
    const name = rest.join('/');
    if (request.method === 'GET') return get(name, response);
    if (request.method !== 'POST') return send(response, 405, {error: 'GET or POST'});
    if (request.headers['content-type'] !== 'application/json') return send(response, 415, {error: 'JSON'});
    await post(name, await bodyOf(request), response);
  }

  async function get(name: string, response: ServerResponse): Promise<void> {
    const file = name === '' ? 'index.html' : name;
    if (Object.hasOwn(files, file)) return send(response, 200, readFileSync(join(folder, file)), files[file]);
    if (name === 'state') return send(response, 200, await session.look());
    const jpeg = session.jpeg(Number(/^photo\/(\d+)\.jpg$/.exec(name)?.[1]));
    if (jpeg) return send(response, 200, jpeg, 'image/jpeg');
    send(response, 404, {error: `There is no ${name}.`});
  }

  async function post(name: string, body: {photo: number | null; label: string}, response: ServerResponse) {
    try {
      if (name === 'label') send(response, 200, await session.label(body.photo, body.label));
      else if (name === 'skip') send(response, 200, await session.skip(body.photo));
      else if (name === 'undo') send(response, 200, await session.undo());
      else if (name === 'finish') {
        session.end('finished');
        send(response, 200, session.state());
      } else send(response, 404, {error: `There is no ${name}.`});
    } catch (error) {
      if (!(error instanceof StalePhoto)) throw error;
      send(response, 409, session.state());
    }
  }
}

/** Nothing but what the page itself brings may run or be loaded; nothing is kept or told to others. */
const headers = (framed: boolean) => ({
  'content-security-policy':
    `default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; ` +
    `form-action 'none'; frame-ancestors ${framed ? 'http://127.0.0.1:* http://localhost:*' : "'none'"}`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  connection: 'close',
});

function send(response: ServerResponse, status: number, content: object, type = 'application/json'): void {
  response.writeHead(status, {'content-type': type});
  response.end(Buffer.isBuffer(content) ? content : JSON.stringify(content));
}

function isEqual(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function bodyOf(request: IncomingMessage): Promise<{photo: number | null; label: string}> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestBody) throw new LabError('What was sent is too long.');
    chunks.push(chunk);
  }
  const {photo, label} = (parsed(Buffer.concat(chunks).toString('utf8')) ?? {}) as Record<string, unknown>;
  return {photo: typeof photo === 'number' ? photo : null, label: typeof label === 'string' ? label : ''};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const wordsOf = (error: unknown): string =>
  error instanceof LabError ? error.message : `Something went wrong: ${String(error)}`;
