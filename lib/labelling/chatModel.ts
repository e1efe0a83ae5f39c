/**
 * A model behind an OpenAI-compatible address. Its key goes to that address alone: no redirect is followed, and no
 * message repeats it.
 */
import {setTimeout as sleep} from 'node:timers/promises';
import {connectionReason, retryAfter} from '../downloads';
import {LabError} from '../errors';

export interface ModelAddress {
  /** What stands before `/chat/completions`: 'https://api.example.com/v1'. */
  url: string;
  /** Empty where the model asks for none. */
  key: string;
  model: string;
}

/** The model that `LABEL_API_URL`, `LABEL_API_KEY` and `LABEL_MODEL` name; null where neither address nor model is set. */
export function modelOfEnvironment(environment = process.env): ModelAddress | null {
  const {LABEL_API_URL: url = '', LABEL_API_KEY: key = '', LABEL_MODEL: model = ''} = environment;
  if (url === '' && model === '') return null;
  if (url === '')
    throw new LabError(
      "LABEL_MODEL is set, LABEL_API_URL is not. Set it to the model's address, 'https://.../v1'.",
    );
  if (model === '')
    throw new LabError(
      'LABEL_API_URL is set, LABEL_MODEL is not. Set it to the name of a model there that sees pictures.',
    );
  return {url, key, model};
}

/** What a model answered: its text, or why there is none. */
export interface Reply {
  text: string | null;
  problem: string | null;
  /** null where the answer does not tell. */
  tokens: Tokens | null;
}

export interface Tokens {
  input: number;
  output: number;
}

export interface ChatOptions {
  /** Milliseconds that one answer may take. Default: 60,000. */
  timeout?: number;
  /** How often a question is sent while the address does not take it or is not reached. Default: 5. */
  attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further one. Default: 1,000. */
  backoff?: number;
  /** The longest wait, in milliseconds, that the address may ask for. Default: 120,000. */
  patience?: number;
  /** Called before anything is sent; what it throws is thrown. */
  onRequest?: () => void;
}

const longestAnswer = 2 ** 20;

/** The address did not take a question, which may pass. */
class Passing extends Error {
  constructor(
    reason: string,
    readonly retryAfterMs?: number,
  ) {
    super(reason);
  }
}

export class ChatModel {
  readonly host: string;
  private readonly endpoint: URL;
  private readonly headers: Record<string, string>;
  /** Nothing is sent before this moment (performance.now()): all questions heed what one was told. */
  private notBefore = 0;
  private reached = false;

  /** Throws a LabError for an address or a key that cannot be one. */
  constructor(
    private readonly address: ModelAddress,
    private readonly options: ChatOptions = {},
  ) {
    this.endpoint = endpointOf(address.url);
    this.host = this.endpoint.host;
    if (process.env.LAB_OFFLINE && !/^(localhost|127\.|\[::1\])/.test(this.host)) {
      throw new LabError(
        `${this.host} is not asked, because LAB_OFFLINE is set. Unset it to have photos labelled there.`,
      );
    }
    const key = address.key.trim();
    if (!/^[\x21-\x7e]*$/.test(key)) {
      throw new LabError(
        'LABEL_API_KEY holds characters that no key has (spaces, line breaks, letters with accents). Copy it anew.',
      );
    }
    this.headers = {'content-type': 'application/json', ...(key ? {authorization: `Bearer ${key}`} : {})};
  }

