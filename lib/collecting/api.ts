/** APIs of photos of TheCatAPI's kind: `GET /v1/images/search` answers a page of {id, url} as JSON. */
import {proxyHint} from '../downloads';
import {LabError} from '../errors';
import {type Answer, type Request, RequestFailed, type Requests} from './requests';

export interface PhotoApi {
  title: string;
  /** Without a path: 'https://api.thecatapi.com'. */
  address: string;
  /** The environment's variable that may hold a key. */
  keyVariable?: string;
  /** Where a key is had. */
  keysFrom?: string;
}

export const theCatApi: PhotoApi = {
  title: 'TheCatAPI',
  address: 'https://api.thecatapi.com',
  keyVariable: 'CAT_API_KEY',
  keysFrom: 'https://thecatapi.com/signup',
};

export const theDogApi: PhotoApi = {
  title: 'TheDogAPI',
  address: 'https://api.thedogapi.com',
  keyVariable: 'DOG_API_KEY',
  keysFrom: 'https://thedogapi.com/signup',
};

/** A photo that an API offers. */
export interface Offer {
  id: string;
  address: string;
  /** As the API says; 'not stated' where it says nothing. */
  licence: string;
}

/** Whether the environment holds a key for each of these APIs; without one they offer a small basic set alone. */
export const hasKeys = (apis: Readonly<Record<string, PhotoApi>>): boolean =>
  Object.values(apis).every((api) => keyOf(api) !== null);

const perPage = {withKey: 100, withoutKey: 10};
const largestPage = 5e6;
/** What networks read as one picture. */
const formats = 'jpg,png';

/** The search of one API. The key lives in here alone: it goes into a header for the API's own origin, and nowhere else. */
export class PhotoSearch {
  private readonly key: string | null;

  /** Throws LabError for an address or a key that cannot be used. */
  constructor(
    private readonly api: PhotoApi,
    private readonly requests: Requests,
  ) {
    this.key = keyOf(api);
    checkAddress(api, this.key !== null);
  }

  /**
   * The photos of a page, from 0; none beyond the last. With a key pages follow one another, the oldest photos first;
   * without one each is drawn at random. Throws LabError where the API gives none, and the signal's reason.
   */
  async page(number: number, signal?: AbortSignal): Promise<Offer[]> {
    const query = new URLSearchParams(
      this.key === null
        ? {limit: String(perPage.withoutKey), mime_types: formats}
        : {limit: String(perPage.withKey), page: String(number), order: 'ASC', mime_types: formats},
    );
    const request: Request = {
      largestBytes: largestPage,
      headers: {accept: 'application/json'},
      secretHeaders: this.key === null ? {} : {'x-api-key': this.key},
      signal,
    };
    try {
      const answer = await this.requests.get(`${this.place}/v1/images/search?${query.toString()}`, request);
      return this.offersIn(answer);
    } catch (error) {
      throw error instanceof RequestFailed ? this.inWords(error) : error;
    }
  }

  private get place(): string {
    return this.api.address.replace(/\/+$/, '');
  }

  private get name(): string {
    return `${this.api.title} (${this.place})`;
  }

  private offersIn({bytes, type}: Answer): Offer[] {
    const text = bytes.toString('utf8').trim();
    const remedy = `Look at ${this.place}/v1/images/search in a browser, then run again.`;
    if (type.startsWith('text/html') || text.startsWith('<')) {
      throw new LabError(
        `${this.name} answers with a web page instead of JSON (a log-in page, a proxy?): ${this.quote(text)}. ${remedy}`,
      );
    }
    let list: unknown;
    try {
      list = JSON.parse(text);
    } catch {
      throw new LabError(`${this.name} answers with what is no JSON: ${this.quote(text)}. ${remedy}`);
    }
    if (!Array.isArray(list)) {
      throw new LabError(
        `${this.name} answers with JSON that is no list of photos: ${this.quote(text)}. ${remedy}`,
      );
    }
    return list.map((entry) => this.harmless(offerOf(entry)));
  }

  private inWords({message, failure: {status, said = ''}}: RequestFailed): LabError {
    const {api, name} = this;
    const reason = this.withoutKey(message);
    const words = said && !said.startsWith('<') ? `${reason}: ${this.quote(said)}` : reason;
    const keys = api.keysFrom ? ` at ${api.keysFrom}` : '';
    if (status === 401 || status === 403) {
      if (this.key !== null) {
        return new LabError(
          `${name} refuses the key in ${api.keyVariable} (${words}). Compare it with the one you were given, or get another` +
            `${keys}; set ${api.keyVariable} to it in the shell, start Jupyter from there and run again.`,
        );
      }
      const variable = api.keyVariable
        ? `set the environment's ${api.keyVariable} to it in the shell, start Jupyter from there and run again.`
        : `set a variable of the environment to it, and name that as the API's keyVariable.`;
      return new LabError(`${name} wants a key (${words}). Get one${keys}, ${variable}`);
    }
    if (status !== undefined && status < 500 && status !== 408 && status !== 429) {
      return new LabError(`${name}: ${words}. Check the API's address, then run again.`);
    }
    return new LabError(
      `${name} gives no answer that can be used: ${words}. Check the network and the address, or wait a while; then run ` +
        `again: it goes on from what is collected.${proxyHint()}`,
    );
  }

  /** What was said, should the key be repeated in it, without it. */
  private withoutKey(text: string): string {
    const {key} = this;
    if (key === null) return text;
    return text.replaceAll(key, '<key>').replaceAll(encodeURIComponent(key), '<key>');
  }

  /** The beginning of what was said, on one line. */
  private quote(text: string): string {
    const line = this.withoutKey(text).replace(/\s+/g, ' ');
    return line.length > 120 ? `${line.slice(0, 120)}...` : line;
  }

  /** As it may be asked for and written down: no photo's host gets the key, and no manifest. */
  private harmless({id, address, licence}: Offer): Offer {
    const isOpen = this.withoutKey(address) === address;
    return {id: this.withoutKey(id), address: isOpen ? address : '', licence: this.withoutKey(licence)};
  }
}

function offerOf(entry: unknown): Offer {
  const {id, url, licence, license} = (entry ?? {}) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' ? value.trim() : '');
  return {
    id: typeof id === 'number' ? String(id) : text(id),
    address: text(url),
    licence: text(licence) || text(license) || 'not stated',
  };
}

function keyOf({keyVariable}: PhotoApi): string | null {
  const key = keyVariable ? (process.env[keyVariable] ?? '').trim() : '';
  if (key === '') return null;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new LabError(
    `${keyVariable} holds a character that no key has (a space or a line break within, a letter beyond ASCII). Copy the key ` +
      `again, set ${keyVariable} to it in the shell, start Jupyter from there and run again.`,
  );
}

const ownNames = new Set(['localhost', '127.0.0.1', '[::1]']);

function checkAddress({title, address, keyVariable}: PhotoApi, hasKey: boolean): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new LabError(
      `The address of ${title} is '${address}'. Give one such as 'https://api.thecatapi.com'.`,
    );
  }
  if (hasKey && url.protocol === 'http:' && !ownNames.has(url.hostname)) {
    throw new LabError(
      `${title} (${address}) would get the key in ${keyVariable} over http, where anybody can read it. Give its https ` +
        `address, or leave keyVariable out.`,
    );
  }
}
