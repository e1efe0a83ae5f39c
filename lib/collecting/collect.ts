import {join, resolve} from 'node:path';
import {LabError} from '../errors';
import {takeLock} from '../storage';
import {type Offer, type PhotoApi, PhotoSearch} from './api';
import {checkPhoto, NoPhoto, type PhotoFacts} from './check';
import {type CollectedPhoto, Manifest, manifestName, type SkippedPhoto} from './manifest';
import {RequestFailed, type RequestLimits, Requests} from './requests';

export interface CollectOptions extends Partial<RequestLimits> {
  /** Where the photos go, a sub-folder for each class; made when it is not there. */
  folder: string;
  /** The classes, and where the photos of each come from. */
  classes: Readonly<Record<string, PhotoApi>>;
  /** Photos of each class in the end, those of earlier calls included. */
  perClass: number;
  /** Photos that are fetched at once. Default 4. */
  concurrency?: number;
  /** Larger photos are left out. Default 20 MB. */
  largestBytes?: number;
  /** Photos with a shorter side than so many pixels are left out. Default 64. */
  smallestSide?: number;
  /** So many photos in a row that cannot be had, or are none, end the collecting. Default 20. */
  failuresInARow?: number;
  onProgress?: (progress: CollectProgress) => void;
  /** Told of what does not stop the work: an API that has no more photos. */
  onWarning?: (message: string) => void;
  signal?: AbortSignal;
}

export interface CollectProgress {
  /** Photos in the folder, of all classes. */
  photos: number;
  of: number;
  /** Since this call began. */
  imagesPerSecond: number;
}

/** What lies in the folder after collecting. */
export interface Collection {
  /** Its full path: a data set for `openLab`. */
  folder: string;
  photos: CollectedPhoto[];
  /** What was left out, in this call or an earlier one, and why. */
  skipped: SkippedPhoto[];
}

const defaults = {
  requestsPerSecond: 5,
  attempts: 5,
  firstPause: 1_000,
  longestPause: 300_000,
  timeLimit: 60_000,
  concurrency: 4,
  largestBytes: 20e6,
  smallestSide: 64,
  failuresInARow: 20,
};

/** So many pages in a row without a photo that is new end the search in an API. */
const mostIdlePages = 5;

/**
 * Collects photos of each class from its API until there are `perClass` of each, or the API has no more. Every photo is
 * decoded as training does it; none is kept twice, neither the same file nor one that looks the same. Photos and
 * manifest are consistent after a kill at any moment, and another call goes on from there. Single photos that fail are
 * listed and left out.
 *
 * Throws LabError when an API wants a key or refuses it, cannot be reached or answers with something else, when photos
 * fail in a row, for a full disk and for options that cannot be; LockHeld while another collects into the folder; and
 * the signal's reason. What is collected by then is kept.
 */
export async function collectPhotos(options: CollectOptions): Promise<Collection> {
  const folder = resolve(options.folder);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const collecting = {...defaults, ...(given as unknown as CollectOptions), folder};
  checkOptions(collecting);
  const lock = takeLock(join(folder, '.collecting.lock'), `Photos are being collected into ${folder}`);
  try {
    return await new Collector(collecting, new Manifest(folder, lock)).run();
  } finally {
    lock.release();
  }
}

/** One class, and how far the search for its photos has come. */
interface Search {
  name: string;
  api: PhotoApi;
  photos: PhotoSearch;
  page: number;
  idlePages: number;
  kept: number;
  /** Ids that were offered in this call. */
  offered: Set<string>;
}

type Checked = typeof defaults & CollectOptions;

