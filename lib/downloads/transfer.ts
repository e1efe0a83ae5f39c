/**
 * One file from one address into a `.part` file. What is known about the partial content (its address, validator and
 * size) stands beside it in `.part.json`, so that a later attempt, or a later process, appends only to the same content.
 */
import {open, readFile, rm, stat, writeFile} from 'node:fs/promises';
import * as path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {requireSpace, writingError} from '../storage';
import {connectionReason, noteAnswer, noteSilence, patienceWith} from './hosts';
import {progressMeter, type OnDownloadProgress} from './progress';

export interface TransferOptions {
  onProgress?: OnDownloadProgress;
  /** Stops the transfer; the partial file stays and is resumed by the next one. */
  signal?: AbortSignal;
  /** Milliseconds without a byte after which a connection counts as broken. Default 30,000. */
  stallTimeout?: number;
  /** Told once whom the file is waited for, when another kernel just fetches it. */
  onWait?: (message: string) => void;
  /** How often an address is tried when its connection breaks. Default 5. */
  attempts?: number;
  /** Bytes that the file may have at most; a place that sends more is given up. */
  largest?: number;
  /** Milliseconds before the second attempt, doubled for each further one. Default 500. */
  backoff?: number;
}

/** Whether trying again may help: a host that never answered in this transfer is given up at once. */
type Retry = 'never' | 'once reached' | 'always';

/** A place did not give the file; the message is the reason. */
export class PlaceFailed extends Error {
  constructor(
    reason: string,
    readonly retry: Retry = 'never',
    /** The HTTP status, when the place answered with an error. */
    readonly status?: number,
  ) {
    super(reason);
  }
}

interface PartRecord {
  url: string;
  /** A strong ETag or a Last-Modified date, for `If-Range`. */
  validator?: string;
  total?: number;
}

const recordOf = (part: string) => `${part}.json`;

/** Removes a partial file and what is known about it. */
export async function discardPart(part: string): Promise<void> {
  await rm(part, {force: true});
  await rm(recordOf(part), {force: true});
}

/**
 * Streams `url` into the file `part`, resuming what is already there of the same content and trying again with growing
 * pauses when the connection breaks. Redirects are followed. Resolves to true when part of the file was there before
 * this call. Throws PlaceFailed when the address does not give the file, LabError when the disk does not take it.
 */
export async function transfer(url: string, part: string, options: TransferOptions): Promise<boolean> {
  const {attempts = 5, backoff = 500, signal} = options;
  const resumed = (await readPart(url, part)) !== undefined;
  let reached = false;
  for (let attempt = 1; ; attempt++) {
    try {
      await transferOnce(url, part, options, () => (reached = true));
      await rm(recordOf(part));
      return resumed;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PlaceFailed) || error.retry === 'never') throw error;
      if (error.retry === 'once reached' && !reached) throw error;
      if (attempt >= attempts) throw new PlaceFailed(`${error.message} (${attempts} attempts)`);
      await sleep(backoff * 2 ** (attempt - 1), undefined, {signal});
    }
  }
}

