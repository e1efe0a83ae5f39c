/**
 * Requests that are no burden to a host: so many a second, none while it asks for a pause, and after a failure that may
 * pass another with a growing pause before it. Everything has a limit: a request's time and size, its redirects, its
 * repetitions.
 */
import {setTimeout as sleep} from 'node:timers/promises';
import {connectionReason, retryAfter} from '../downloads';

export interface RequestLimits {
  /** To each host. */
  requestsPerSecond: number;
  /** How often a request is made when it fails in a way that may pass (429, 408, 5xx, a broken connection, silence). */
  attempts: number;
  /** Milliseconds before the second attempt, about doubled for each further one. */
  firstPause: number;
  /** Milliseconds; a host that asks for a longer pause is given up. */
  longestPause: number;
  /** Milliseconds within which an answer must be there as a whole. */
  timeLimit: number;
}

export interface Request {
  /** Largest answer, in bytes. */
  largestBytes: number;
  headers?: Record<string, string>;
  /** Headers for the origin of the address alone: a redirect to another does not take them along. */
  secretHeaders?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Answer {
  bytes: Buffer;
  /** Its `Content-Type`, '' where there is none. */
  type: string;
}

interface Failure {
  /** Whether another time it may go well. */
  passing: boolean;
  status?: number;
  /** The beginning of what the host said, with an error status. */
  said?: string;
  /** Milliseconds that the host asks to wait. */
  retryAfter?: number;
  /** The host that failed, which after a redirect is not the address's. */
  host?: string;
}

/** A request was not answered with what was asked for; the message is the reason. */
export class RequestFailed extends Error {
  constructor(
    reason: string,
    readonly failure: Failure,
  ) {
    super(reason);
  }
}

const mostRedirects = 5;
const quotedBytes = 2_000;
const redirects = new Set([301, 302, 303, 307, 308]);

export class Requests {
  private readonly pace: Pace;

  constructor(private readonly limits: RequestLimits) {
    this.pace = new Pace(1000 / limits.requestsPerSecond);
  }

  /** What an address answers. Throws RequestFailed, and the signal's reason. */
  async get(address: string, request: Request): Promise<Answer> {
    const {attempts, firstPause, longestPause} = this.limits;
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      try {
        return await this.follow(address, request);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (!(error instanceof RequestFailed) || !error.failure.passing) throw error;
        const {message, failure} = error;
        const {retryAfter, host} = failure;
        if (retryAfter !== undefined && retryAfter > longestPause) {
          const seconds = Math.ceil(retryAfter / 1000);
          throw new RequestFailed(`${message}; it asks for a pause of ${seconds} s`, failure);
        }
        if (attempt >= attempts) throw new RequestFailed(`${message} (${attempts} attempts)`, failure);
        const growing = firstPause * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
        const pause = Math.max(retryAfter ?? 0, Math.min(growing, longestPause));
        if (host && (retryAfter !== undefined || failure.status === 429)) this.pace.hold(host, pause);
        await pausing(pause, request.signal);
      }
    }
  }

  private async follow(address: string, request: Request): Promise<Answer> {
    const first = webAddress(address);
    const {headers, secretHeaders = {}} = request;
    let url = first;
    for (let hops = 0; hops <= mostRedirects; hops++) {
      await this.pace.turn(url.host, request.signal);
      const isOwn = url.origin === first.origin;
      const answer = await this.ask(url, {
        ...request,
        headers: isOwn ? {...headers, ...secretHeaders} : headers,
      });
      if (!(answer instanceof URL)) return answer;
      checkRedirect(url, answer, Object.values(secretHeaders));
      url = answer;
    }
    throw new RequestFailed(`more than ${mostRedirects} redirects`, {passing: false});
  }

  /** One request; the address that it is redirected to, or its answer. */
  private async ask(url: URL, {largestBytes, headers, signal}: Request): Promise<Answer | URL> {
    const {timeLimit} = this.limits;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeLimit);
    const stop = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    try {
      const response = await fetch(url, {redirect: 'manual', headers, signal: stop});
      const location = response.headers.get('location');
      if (redirects.has(response.status) && location !== null) {
        await response.body?.cancel();
        return webAddress(location, url.href);
      }
      if (!response.ok) throw await refusal(response, url.host);
      const bytes = await bodyOf(response, largestBytes);
      return {bytes, type: response.headers.get('content-type') ?? ''};
    } catch (error) {
      signal?.throwIfAborted();
      const {host} = url;
      if (limit.signal.aborted) {
        throw new RequestFailed(`no whole answer within ${timeLimit / 1000} s`, {passing: true, host});
      }
      if (!(error instanceof TypeError)) throw error;
      throw new RequestFailed(connectionReason(error), {passing: true, host});
    } finally {
      clearTimeout(timer);
    }
  }
}

/** When requests may go out, host by host. */
class Pace {
  /** The moment from which on the next request to a host may go out. */
  private readonly free = new Map<string, number>();

  constructor(private readonly interval: number) {}

  /** Resolves when a request may go out, which it then must. */
  async turn(host: string, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const now = performance.now();
      const wait = (this.free.get(host) ?? 0) - now;
      if (wait <= 0) return void this.free.set(host, now + this.interval);
      await pausing(wait, signal);
    }
  }

  hold(host: string, milliseconds: number): void {
    this.free.set(host, Math.max(this.free.get(host) ?? 0, performance.now() + milliseconds));
  }
}

async function pausing(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, {signal}).catch(() => signal?.throwIfAborted());
}

function webAddress(address: string, base?: string): URL {
  const url = URL.canParse(address, base) ? new URL(address, base) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  const what = base ? `${new URL(base).host} redirects to what` : 'its address';
  throw new RequestFailed(`${what} is no web address`, {passing: false});
}

function checkRedirect(from: URL, to: URL, secrets: readonly string[]): void {
  const refuse = (what: string) => {
    throw new RequestFailed(`${from.host} redirects ${what}, which is not followed`, {passing: false});
  };
  if (from.protocol === 'https:' && to.protocol !== 'https:') refuse('from https to http');
  if (to.origin !== from.origin && secrets.some((secret) => to.href.includes(secret))) {
    refuse(`to an address at ${to.host} that holds the key`);
  }
}

async function refusal(response: Response, host: string): Promise<RequestFailed> {
  const {status, statusText} = response;
  const passing = status >= 500 || status === 429 || status === 408;
  const said = (await beginning(response, quotedBytes)).toString('utf8').trim();
  const failure = {
    passing,
    status,
    said,
    host,
    retryAfter: passing ? retryAfter(response.headers) : undefined,
  };
  return new RequestFailed(`HTTP ${status} ${statusText}`.trim(), failure);
}

async function bodyOf(response: Response, largest: number): Promise<Buffer> {
  const told = Number(response.headers.get('content-length') ?? 0);
  const bytes = told > largest ? undefined : await beginning(response, largest + 1);
  if (bytes && bytes.length <= largest) return bytes;
  await response.body?.cancel();
  const limit = `${(largest / 1e6).toFixed(1)} MB`;
  throw new RequestFailed(`its answer is larger than the limit of ${limit}`, {passing: false});
}

/** At most so many bytes of a body; the rest is not fetched. */
async function beginning(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let count = 0;
  // Leaving the loop early cancels the body.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    count += chunk.byteLength;
    if (count >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most);
}