class Collector {
  private readonly requests: Requests;
  private readonly searches: Search[];
  /** What was left out in this call but may do another time. */
  private readonly passing: SkippedPhoto[] = [];
  private failures = 0;
  private readonly began = performance.now();
  private readonly before: number;
  /** The photo before is being looked at: they are compared and kept one by one. */
  private looking: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly options: Checked,
    private readonly manifest: Manifest,
  ) {
    this.requests = new Requests(options);
    const present = manifest.photos();
    this.searches = Object.entries(options.classes).map(([name, api]) => ({
      name,
      api,
      photos: new PhotoSearch(api, this.requests),
      page: 0,
      idlePages: 0,
      kept: present.filter((photo) => photo.class === name).length,
      offered: new Set(),
    }));
    this.before = this.kept;
  }

  async run(): Promise<Collection> {
    const {manifest, passing, searches} = this;
    this.report();
    // Page by page in turns, so that what an interruption leaves is as balanced as can be.
    for (let open = searches; open.length > 0; open = open.filter((search) => this.isOpen(search))) {
      for (const search of open) if (this.isOpen(search)) await this.collectPage(search);
    }
    const {folder} = this.options;
    return {folder, photos: manifest.photos(), skipped: [...manifest.skipped(), ...passing]};
  }

  private get kept(): number {
    return this.searches.reduce((sum, {kept}) => sum + kept, 0);
  }

  private isOpen({kept, idlePages}: Search): boolean {
    return kept < this.options.perClass && idlePages < mostIdlePages;
  }

  private async collectPage(search: Search): Promise<void> {
    const {perClass, signal, onWarning} = this.options;
    const offers = await search.photos.page(search.page++, signal);
    const before = search.kept;
    const unheard = [...new Map(offers.map((offer) => [offer.id, offer])).values()].filter(
      ({id}) => !search.offered.has(id),
    );
    for (const {id} of unheard) search.offered.add(id);
    const wanted = unheard.filter(({id}) => !this.manifest.has({api: search.api.address, id}));
    const leadsOn = wanted.length < unheard.length; // what earlier calls have looked at is passed by
    while (search.kept < perClass && wanted.length > 0) {
      await this.collectSeveral(search, wanted.splice(0, perClass - search.kept));
    }
    search.idlePages = search.kept > before || leadsOn ? 0 : search.idlePages + 1;
    if (offers.length === 0) search.idlePages = mostIdlePages;
    if (search.kept < perClass && !this.isOpen(search)) {
      const {name, kept, api} = search;
      onWarning?.(`${name}: ${kept} of ${perClass} photos; ${api.title} offers no more that are new.`);
    }
  }

  /** All of these side by side; the first error ends the others, which are waited for. */
  private async collectSeveral(search: Search, offers: Offer[]): Promise<void> {
    const {concurrency, signal} = this.options;
    const failed = new AbortController();
    const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
    const worker = async () => {
      for (let offer = offers.shift(); offer && !stop.aborted; offer = offers.shift()) {
        await this.collectOne(search, offer, stop).catch((error: unknown) => failed.abort(error));
      }
    };
    await Promise.all(Array.from({length: concurrency}, worker));
    stop.throwIfAborted();
  }

  private async collectOne(search: Search, offer: Offer, signal: AbortSignal): Promise<void> {
    const {largestBytes} = this.options;
    try {
      if (offer.id === '' || offer.address === '')
        throw new NoPhoto('offered without an id or an address that can be used');
      const {bytes} = await this.requests.get(offer.address, {largestBytes, signal});
      await this.inTurn(() => this.keep(search, offer, bytes, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NoPhoto || error instanceof RequestFailed)) throw error;
      const lasting = error instanceof NoPhoto || !error.failure.passing;
      this.leaveOut(search, offer, error.message, lasting);
      this.countFailure(offer, error.message);
    }
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.looking.then(work);
    this.looking = done.catch(() => undefined);
    return done;
  }

  private async keep(search: Search, offer: Offer, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const facts = await checkPhoto(bytes, this.options.smallestSide);
    signal.throwIfAborted();
    this.failures = 0;
    const alike = this.manifest.alike(facts);
    if (alike) {
      const same = alike.sha256 === facts.sha256 ? 'the same file as' : 'looks the same as';
      return this.leaveOut(search, offer, `${same} ${alike.file}`, true);
    }
    this.manifest.add(this.photo(search, offer, facts), bytes);
    search.kept++;
    this.report();
  }

  private photo(search: Search, offer: Offer, {ending, ...facts}: PhotoFacts): CollectedPhoto {
    const file = `${search.name}/${facts.sha256}.${ending}`;
    return {...this.origin(search, offer), file, licence: offer.licence, ...facts};
  }

  private origin({name, api}: Search, {id, address}: Offer) {
    return {class: name, api: api.address, id, source: address, time: new Date().toISOString()};
  }

  private leaveOut(search: Search, offer: Offer, reason: string, lasting: boolean): void {
    const left: SkippedPhoto = {...this.origin(search, offer), skipped: reason};
    if (lasting) this.manifest.skip(left);
    else this.passing.push(left);
  }

  private countFailure({address}: Offer, reason: string): void {
    const {failuresInARow} = this.options;
    if (++this.failures < failuresInARow) return;
    const host = URL.canParse(address) ? new URL(address).host : 'no host';
    throw new LabError(
      `${failuresInARow} photos in a row could not be had, the last one from ${host}: ${reason}. Check the network and look at ` +
        `the last lines of ${join(this.options.folder, manifestName)}; run again to go on with the photos after them.`,
    );
  }

  private report(): void {
    const {options, kept, before, began} = this;
    const seconds = Math.max(performance.now() - began, 1) / 1000;
    const of = this.searches.length * options.perClass;
    options.onProgress?.({photos: kept, of, imagesPerSecond: (kept - before) / seconds});
  }
}

function checkOptions(options: Checked): void {
  const {classes, perClass} = options;
  const names = Object.keys(classes);
  if (names.length === 0) {
    throw new LabError('There are no classes to collect. Give some: {cats: theCatApi, dogs: theDogApi}.');
  }
  const odd = names.find((name) => !/^[^./\\][^/\\]*$/.test(name));
  if (odd !== undefined) {
    throw new LabError(
      `The class '${odd}' is no name of a folder. Give one without slashes and leading dots.`,
    );
  }
  if (!(Number.isInteger(perClass) && perClass > 0)) {
    throw new LabError(`perClass is ${perClass}. Give a whole number of photos, such as 300.`);
  }
  for (const [name, normal] of Object.entries(defaults)) {
    const value = options[name as keyof typeof defaults];
    if (Number.isFinite(value) && value > 0 && (Number.isInteger(value) || name === 'requestsPerSecond'))
      continue;
    throw new LabError(`${name} is ${value}. Give a whole number above 0; its default is ${normal}.`);
  }
  if (process.env.LAB_OFFLINE) {
    throw new LabError(
      'Photos cannot be collected while LAB_OFFLINE is set. Unset it, or open a set that is at hand.',
    );
  }
}