async function transferOnce(
  url: string,
  part: string,
  {onProgress, signal, stallTimeout = 30_000, largest = Infinity}: TransferOptions,
  onReached: () => void,
): Promise<void> {
  const firstTimeout = Math.min(stallTimeout, patienceWith(url));
  if (firstTimeout === 0) throw new PlaceFailed('not tried: it, or every host before it, gave no answer');
  const stall = new AbortController();
  const silenceAfter = (timeout: number) =>
    new PlaceFailed(`no data for ${Math.round(timeout / 100) / 10} s`, 'once reached');
  const stallAfter = (timeout: number) => setTimeout(() => stall.abort(silenceAfter(timeout)), timeout);
  let timer = stallAfter(firstTimeout);
  const began = performance.now();
  let reached = false;
  try {
    const known = await readPart(url, part);
    const response = await follow(url, {
      headers: {'accept-encoding': 'identity', ...rangeHeaders(known)},
      signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal,
    });
    reached = true;
    noteAnswer(url);
    onReached();
    clearTimeout(timer);
    timer = stallAfter(stallTimeout);
    if (!response.ok) await refuse(response, part);
    const offset = await startOf(response, known, part);
    const total = totalOf(response);
    if (total !== undefined && total > largest) {
      await response.body?.cancel();
      throw tooLarge(total, largest);
    }
    if (total !== undefined) await requireSpace(path.dirname(part), total - offset, part);
    const record: PartRecord = {url, validator: validatorOf(response), total};
    const report = progressMeter(url, offset, total, onProgress);
    const received = await receive(response, part, offset, record, (bytes) => {
      timer.refresh();
      if (bytes > largest) throw tooLarge(bytes, largest);
      report(bytes);
    });
    if (total !== undefined && received !== total) {
      throw new PlaceFailed(`the connection broke off after ${received} of ${total} bytes`, 'always');
    }
  } catch (error) {
    const failure: unknown = stall.signal.aborted ? stall.signal.reason : connectionError(error);
    if (!reached && !signal?.aborted && failure instanceof PlaceFailed) {
      noteSilence(new Map([[url, failure.message]]), performance.now() - began);
    }
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

const mostRedirects = 10;

/** Fetches, following redirects, but for those that leave https: on http anybody on the way could change the file. */
async function follow(url: string, init: RequestInit): Promise<Response> {
  for (let [address, count] = [url, 0]; count <= mostRedirects; count++) {
    const response = await fetch(address, {...init, redirect: 'manual'});
    const location = response.headers.get('location');
    if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) return response;
    await response.body?.cancel();
    const next = redirected(address, location);
    if (/^https:/i.test(address) && next.protocol !== 'https:') {
      throw new PlaceFailed(`it redirects from https to ${next.origin}, where anybody could change the file`);
    }
    address = next.href;
  }
  throw new PlaceFailed(`it redirects more than ${mostRedirects} times`);
}

function redirected(address: string, location: string): URL {
  try {
    return new URL(location, address);
  } catch {
    throw new PlaceFailed(`it redirects to '${location.slice(0, 100)}', which is no address`);
  }
}

function tooLarge(bytes: number, largest: number): PlaceFailed {
  const megabytes = (value: number) => `${(value / 1e6).toFixed(1)} MB`;
  return new PlaceFailed(
    `${megabytes(bytes)} or more, where at most ${megabytes(largest)} are expected: another file`,
  );
}

/** What is there of `url` already, or undefined when there is nothing that could be continued. */
async function readPart(url: string, part: string): Promise<(PartRecord & {bytes: number}) | undefined> {
  try {
    const record = JSON.parse(await readFile(recordOf(part), 'utf8')) as PartRecord;
    const bytes = (await stat(part)).size;
    return record.url === url && bytes > 0 ? {...record, bytes} : undefined;
  } catch {
    return undefined;
  }
}

function rangeHeaders(known: {bytes: number; validator?: string} | undefined): Record<string, string> {
  if (!known) return {};
  const range = {range: `bytes=${known.bytes}-`};
  return known.validator ? {...range, 'if-range': known.validator} : range;
}

async function refuse(response: Response, part: string): Promise<never> {
  await response.body?.cancel();
  if (response.status === 416) {
    await discardPart(part);
    throw new PlaceFailed('HTTP 416: the server cannot continue the partial file', 'always');
  }
  const passing = response.status >= 500 || response.status === 429 || response.status === 408;
  const reason = `HTTP ${response.status} ${response.statusText}`.trim();
  throw new PlaceFailed(reason, passing ? 'always' : 'never', response.status);
}

/** The position in the file at which the response's body begins: 0 unless the server continues what is there. */
async function startOf(
  response: Response,
  known: {bytes: number; total?: number} | undefined,
  part: string,
): Promise<number> {
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    await response.body?.cancel();
    throw new PlaceFailed('the answer is a web page, not the file (a log-in or a proxy?)');
  }
  if (response.status !== 206) return 0;
  const range = contentRange(response);
  const continues = known && range?.start === known.bytes && range.total === known.total;
  if (continues) return known.bytes;
  await response.body?.cancel();
  await discardPart(part);
  throw new PlaceFailed('the server continued at another place than asked', 'always');
}

function contentRange(response: Response): {start: number; total?: number} | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  return match ? {start: +match[1], total: match[2] === '*' ? undefined : +match[2]} : undefined;
}

function totalOf(response: Response): number | undefined {
  if (response.status === 206) return contentRange(response)?.total;
  const length = response.headers.get('content-length');
  return length === null || response.headers.has('content-encoding') ? undefined : Number(length);
}

function validatorOf(response: Response): string | undefined {
  const etag = response.headers.get('etag');
  const strong = etag?.startsWith('"') ? etag : undefined;
  return strong ?? response.headers.get('last-modified') ?? undefined;
}

/**
 * Writes the body from `offset` on, calling `onBytes` with the size reached; resolves to the final size. The record is
 * renewed between truncating the old content and writing the new, so it never vouches for bytes of another content.
 */
async function receive(
  response: Response,
  part: string,
  offset: number,
  record: PartRecord,
  onBytes: (received: number) => void,
): Promise<number> {
  const writing = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw writingError(error, part);
    }
  };
  if (offset === 0) await rm(recordOf(part), {force: true});
  const file = await writing(() => open(part, offset > 0 ? 'a' : 'w'));
  let received = offset;
  try {
    await writing(() => writeFile(recordOf(part), JSON.stringify(record)));
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      await writing(() => file.appendFile(chunk));
      received += chunk.byteLength;
      onBytes(received);
    }
    return received;
  } finally {
    await file.close();
  }
}

/** Node's fetch wraps what went wrong on the wire in TypeErrors; anything else passes through unchanged. */
function connectionError(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  const cause = error.cause as (Error & {code?: string}) | undefined;
  const broken = cause?.code === 'ECONNRESET' || cause?.code === 'UND_ERR_SOCKET';
  return new PlaceFailed(connectionReason(error), broken ? 'always' : 'once reached');
}
