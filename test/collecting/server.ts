/** An API of photos as TheCatAPI is one, and the host that its photos lie on: two real servers on 127.0.0.1. */
import type {IncomingMessage, ServerResponse} from 'node:http';
import sharp, {type Sharp} from 'sharp';
import type {PhotoApi} from '../../lib/collecting';
import {mulberry32} from '../../lib/random';
import {serve} from '../downloads/server';
import {atEnd, type Ending} from '../ending';

/** What is asked of a host, as it came. */
export interface Asked {
  path: string;
  key: string | undefined;
  /** When, in milliseconds. */
  at: number;
}

/** Answers a request in its own way; false leaves it to the server. `count` is that of requests before. */
export type Answering = (request: IncomingMessage, response: ServerResponse, count: number) => boolean;

export interface Listed {
  id: string | number;
  /** Answers for the photo; its bytes, or in another way. */
  content: Buffer | Answering;
  /** In place of its address on the photo host. */
  url?: string;
  licence?: string;
}

export interface ServerOptions {
  photos: Listed[];
  /** The key that the API wants; without one it answers anybody. */
  key?: string;
  /** Photos on a page at most. Default 100, as there. */
  perPage?: number;
  search?: Answering;
}

export interface PhotoServer {
  api: PhotoApi;
  searches: Asked[];
  /** Requests for photos, their paths as `/<index>`. */
  fetches: Asked[];
  /** The most requests for photos that were open at once. */
  most: () => number;
}

/** The environment's variable that the tests' keys stand in. */
export const keyVariable = 'TEST_PHOTO_API_KEY';

export async function servePhotos(t: Ending, options: ServerOptions): Promise<PhotoServer> {
  const {photos, key, perPage = 100, search} = options;
  const [searches, fetches]: [Asked[], Asked[]] = [[], []];
  let [open, most] = [0, 0];
  const note = (list: Asked[], {url = '', headers}: IncomingMessage) =>
    list.push({path: url, key: headers['x-api-key'] as string | undefined, at: performance.now()});

  const host = await serve((request, response) => {
    note(fetches, request);
    most = Math.max(most, ++open);
    response.on('close', () => open--);
    const {content} = photos[Number(request.url!.slice(1))];
    if (typeof content !== 'function') response.writeHead(200, {'content-type': 'image/jpeg'}).end(content);
    else content(request, response, fetches.length - 1);
  });
  const server = await serve((request, response) => {
    note(searches, request);
    if (search?.(request, response, searches.length - 1)) return;
    const given = request.headers['x-api-key'];
    if (key !== undefined && given !== key) {
      const words = given === undefined ? 'send your API Key' : `${String(given)} is no valid x-api-key`;
      response.writeHead(401, {'content-type': 'text/plain'}).end(`AUTHENTICATION_ERROR - ${words}`);
      return;
    }
    const query = new URL(request.url!, 'http://x').searchParams;
    const count = Math.min(Number(query.get('limit') ?? 1), given ? perPage : Math.min(perPage, 10));
    // Without a key pages are drawn at random; here from all in turns, wherever one stands.
    const first = given ? Number(query.get('page')) * count : ((searches.length - 1) * 7) % photos.length;
    const page = given
      ? photos.slice(first, first + count)
      : [...photos.slice(first), ...photos.slice(0, first)].slice(0, count);
    const entries = page.map((photo) => {
      const {id, url = `${host.url}/${photos.indexOf(photo)}`, licence} = photo;
      return {id, url, width: 96, height: 96, licence};
    });
    response.writeHead(200, {'content-type': 'application/json'}).end(JSON.stringify(entries));
  });
  atEnd(t, server.close);
  atEnd(t, host.close);
  const api = {title: 'TestAPI', address: server.url, keyVariable, keysFrom: 'https://example.org/keys'};
  return {api, searches, fetches, most: () => most};
}

/** A picture that looks like no other of another seed: a coarse random pattern, enlarged. */
export function pictureOf(seed: number, side = 96): Sharp {
  const random = mulberry32(seed);
  const coarse = Uint8Array.from({length: 7 * 7 * 3}, () => Math.floor(256 * random()));
  return sharp(coarse, {raw: {width: 7, height: 7, channels: 3}}).resize(side, side, {kernel: 'cubic'});
}

export const jpegOf = (seed: number, side = 96): Promise<Buffer> => pictureOf(seed, side).jpeg().toBuffer();

/** So many photos, the first of the given seed. */
export async function photosFrom(seed: number, count: number): Promise<Listed[]> {
  const contents = await Promise.all(Array.from({length: count}, (_, i) => jpegOf(seed + i)));
  return contents.map((content, i) => ({id: `p${seed + i}`, content}));
}