  /**
   * Asks one question, again with growing pauses where the address is busy or not reached. Throws a LabError where asking
   * on is of no use: a refused key, a wrong address or model, an address that is down, a wait longer than patience.
   */
  async ask(messages: unknown, form: object, signal?: AbortSignal): Promise<Reply> {
    const {attempts = 5, backoff = 1000, patience = 120_000, onRequest} = this.options;
    const body = JSON.stringify({...form, model: this.address.model, messages});
    for (let attempt = 1; ; attempt++) {
      const wait = this.notBefore - performance.now();
      if (wait > 0) await sleep(wait, undefined, {signal});
      signal?.throwIfAborted();
      onRequest?.();
      try {
        return await this.askOnce(body, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Passing)) throw error;
        const pause = error.retryAfterMs ?? backoff * 2 ** (attempt - 1);
        if (pause > patience)
          throw this.later(`${error.message}, to be asked again in ${Math.ceil(pause / 1000)} s`);
        if (attempt >= (this.reached ? attempts : 2))
          throw this.later(`${error.message} (${attempt} attempts)`);
        this.notBefore = Math.max(this.notBefore, performance.now() + pause);
      }
    }
  }

  private later(reason: string): LabError {
    const remedy = this.reached ? 'Run again later.' : 'Check LABEL_API_URL and the network, then run again.';
    return new LabError(`${this.host}: ${reason}. ${remedy}`);
  }

  private async askOnce(body: string, signal?: AbortSignal): Promise<Reply> {
    const {timeout = 60_000} = this.options;
    const limit = AbortSignal.timeout(timeout);
    try {
      const response = await fetch(this.endpoint, {
        method: 'POST',
        headers: this.headers,
        body,
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      this.reached = true;
      const text = await textOf(response);
      return response.ok ? replyOf(text) : this.refusal(response, text);
    } catch (error) {
      if (limit.aborted) throw new Passing(`no answer within ${timeout / 1000} s`);
      // Node's fetch wraps what went wrong on the wire in TypeErrors.
      if (error instanceof TypeError) throw new Passing(connectionReason(error));
      throw error;
    }
  }

  /** What an HTTP error means: a refusal of this picture alone is a reply, anything else is thrown. */
  private refusal(response: Response, text: string | null): Reply {
    const {status} = response;
    const {code, message} = errorIn(text);
    const said = message ? `: ${this.withoutKey(message).slice(0, 200)}` : '';
    const {host, endpoint} = this;
    const {model, key} = this.address;
    if (/content_?(filter|policy)/.test(code))
      return {text: null, problem: `refused (${code})`, tokens: null};
    if (status >= 300 && status < 400) {
      const target = urlOf(response.headers.get('location') ?? '', endpoint)?.host ?? 'nowhere';
      throw new LabError(
        `${host} sends on to ${target} (HTTP ${status}); the key is not sent there. If that is the model's address, set LABEL_API_URL to it.`,
      );
    }
    if (status === 401) {
      throw new LabError(
        key
          ? `${host} refuses the key (HTTP 401). Set LABEL_API_KEY to a valid one.`
          : `${host} asks for a key (HTTP 401). Set LABEL_API_KEY.`,
      );
    }
    if (status === 402 || code === 'insufficient_quota') {
      throw new LabError(
        `${host} has no credit left for this key (HTTP ${status}). Add some there, then run again.`,
      );
    }
    if (status === 403) {
      throw new LabError(
        `This key may not use ${model} at ${host} (HTTP 403${said}). Set LABEL_MODEL to one that it may use, or another key.`,
      );
    }
    if (status === 404) {
      throw new LabError(
        `${host} has no ${endpoint.pathname} or no model ${model} (HTTP 404${said}). LABEL_API_URL is what stands before ` +
          `/chat/completions, LABEL_MODEL the name of a model there.`,
      );
    }
    const reason = `HTTP ${status}${said}`;
    if (status === 429 || status === 408 || status >= 500)
      throw new Passing(reason, retryAfter(response.headers));
    throw new LabError(
      `${host} does not understand the question (${reason}). It has to be an OpenAI-compatible address whose model ` +
        `${model} sees pictures and answers by a JSON schema.`,
    );
  }

  private withoutKey(text: string): string {
    const key = this.address.key.trim();
    return key ? text.replaceAll(key, '[key]') : text;
  }
}

function endpointOf(url: string): URL {
  const parsed = urlOf(url);
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol) || parsed.username || parsed.password) {
    throw new LabError(
      "LABEL_API_URL is no address of the form 'https://host/v1' (without a name and password in it). Correct it.",
    );
  }
  parsed.pathname = `${parsed.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '')}/chat/completions`;
  return parsed;
}

function urlOf(text: string, base?: URL): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}

/** The text of an answer; null where it is too long to be one. */
async function textOf(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > longestAnswer) return null; // which cancels the rest
  }
  return Buffer.concat(chunks).toString('utf8');
}

interface Completion {
  choices?: {finish_reason?: string; message?: {content?: unknown; refusal?: unknown}}[];
  usage?: {prompt_tokens?: unknown; completion_tokens?: unknown};
}

function replyOf(text: string | null): Reply {
  const problem = (reason: string, tokens: Tokens | null = null): Reply => ({
    text: null,
    problem: reason,
    tokens,
  });
  if (text === null) return problem('an endless answer');
  const completion = parsed(text) as Completion | null;
  if (typeof completion !== 'object' || completion === null) {
    return problem(/^\s*</.test(text) ? 'a web page instead of an answer' : 'the answer is no JSON');
  }
  const {prompt_tokens: input, completion_tokens: output} = completion.usage ?? {};
  const tokens = typeof input === 'number' && typeof output === 'number' ? {input, output} : null;
  const choice = Array.isArray(completion.choices) ? completion.choices[0] : undefined;
  if (choice?.message?.refusal) return problem('refused', tokens);
  if (choice?.finish_reason === 'content_filter') return problem('refused (content filter)', tokens);
  if (choice?.finish_reason === 'length') return problem('cut off (limit of tokens)', tokens);
  const content = choice?.message?.content;
  if (typeof content !== 'string' || content === '') return problem('an empty answer', tokens);
  return {text: content, problem: null, tokens};
}

function errorIn(text: string | null): {code: string; message: string} {
  const {error} = (parsed(text ?? '') ?? {}) as {error?: {code?: unknown; message?: unknown} | string};
  if (typeof error === 'string') return {code: '', message: error};
  const {code, message} = error ?? {};
  return {code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : ''};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
